//! A TCP proxy for one directed edge between two nodes, with faults that can be set while it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Chunks that may wait for their time on a delayed edge.
const HELD_CHUNKS: usize = 256;

/// What is wrong with an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections break and new ones are closed at once.
    Cut,
    /// What the caller says is swallowed; the socket stays open.
    DropRequests,
    /// What the called answers is swallowed; the socket stays open.
    DropReplies,
    /// Both are swallowed, as by a real partition: nobody is told.
    Silence,
    /// Every chunk arrives so much later.
    Delay(Duration),
}

/// Which way bytes flow through an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Request,
    Reply,
}

impl Fault {
    fn drops(self, way: Way) -> bool {
        match self {
            Self::DropRequests => way == Way::Request,
            Self::DropReplies => way == Way::Reply,
            Self::Silence => true,
            Self::None | Self::Cut | Self::Delay(_) => false,
        }
    }

    fn delay(self) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            _ => Duration::ZERO,
        }
    }
}

/// One directed edge: who dials its address talks to the target.
#[derive(Debug)]
pub struct Edge {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    target: watch::Sender<SocketAddr>,
    accepting: JoinHandle<()>,
}

impl Edge {
    /// Opens an edge without a fault.
    pub async fn open(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (fault, faults) = watch::channel(Fault::None);
        let (target, targets) = watch::channel(target);
        let accepting = tokio::spawn(accept(listener, faults, targets));
        Ok(Self {
            address,
            fault,
            target,
            accepting,
        })
    }

    /// Where the caller dials.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the fault, for open connections too.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Leads to another listener from now on; open connections break.
    pub fn retarget(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Ends with the edge; its connections are aborted with it.
async fn accept(listener: TcpListener, fault: watch::Receiver<Fault>, target: watch::Receiver<SocketAddr>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((caller, _)) = accepted else { continue };
                if *fault.borrow() != Fault::Cut {
                    connections.spawn(carry(caller, fault.clone(), target.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection until either side closes it or a fault breaks it.
async fn carry(caller: TcpStream, mut fault: watch::Receiver<Fault>, mut target: watch::Receiver<SocketAddr>) {
    let address = *target.borrow_and_update();
    let Ok(called) = TcpStream::connect(address).await else {
        return;
    };
    // Without this a small frame waits for the last one's acknowledgement, and every edge looks delayed.
    if caller.set_nodelay(true).is_err() || called.set_nodelay(true).is_err() {
        return;
    }
    let (from_caller, to_caller) = caller.into_split();
    let (from_called, to_called) = called.into_split();
    let requests = pump(Way::Request, from_caller, to_called, fault.clone());
    let replies = pump(Way::Reply, from_called, to_caller, fault.clone());
    tokio::select! {
        () = requests => {}
        () = replies => {}
        _ = fault.wait_for(|fault| *fault == Fault::Cut) => {}
        _ = target.changed() => {}
    }
}

async fn pump(way: Way, from: OwnedReadHalf, to: OwnedWriteHalf, fault: watch::Receiver<Fault>) {
    let (queue, held) = mpsc::channel(HELD_CHUNKS);
    tokio::join!(receive(way, from, queue, fault), deliver(held, to));
}

async fn receive(
    way: Way,
    mut from: OwnedReadHalf,
    queue: mpsc::Sender<(Instant, Bytes)>,
    mut fault: watch::Receiver<Fault>,
) {
    let mut buffer = vec![0; 64 << 10];
    let mut lost = false;
    loop {
        tokio::select! {
            changed = fault.changed() => {
                // A stream with a hole in it cannot be healed, only replaced.
                if changed.is_err() || (lost && !fault.borrow().drops(way)) {
                    return;
                }
            }
            read = from.read(&mut buffer) => {
                let Ok(count @ 1..) = read else { return };
                let Some(chunk) = buffer.get(..count) else { return };
                let fault = *fault.borrow();
                if fault.drops(way) {
                    lost = true;
                } else if queue.send((Instant::now() + fault.delay(), Bytes::copy_from_slice(chunk))).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn deliver(mut held: mpsc::Receiver<(Instant, Bytes)>, mut to: OwnedWriteHalf) {
    while let Some((due, chunk)) = held.recv().await {
        tokio::time::sleep_until(due).await;
        if to.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait_for;

    const SOON: Duration = Duration::from_secs(5);

    /// A listener that says everything back, and an edge that leads to it.
    async fn edge_to_an_echo() -> Result<Edge> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let edge = Edge::open(listener.local_addr()?).await?;
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                connections.spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        Ok(edge)
    }

    /// Says one byte and reads the answer: `None` when the connection ended.
    async fn ask(stream: &mut TcpStream) -> Result<Option<u8>> {
        stream.write_all(b"x").await?;
        let mut answer = [0];
        Ok((stream.read(&mut answer).await? == 1).then_some(answer[0]))
    }

    async fn works(edge: &Edge) -> Result<Option<()>> {
        let mut stream = TcpStream::connect(edge.address()).await?;
        Ok(ask(&mut stream).await?.map(|_| ()))
    }

    #[tokio::test]
    async fn a_cut_edge_ends_its_connections_and_a_healed_one_works() -> Result<()> {
        let edge = edge_to_an_echo().await?;
        let mut open = TcpStream::connect(edge.address()).await?;
        assert_eq!(ask(&mut open).await?, Some(b'x'));
        edge.set(Fault::Cut);
        assert_ne!(open.read(&mut [0]).await.ok(), Some(1), "an open connection went on");
        assert!(
            works(&edge).await.ok().flatten().is_none(),
            "a new connection was let through"
        );
        edge.set(Fault::None);
        wait_for("the edge to work", SOON, async || works(&edge).await).await
    }

    #[tokio::test]
    async fn a_silent_edge_swallows_and_is_replaced_when_healed() -> Result<()> {
        for fault in [Fault::Silence, Fault::DropRequests, Fault::DropReplies] {
            let edge = edge_to_an_echo().await?;
            let mut open = TcpStream::connect(edge.address()).await?;
            assert_eq!(ask(&mut open).await?, Some(b'x'));
            edge.set(fault);
            let answer = tokio::time::timeout(Duration::from_millis(100), ask(&mut open)).await;
            assert!(answer.is_err(), "{fault:?} let {answer:?} through");
            edge.set(Fault::None);
            assert_ne!(open.read(&mut [0]).await.ok(), Some(1), "a stream with a hole went on");
            wait_for("the edge to work", SOON, async || works(&edge).await).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_delayed_edge_is_late_both_ways_and_keeps_the_order() -> Result<()> {
        let edge = edge_to_an_echo().await?;
        let delay = Duration::from_millis(40);
        edge.set(Fault::Delay(delay));
        let mut open = TcpStream::connect(edge.address()).await?;
        let asked = Instant::now();
        open.write_all(b"abc").await?;
        let mut answer = [0; 3];
        open.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"abc");
        assert!(asked.elapsed() >= 2 * delay);
        Ok(())
    }
}
