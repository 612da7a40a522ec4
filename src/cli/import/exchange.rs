//! One attempt: the file goes to a node, progress comes back.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::bar::Bar;
use super::rejects::Rejects;
use super::totals::Totals;
use crate::wire::pb::v1::import_users_request::Part;
use crate::wire::pb::v1::{ImportUsersHeader, ImportUsersProgress, ImportUsersRequest};
use crate::wire::{Client, ClientError};

/// Read and sent at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks read ahead of the network.
const CHUNKS_AHEAD: usize = 4;
/// A node says each second how far it is: one that is silent for so long is gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(15);

/// Why an attempt ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another attempt, or another node, may go on.
    Passing(anyhow::Error),
    /// It would only fail again.
    Lasting(anyhow::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        // What a node says of itself carries a reason; what only the transport says does not.
        let is_of_a_node = status.get_error_details().error_info().is_some();
        let passes = match status.code() {
            Code::Unavailable => true,
            Code::DeadlineExceeded => is_of_a_node,
            Code::Unknown | Code::Internal | Code::Cancelled => !is_of_a_node,
            _ => false,
        };
        if passes {
            Self::Passing(status.into())
        } else {
            Self::Lasting(status.into())
        }
    }
}

impl Failure {
    /// Of an attempt to connect.
    pub(super) fn to_connect(error: anyhow::Error) -> Self {
        match error.downcast_ref() {
            Some(ClientError::Unreachable { .. }) => Self::Passing(error),
            _ => Self::Lasting(error),
        }
    }
}

/// Where the progress goes.
pub(super) struct Listener<'a> {
    pub(super) totals: &'a mut Totals,
    pub(super) rejects: Option<&'a mut Rejects>,
    pub(super) bar: &'a Bar,
}

impl Listener<'_> {
    fn take(&mut self, message: ImportUsersProgress) -> Result<(), Failure> {
        if let Some(rejects) = &mut self.rejects {
            rejects.add(&message.bad_rows).map_err(Failure::Lasting)?;
        }
        self.totals.take(message);
        self.bar.show(self.totals);
        Ok(())
    }
}

/// Sends the file and takes the progress at the same time, until the node says that it is done.
pub(super) async fn exchange(
    client: &Client,
    header: ImportUsersHeader,
    file: &mut (dyn AsyncRead + Unpin),
    listener: Listener<'_>,
) -> Result<(), Failure> {
    let (parts, received) = mpsc::channel(CHUNKS_AHEAD);
    let (begun, began) = oneshot::channel();
    // Kept until the whole file was read: if reading breaks off, the call is dropped before its stream can end, because
    // half a file must not look like a whole one.
    let mut keep_open = Some(parts.clone());
    let sending = async {
        send(header, file, parts, began).await.map_err(Failure::Lasting)?;
        keep_open.take();
        Ok(())
    };
    tokio::try_join!(receive(client, received, begun, listener), sending)?;
    Ok(())
}

/// Nothing of the file goes before the node has told the id of the import: without it what was stored could not be resumed.
async fn send(
    header: ImportUsersHeader,
    file: &mut (dyn AsyncRead + Unpin),
    parts: mpsc::Sender<ImportUsersRequest>,
    began: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let request = |part| ImportUsersRequest { part: Some(part) };
    // Where nobody listens any more, the other half knows why.
    if parts.send(request(Part::Header(header))).await.is_err() || began.await.is_err() {
        return Ok(());
    }
    loop {
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
        if file.read_buf(&mut chunk).await.context("cannot read the file")? == 0 {
            return Ok(());
        }
        if parts.send(request(Part::Data(chunk.freeze()))).await.is_err() {
            return Ok(());
        }
    }
}

async fn receive(
    client: &Client,
    parts: mpsc::Receiver<ImportUsersRequest>,
    begun: oneshot::Sender<()>,
    mut listener: Listener<'_>,
) -> Result<(), Failure> {
    let silent = |_| Failure::Passing(anyhow!("the node has said nothing for {LONGEST_SILENCE:?}"));
    let mut begun = Some(begun);
    let mut users = client.users();
    let answer = timeout(LONGEST_SILENCE, users.import(ReceiverStream::new(parts)));
    let mut progress = answer.await.map_err(silent)??.into_inner();
    loop {
        let Some(message) = timeout(LONGEST_SILENCE, progress.message()).await.map_err(silent)?? else {
            return Err(Failure::Passing(anyhow!(
                "the node ended the import without saying that it is done"
            )));
        };
        let is_done = message.done;
        listener.take(message)?;
        if let Some(begun) = begun.take() {
            let _ = begun.send(());
        }
        if is_done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;
    use tonic_types::ErrorDetails;

    use super::*;

    fn begun() -> oneshot::Receiver<()> {
        let (begun, began) = oneshot::channel();
        begun.send(()).unwrap();
        began
    }

    #[tokio::test]
    async fn the_header_goes_first_and_the_bytes_follow_in_order() {
        let text = "user_id,password\n".repeat(20_000);
        let (parts, mut received) = mpsc::channel(CHUNKS_AHEAD);
        let mut file = text.as_bytes();
        let sending = send(ImportUsersHeader::default(), &mut file, parts, begun());
        let taking = async {
            let first = received.recv().await.and_then(|request| request.part);
            assert!(matches!(first, Some(Part::Header(_))));
            let mut all = Vec::new();
            while let Some(Part::Data(data)) = received.recv().await.and_then(|request| request.part) {
                all.extend_from_slice(&data);
            }
            all
        };
        let (sent, all) = tokio::join!(sending, taking);
        sent.unwrap();
        assert_eq!(all, text.as_bytes());
    }

    #[tokio::test]
    async fn nothing_of_the_file_goes_before_the_import_has_an_id() {
        let (parts, mut received) = mpsc::channel(CHUNKS_AHEAD);
        let (begun, began) = oneshot::channel();
        drop(begun);
        send(ImportUsersHeader::default(), &mut &b"x"[..], parts, began)
            .await
            .unwrap();
        assert!(matches!(
            received.recv().await.and_then(|request| request.part),
            Some(Part::Header(_))
        ));
        assert!(received.recv().await.is_none());
    }

    struct Broken;

    impl AsyncRead for Broken {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Err(std::io::Error::other("the disk is gone")))
        }
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_is_an_error() {
        let (parts, _received) = mpsc::channel(CHUNKS_AHEAD);
        let sent = send(ImportUsersHeader::default(), &mut Broken, parts, begun()).await;
        assert!(format!("{:#}", sent.unwrap_err()).contains("the disk is gone"));
    }

    #[test]
    fn a_lost_connection_passes_and_a_refusal_lasts() {
        let told = |code| {
            let mut details = ErrorDetails::new();
            details.set_error_info("INTERNAL", "portcullis", std::collections::HashMap::new());
            Status::with_error_details(code, "", details)
        };
        for passing in [
            Status::unknown("transport error"),
            Status::unavailable(""),
            told(Code::Unavailable),
            told(Code::DeadlineExceeded),
        ] {
            assert!(matches!(Failure::from(passing), Failure::Passing(_)));
        }
        for lasting in [
            told(Code::Internal),
            Status::invalid_argument(""),
            Status::permission_denied(""),
            Status::deadline_exceeded(""),
        ] {
            assert!(matches!(Failure::from(lasting), Failure::Lasting(_)));
        }
    }
}
