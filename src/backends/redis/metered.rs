//! A connection that is listened to: how much came since the last answer, and whether one came at all.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Signs of life of a connection.
pub(super) struct Pulse {
    /// Bytes since the last answer.
    unanswered: AtomicU64,
    answers: AtomicU64,
    is_flooded: AtomicBool,
    /// The most bytes that answers may have which are under way at once.
    most: u64,
}

impl Pulse {
    pub(super) const fn new(most: u64) -> Self {
        Self {
            unanswered: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            is_flooded: AtomicBool::new(false),
            most,
        }
    }

    /// An answer has come.
    pub(super) fn answered(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers so far.
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Why it was given up, if an answer was too long.
    pub(super) fn flood(&self) -> Option<String> {
        let is_flooded = self.is_flooded.load(Ordering::Relaxed);
        is_flooded.then(|| format!("an answer is longer than {} bytes", self.most))
    }

    fn received(&self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        if self.unanswered.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.most {
            return Ok(());
        }
        self.is_flooded.store(true, Ordering::Relaxed);
        Err(io::Error::other("an answer is too long"))
    }
}

/// The connection itself.
pub(super) struct Metered<S> {
    pub(super) stream: S,
    pub(super) pulse: Arc<Pulse>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.pulse.received(buf.filled().len().saturating_sub(before)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
