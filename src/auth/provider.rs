//! PORT: a running instance of an authenticator, whatever its backend.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::clock::Timestamp;
use super::credentials::Credentials;
use super::reason::Reason;
use super::verdict::Verdict;

/// A future that can be kept behind `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a provider could not decide. Never an allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct ProviderError {
    /// `BackendUnavailable`, `BackendTimeout`, `BackendBadResponse`, `Overloaded`, `PreconditionError`…
    pub reason: Reason,
    /// For operators; free of secrets.
    pub detail: String,
}

impl ProviderError {
    /// An error with its detail.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// How a provider's backend fares on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ProviderStatus {
    /// It answers.
    Connected,
    /// Not yet.
    Connecting,
    /// It does not.
    Disconnected,
    /// The authenticator is switched off.
    Disabled,
}

/// A provider's status, with the reason and since when.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Health {
    /// How it fares.
    pub status: ProviderStatus,
    /// Why, if it does not.
    pub error: String,
    /// Since when.
    pub since: Timestamp,
    /// When it answered last; `None`: never yet, or there is nothing to be asked.
    pub last_success: Option<Timestamp>,
    /// When it was last tried in the background.
    pub probed_at: Option<Timestamp>,
}

impl Health {
    /// Of a provider that asks nobody beyond this process.
    pub const fn of(status: ProviderStatus, error: String, since: Timestamp) -> Self {
        Self {
            status,
            error,
            since,
            last_success: None,
            probed_at: None,
        }
    }

    /// Of one that always works.
    pub const fn connected(since: Timestamp) -> Self {
        Self::of(ProviderStatus::Connected, String::new(), since)
    }
}

/// How much of a provider's way to its backend is taken just now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Logins that are being asked about.
    pub asking: u64,
    /// Logins that wait for their turn.
    pub waiting: u64,
    /// What it remembers, if it does.
    pub cache: Option<CacheFigures>,
}

/// How a provider's memory of answers fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CacheFigures {
    /// Answers in it, about.
    pub entries: u64,
    /// Answers that came from it since it was opened.
    pub hits: u64,
    /// Questions that had to be asked.
    pub misses: u64,
}

/// One running authenticator. Dropped when replaced, after the logins that began with it.
pub trait Provider: Send + Sync {
    /// Decides on a client. Called only with the credentials it asked for; must not hash on the caller's thread. Changes nothing,
    /// because Explain asks too, except that an exchange, which is good for one answer, ends by whoever answers it.
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>>;

    /// Told of each verdict of its own that counts: here, and not while it decides, it does what only a real login may bring
    /// about. Never blocks. A provider that wraps another passes it on.
    fn follow_up(&self, _credentials: &Credentials, _verdict: &Verdict) {}

    /// Whether it takes part in MQTT 5 enhanced authentication under this method; password providers take part in none.
    fn speaks(&self, _auth_method: &str) -> bool {
        false
    }

    /// How its backend fares.
    fn health(&self) -> Health;

    /// How busy it is.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// Forgets what it remembers of its backend's answers.
    fn purge(&self) {}

    /// What it means when a decision has taken too long.
    fn timed_out(&self) -> Reason {
        Reason::BackendTimeout
    }

    /// How long a decision may take.
    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }
}
