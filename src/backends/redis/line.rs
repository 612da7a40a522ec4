//! The kept connection to one server: opened when it is needed, shared by all questions, and replaced as soon as it is in doubt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Cmd, Value as Reply};

use super::dial::{Connection, Dialer};
use super::sentinel::Sentinels;
use super::trouble::{Kind, Trouble};
use crate::backends::address::Address;

/// Which server it leads to.
pub(super) enum End {
    /// This one.
    Fixed(Arc<Dialer>, Address),
    /// The one that sentinels name.
    Master(Box<Sentinels>),
}

/// The connection, if there is one.
pub(super) struct Line {
    end: End,
    kept: Mutex<Option<Arc<Connection>>>,
    connecting: tokio::sync::Mutex<()>,
}

/// Gives the connection up when a question on it is dropped that has waited in vain: while it waited nobody had an answer, so
/// perhaps nobody ever will. An answer that comes late harms no other question.
struct Waiting<'a> {
    line: &'a Line,
    connection: &'a Arc<Connection>,
    answers: u64,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.connection.pulse.answers() == self.answers {
            self.line.forget(self.connection);
        }
    }
}

impl Line {
    /// Opens nothing yet.
    pub(super) fn new(end: End) -> Self {
        Self {
            end,
            kept: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
        }
    }

    /// Asks; once more on a new connection if the kept one turns out to be lost.
    pub(super) async fn ask(&self, command: &Cmd, is_redirected: bool) -> Result<Reply, Trouble> {
        let (connection, is_new) = self.connection().await?;
        let asked = self.ask_on(&connection, command, is_redirected).await;
        match asked {
            Err(trouble) if trouble.kind == Kind::Lost && !is_new => {
                let (connection, _) = self.connection().await?;
                self.ask_on(&connection, command, is_redirected).await
            }
            other => other,
        }
    }

    /// Looks whether the connection leads to the right server still. That the sentinels are silent is no reason to give up a
    /// server that answers.
    pub(super) async fn check(&self) {
        let (End::Master(sentinels), Some(kept)) = (&self.end, self.peek()) else {
            return;
        };
        if let Ok(master) = sentinels.master().await
            && master != kept.peer
        {
            self.forget(&kept);
        }
    }

    async fn ask_on(&self, connection: &Arc<Connection>, command: &Cmd, is_redirected: bool) -> Result<Reply, Trouble> {
        let mut waiting = Waiting {
            line: self,
            connection,
            answers: connection.pulse.answers(),
            is_over: false,
        };
        let asked = connection.ask(command, is_redirected).await;
        waiting.is_over = true;
        let is_lost = matches!(&asked, Err(trouble) if trouble.kind == Kind::Lost);
        if is_lost || connection.is_flooded() {
            self.forget(connection);
        }
        asked
    }

    /// The connection, and whether it is a new one.
    async fn connection(&self) -> Result<(Arc<Connection>, bool), Trouble> {
        if let Some(kept) = self.peek() {
            return Ok((kept, false));
        }
        let _only_one_connects = self.connecting.lock().await;
        if let Some(kept) = self.peek() {
            return Ok((kept, true));
        }
        let opened = match &self.end {
            End::Fixed(dialer, address) => dialer.open(address).await?,
            End::Master(sentinels) => sentinels.open().await?,
        };
        let opened = Arc::new(opened);
        *self.kept() = Some(Arc::clone(&opened));
        Ok((opened, true))
    }

    fn peek(&self) -> Option<Arc<Connection>> {
        self.kept().clone()
    }

    fn forget(&self, lost: &Arc<Connection>) {
        let mut kept = self.kept();
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, lost)) {
            *kept = None;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
