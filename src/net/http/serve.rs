//! Takes connections in, so many at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::Server;
use super::settings::HttpSettings;
use crate::net::{Drain, TlsError};

/// What the machine lacks (open files, memory) may be there again after so long.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// That there is no place is said so often at most.
const FULL_SAID_EVERY: Duration = Duration::from_secs(60);

/// Serves these routes until the drain begins, and then answers what is in progress. Every request carries
/// `ConnectInfo<SocketAddr>` and [`super::IsTls`] as extensions. Answers that never end by themselves must hear the drain too. TLS
/// material that cannot be used is an error at once.
pub fn serve_http(
    settings: &HttpSettings,
    listener: TcpListener,
    routes: Router,
    drain: Drain,
) -> Result<impl Future<Output = io::Result<()>> + Send + use<>, TlsError> {
    let server = Server::new(settings, settings.tls.http_server()?, routes, drain.clone());
    let mut door = Door {
        listener,
        places: Arc::new(Semaphore::new(settings.max_connections)),
        full_said: None,
    };
    Ok(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, peer, place) = tokio::select! {
                () = drain.begun() => break,
                came = door.next() => came?,
                Some(_ended) = connections.join_next() => continue,
            };
            let server = server.clone();
            connections.spawn(async move {
                server.serve(stream, peer).await;
                drop(place);
            });
        }
        // Nobody new gets in while the last ones are answered.
        drop(door);
        while connections.join_next().await.is_some() {}
        Ok(())
    })
}

struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    /// When it was last said that there is no place.
    full_said: Option<Instant>,
}

impl Door {
    /// The next connection, once there is a place for it. Those that come before wait in the kernel.
    async fn next(&mut self) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = self.place().await?;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return Ok((stream, peer, place)),
                // It went away while it waited.
                Err(why) if is_of_the_connection(&why) => {}
                Err(why) => {
                    tracing::warn!(%why, "HTTP: connections cannot be accepted");
                    pause().await;
                }
            }
        }
    }

    async fn place(&mut self) -> io::Result<OwnedSemaphorePermit> {
        if self.places.available_permits() == 0 && self.full_said.is_none_or(|said| said.elapsed() > FULL_SAID_EVERY) {
            self.full_said = Some(Instant::now());
            tracing::warn!("HTTP: as many connections as `http.max_connections` allows are open; further ones wait");
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.map_err(|_closed| io::ErrorKind::NotConnected.into())
    }
}

fn is_of_the_connection(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "backoff: asked again at once, it would fail again"
)]
async fn pause() {
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
