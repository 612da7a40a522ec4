//! What a handler is told of how a request came, and the count of those in progress on one connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::Service as _;

/// Whether the request came over TLS: an extension of every request, beside `ConnectInfo<SocketAddr>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsTls(pub bool);

/// How the requests of one connection come.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// The socket at the other end.
    pub(super) peer: SocketAddr,
    /// Whether there is TLS.
    pub(super) is_tls: IsTls,
}

/// Hands a request to the routes. Until its answer has left, it counts as in progress.
pub(super) fn answer<B>(
    routes: &Router,
    origin: Origin,
    in_progress: &InProgress,
    mut request: Request<B>,
) -> impl Future<Output = Result<Response<Counted>, Infallible>> + use<B>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let counted = in_progress.begin();
    request.extensions_mut().insert(ConnectInfo(origin.peer));
    request.extensions_mut().insert(origin.is_tls);
    // A router is ready at any time, and each call needs one of its own.
    let answer = routes.clone().call(request);
    async move {
        let response = answer.await?;
        Ok(response.map(|body| Counted { body, _one: counted }))
    }
}

/// Requests of one connection that are in progress.
#[derive(Clone)]
pub(super) struct InProgress(watch::Sender<usize>);

impl InProgress {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    fn begin(&self) -> One {
        self.0.send_modify(|count| *count += 1);
        One(self.0.clone())
    }

    /// Resolves once there has been none for so long.
    pub(super) async fn none_for(&self, limit: Duration) {
        let mut count = self.0.subscribe();
        loop {
            // The sender is here, so neither wait can fail.
            drop(count.wait_for(|count| *count == 0).await);
            if timeout(limit, count.wait_for(|count| *count > 0)).await.is_err() {
                return;
            }
        }
    }
}

/// One request in progress.
struct One(watch::Sender<usize>);

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The body of an answer, whose request is in progress as long as it is there.
pub(super) struct Counted {
    body: Body,
    _one: One,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
