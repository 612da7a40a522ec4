//! Connections to a backend that are kept for the next question. How many there are at once is bounded by who asks.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::auth::{ProviderError, Reason};

/// How a connection is made, and how a question is asked through one.
pub(super) trait Link: Send + Sync + 'static {
    /// Dropping it closes it, whatever goes on in it.
    type Connection: Send + 'static;
    type Question: Sync;
    type Answer: Send;

    /// Makes a connection and logs in. An error is for operators and free of secrets.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, String>> + Send;

    /// Asks.
    fn ask(
        &self,
        connection: &mut Self::Connection,
        question: &Self::Question,
    ) -> impl Future<Output = Result<Self::Answer, Trouble>> + Send;

    /// Whether another question can be asked after one that was answered.
    fn is_usable(connection: &Self::Connection) -> bool;
}

/// Why there is no answer.
pub(super) enum Trouble {
    /// The connection is of no use any more.
    Lost(String),
    /// The server has answered, but not what was asked for; the connection serves on.
    Failed(ProviderError),
}

/// A link, and the connections that nobody uses just now.
pub(super) struct Idle<L: Link> {
    link: L,
    connections: Mutex<Vec<L::Connection>>,
    most: usize,
    connect_timeout: Duration,
}

/// Notices if a question is dropped before its end: then its connection goes with it, and those beside it are doubtful too, since
/// a server that hangs or a way that is blocked spoils them all.
struct Abandoned<'a, L: Link>(Option<&'a Idle<L>>);

impl<L: Link> Drop for Abandoned<'_, L> {
    fn drop(&mut self) {
        if let Some(idle) = self.0 {
            idle.forget_all();
        }
    }
}

impl<L: Link> Idle<L> {
    /// Keeps so many at most.
    pub(super) fn new(link: L, most: usize, connect_timeout: Duration) -> Self {
        Self {
            link,
            connections: Mutex::default(),
            most,
            connect_timeout,
        }
    }

    /// Asks through a kept connection or a new one. A kept one that turns out to be dead, because the server was started anew or
    /// has hung up on an idle client, is no answer: then a new one is made, once.
    pub(super) async fn ask(&self, question: &L::Question) -> Result<L::Answer, ProviderError> {
        let mut abandoned = Abandoned(Some(self));
        let answer = self.ask_somehow(question).await;
        abandoned.0 = None;
        answer
    }

    async fn ask_somehow(&self, question: &L::Question) -> Result<L::Answer, ProviderError> {
        if let Some(connection) = self.take() {
            match self.through(connection, question).await {
                // What has befallen it has befallen the others.
                Err(Trouble::Lost(_)) => self.forget_all(),
                Err(Trouble::Failed(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
            }
        }
        let connection = self.connect().await?;
        self.through(connection, question)
            .await
            .map_err(|trouble| match trouble {
                Trouble::Lost(why) => ProviderError::new(Reason::BackendUnavailable, why),
                Trouble::Failed(error) => error,
            })
    }

    async fn connect(&self) -> Result<L::Connection, ProviderError> {
        match timeout(self.connect_timeout, self.link.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(why)) => Err(ProviderError::new(Reason::BackendUnavailable, why)),
            Err(_) => {
                let why = format!("no connection within {:?}", self.connect_timeout);
                Err(ProviderError::new(Reason::BackendTimeout, why))
            }
        }
    }

    async fn through(&self, mut connection: L::Connection, question: &L::Question) -> Result<L::Answer, Trouble> {
        let answer = self.link.ask(&mut connection, question).await;
        if !matches!(answer, Err(Trouble::Lost(_))) && L::is_usable(&connection) {
            self.put_back(connection);
        }
        answer
    }

    /// The one that was used last, so that those too many grow old.
    fn take(&self) -> Option<L::Connection> {
        self.connections().pop()
    }

    fn put_back(&self, connection: L::Connection) {
        let mut connections = self.connections();
        if connections.len() < self.most {
            connections.push(connection);
        }
    }

    fn forget_all(&self) {
        let forgotten = std::mem::take(&mut *self.connections());
        // Not under the lock: closing may take its time.
        drop(forgotten);
    }

    fn connections(&self) -> MutexGuard<'_, Vec<L::Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::{Idle, Link, Trouble};
    use crate::auth::{ProviderError, Reason};

    /// Numbers its connections; those before `dead` are dead.
    #[derive(Default)]
    struct Numbered {
        made: AtomicU32,
        dead: AtomicU32,
        refuses: bool,
    }

    enum Question {
        Number,
        Nonsense,
        Last,
        Hang,
    }

    struct Connection {
        number: u32,
        is_spent: bool,
    }

    impl Link for Numbered {
        type Connection = Connection;
        type Question = Question;
        type Answer = u32;

        async fn connect(&self) -> Result<Connection, String> {
            if self.refuses {
                return Err("refused".to_owned());
            }
            let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(Connection {
                number,
                is_spent: false,
            })
        }

        async fn ask(&self, connection: &mut Connection, question: &Question) -> Result<u32, Trouble> {
            if connection.number <= self.dead.load(Ordering::Relaxed) {
                return Err(Trouble::Lost("dead".to_owned()));
            }
            match question {
                Question::Number => Ok(connection.number),
                Question::Nonsense => Err(Trouble::Failed(ProviderError::new(Reason::BackendBadResponse, "what?"))),
                Question::Last => {
                    connection.is_spent = true;
                    Ok(connection.number)
                }
                Question::Hang => std::future::pending().await,
            }
        }

        fn is_usable(connection: &Connection) -> bool {
            !connection.is_spent
        }
    }

    fn idle(link: Numbered) -> Idle<Numbered> {
        Idle::new(link, 2, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn a_connection_serves_again_unless_it_is_spent() {
        let idle = idle(Numbered::default());
        for question in [Question::Number, Question::Last] {
            assert_eq!(idle.ask(&question).await.unwrap(), 1);
        }
        assert_eq!(idle.ask(&Question::Number).await.unwrap(), 2);
        assert_eq!(
            idle.ask(&Question::Nonsense).await.unwrap_err().reason,
            Reason::BackendBadResponse
        );
        assert_eq!(idle.ask(&Question::Number).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn dead_ones_are_replaced_once_and_a_dead_new_one_is_a_failure() {
        let idle = idle(Numbered::default());
        idle.ask(&Question::Number).await.unwrap();
        idle.link.dead.store(1, Ordering::Relaxed);
        assert_eq!(idle.ask(&Question::Number).await.unwrap(), 2);
        idle.link.dead.store(9, Ordering::Relaxed);
        let error = idle.ask(&Question::Number).await.unwrap_err();
        assert_eq!((error.reason, &*error.detail), (Reason::BackendUnavailable, "dead"));
    }

    #[tokio::test]
    async fn a_question_that_is_given_up_takes_its_connection_and_the_idle_ones_along() {
        let idle = idle(Numbered::default());
        let (one, two) = tokio::join!(idle.connect(), idle.connect());
        idle.put_back(one.unwrap());
        idle.put_back(two.unwrap());
        let given_up = tokio::time::timeout(Duration::ZERO, idle.ask(&Question::Hang)).await;
        assert!(given_up.is_err());
        assert_eq!(idle.ask(&Question::Number).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn who_is_not_let_in_is_told_why() {
        let idle = idle(Numbered {
            refuses: true,
            ..Numbered::default()
        });
        let error = idle.ask(&Question::Number).await.unwrap_err();
        assert_eq!((error.reason, &*error.detail), (Reason::BackendUnavailable, "refused"));
    }
}
