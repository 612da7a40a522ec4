//! One connection, from its first byte to its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::request::{InProgress, IsTls, Origin, answer};
use super::settings::HttpSettings;
use crate::net::Drain;
use crate::net::tls::HTTP_2;

/// What a connection that is to end may still take, after its last answer has left.
const GOODBYE: Duration = Duration::from_millis(500);
/// Requests of one HTTP/2 connection that may be in progress.
const STREAMS: u32 = 128;
/// An HTTP/2 connection that is silent so long is asked whether it is still there …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// … and closed if it does not say so in time.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests reset before they were served, and by our own errors: floods are cut off here.
const PENDING_RESETS: usize = 20;
const LOCAL_RESETS: usize = 256;

/// How connections are served. Cheap to clone.
#[derive(Clone)]
pub(super) struct Server {
    routes: Router,
    http_1: http1::Builder,
    http_2: http2::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    head_timeout: Duration,
    drain: Drain,
}

impl Server {
    pub(super) fn new(settings: &HttpSettings, tls: Option<Arc<ServerConfig>>, routes: Router, drain: Drain) -> Self {
        let mut http_1 = http1::Builder::new();
        http_1.max_header_size(usize::try_from(settings.max_head_bytes).unwrap_or(usize::MAX));
        let mut http_2 = http2::Builder::new(TokioExecutor::new());
        http_2
            .timer(TokioTimer::new())
            .max_header_list_size(settings.max_head_bytes)
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(LOCAL_RESETS);
        Self {
            routes,
            http_1,
            http_2,
            tls: tls.map(TlsAcceptor::from),
            head_timeout: Duration::from_millis(settings.head_timeout_ms),
            drain,
        }
    }

    /// Until either side has had enough. What goes wrong on the way is the other side's affair and common: scanners, aborted loads.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let is_tls = IsTls(self.tls.is_some());
        let origin = Origin { peer, is_tls };
        let Some(tls) = &self.tls else {
            return self.answer(stream, origin, false).await;
        };
        let shaken = tokio::select! {
            shaken = timeout(self.head_timeout, tls.accept(stream)) => shaken,
            () = self.drain.begun() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let is_http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
                self.answer(stream, origin, is_http_2).await;
            }
            Ok(Err(why)) => tracing::debug!(%peer, %why, "HTTP: no TLS"),
            Err(_) => tracing::debug!(%peer, "HTTP: no TLS in time"),
        }
    }

    /// The version is known, so nothing waits for bytes that tell it.
    async fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, origin: Origin, is_http_2: bool) {
        let in_progress = InProgress::new();
        let service = service_fn(|request| answer(&self.routes, origin, &in_progress, request));
        let stream = TokioIo::new(stream);
        let ended = if is_http_2 {
            let connection = self.http_2.serve_connection(stream, service);
            self.run(connection, &in_progress).await
        } else {
            let connection = self.http_1.serve_connection(stream, service);
            self.run(connection, &in_progress).await
        };
        if let Err(why) = ended {
            tracing::debug!(peer = %origin.peer, %why, "HTTP: the connection broke");
        }
    }

    /// Ends a connection that is silent for too long or outlives the server. Only what is in progress holds it up.
    async fn run<C: GracefulConnection>(&self, connection: C, in_progress: &InProgress) -> Result<(), C::Error> {
        let mut connection = pin!(connection);
        tokio::select! {
            ended = &mut connection => return ended,
            () = in_progress.none_for(self.head_timeout) => {}
            () = self.drain.begun() => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection => ended,
            () = in_progress.none_for(GOODBYE) => Ok(()),
        }
    }
}
