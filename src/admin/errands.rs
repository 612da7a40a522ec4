//! What operators have done on every node: figures set to zero, memories purged, settings tried.

use std::time::Duration;

use serde_json::Value;

use super::authenticator_draft::AuthenticatorDraft;
use super::authenticators::{checked_draft, key_of};
use super::error::AdminError;
use super::handle::Admin;
use crate::auth::{AuthenticatorKey, AuthenticatorRecord, Health, ProviderStatus};
use crate::cluster::{Done, Errand};

/// Nodes do these at once.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A backend may take so long to answer when it is tried.
const TRYING: Duration = Duration::from_secs(20);

/// What became of an errand on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOutcome {
    /// Which node.
    pub node: u64,
    /// Why it was not done.
    pub outcome: Result<(), String>,
}

/// How a backend fares that was tried on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTest {
    /// Which node.
    pub node: u64,
    /// How it fares and how long that took to find out; or why the node did not try.
    pub tried: Result<(Health, Duration), String>,
}

impl Admin {
    /// Sets an authenticator's figures to zero on every node.
    pub async fn reset_metrics(&self, chain: &str, id: &str) -> Result<Vec<NodeOutcome>, AdminError> {
        let key = key_of(chain, id)?;
        self.declared(&key)?;
        Ok(self.everywhere(Errand::ResetFigures(key)).await)
    }

    /// Has every node forget what an authenticator remembers of its backend's answers.
    pub async fn purge_cache(&self, chain: &str, id: &str) -> Result<Vec<NodeOutcome>, AdminError> {
        let key = key_of(chain, id)?;
        self.declared(&key)?;
        Ok(self.everywhere(Errand::PurgeCache(key)).await)
    }

    /// Opens and tries the given settings on every node, and stores nothing.
    pub async fn test_authenticator(&self, draft: AuthenticatorDraft) -> Result<Vec<NodeTest>, AdminError> {
        let record = self.checked_record(draft)?;
        let done = self.cluster.everywhere(Errand::Test(Box::new(record)), TRYING).await;
        let shown = |(node, done)| NodeTest {
            node,
            tried: match done {
                Done::Tried { health, took } => Ok((health, took)),
                Done::Failed(why) => Err(why),
                Done::Done | Done::Trial(_) | Done::Told(_) => Err("the node did not try".to_owned()),
            },
        };
        Ok(done.into_iter().map(shown).collect())
    }

    /// Whether the draft could be stored, without storing or trying it.
    pub fn check_authenticator(&self, draft: AuthenticatorDraft) -> Result<(), AdminError> {
        self.checked_record(draft).map(drop)
    }

    /// The draft as a record that could be stored. Where it names an authenticator that is stored, `"******"` stands for that one's
    /// secrets.
    pub(super) fn checked_record(&self, draft: AuthenticatorDraft) -> Result<AuthenticatorRecord, AdminError> {
        let stored = |key: &AuthenticatorKey| {
            let stored = self.store.authenticator(key);
            let settings = stored.and_then(|stored| serde_json::from_str(&stored.settings).ok());
            settings.unwrap_or(Value::Null)
        };
        let record = checked_draft(draft, stored)?;
        self.check_affordable(&record)?;
        Ok(record)
    }

    async fn everywhere(&self, errand: Errand) -> Vec<NodeOutcome> {
        let done = self.cluster.everywhere(errand, AT_ONCE).await;
        let shown = |(node, done)| NodeOutcome {
            node,
            outcome: match done {
                Done::Failed(why) => Err(why),
                Done::Done | Done::Tried { .. } | Done::Trial(_) | Done::Told(_) => Ok(()),
            },
        };
        done.into_iter().map(shown).collect()
    }
}

impl NodeTest {
    /// Whether the backend works there.
    pub fn works(&self) -> bool {
        matches!(&self.tried, Ok((health, _)) if health.status == ProviderStatus::Connected)
    }
}
