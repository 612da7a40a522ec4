//! What operators have done on every node: figures set to zero, memories purged, settings tried.

use std::time::Duration;

use serde_json::{Map, Value};

use super::authenticator_draft::AuthenticatorDraft;
use super::authenticator_settings::{hide_kept, schema_of};
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

    /// The settings of a draft as they would be stored, with what their kind fills in; a secret that is kept stays hidden. As they
    /// are, if something is wrong with them.
    pub fn filled_draft(&self, draft: &AuthenticatorDraft) -> Map<String, Value> {
        filled(draft, |key| self.stored_settings(key))
    }

    fn stored_settings(&self, key: &AuthenticatorKey) -> Value {
        let stored = self.store.authenticator(key);
        let settings = stored.and_then(|stored| serde_json::from_str(&stored.settings).ok());
        settings.unwrap_or(Value::Null)
    }

    /// The draft as a record that could be stored. Where it names an authenticator that is stored, `"******"` stands for that one's
    /// secrets.
    pub(super) fn checked_record(&self, draft: AuthenticatorDraft) -> Result<AuthenticatorRecord, AdminError> {
        let record = checked_draft(draft, |key| self.stored_settings(key))?;
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

fn filled(draft: &AuthenticatorDraft, stored: impl FnOnce(&AuthenticatorKey) -> Value) -> Map<String, Value> {
    let given = Value::Object(draft.settings.clone());
    let record = checked_draft(draft.clone(), stored).ok();
    let settings = record.and_then(|record| {
        let schema = schema_of(&record.mechanism, &record.backend)?;
        let mut settings = serde_json::from_str(&record.settings).ok()?;
        hide_kept(&mut settings, &given, schema);
        Some(settings)
    });
    match settings {
        Some(Value::Object(settings)) => settings,
        _ => draft.settings.clone(),
    }
}

impl NodeTest {
    /// Whether the backend works there.
    pub fn works(&self) -> bool {
        matches!(&self.tried, Ok((health, _)) if health.status == ProviderStatus::Connected)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AuthenticatorDraft, filled};

    #[test]
    fn a_draft_is_filled_in_around_a_secret_that_is_kept() {
        // The stars themselves are no base64.
        let settings =
            |secret: &str| json!({"algorithm": "hmac-based", "secret": secret, "secret_base64_encoded": true});
        let draft = |settings: Value| AuthenticatorDraft {
            mechanism: "jwt".into(),
            settings: settings.as_object().cloned().unwrap(),
            ..AuthenticatorDraft::default()
        };
        let good = "aGlkZGVuIGhpZGRlbiBoaWRkZW4gaGlkZGVuIGhpZGRlbg==";
        let kept = filled(&draft(settings("******")), |_| settings(good));
        assert_eq!((&kept["secret"], &kept["from"]), (&json!("******"), &json!("password")));
        let typed = filled(&draft(settings(good)), |_| settings("another"));
        assert_eq!((&typed["secret"], &typed["from"]), (&json!(good), &json!("password")));
        let faulty = filled(&draft(json!({"algorithm": "none"})), |_| Value::Null);
        assert_eq!(Value::Object(faulty), json!({"algorithm": "none"}));
    }
}
