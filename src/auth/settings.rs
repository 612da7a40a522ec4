//! The cluster's settings: one replicated object.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;

/// What a chain without an enabled authenticator answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoAuthenticator {
    /// Allow, as the field's users know it.
    #[default]
    Allow,
    /// Deny.
    Deny,
}

/// What holds for the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// What a chain without an enabled authenticator answers.
    pub no_authenticator: NoAuthenticator,
    /// Whether clients are told the exact reason of a denial.
    pub detailed_reasons: bool,
    /// Past it, `LOCAL` logins answer UNAVAILABLE.
    pub max_staleness: Duration,
    /// An operator's session ends after so long without use.
    pub session_idle: Duration,
    /// It ends after so long however much it is used.
    pub session_lifetime: Duration,
    /// Raft index of the last change; 0: never changed.
    pub revision: u64,
    /// Wall time of the last change.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            no_authenticator: NoAuthenticator::default(),
            detailed_reasons: false,
            max_staleness: Duration::from_secs(300),
            session_idle: Duration::from_secs(30 * 60),
            session_lifetime: Duration::from_secs(12 * 3600),
            revision: 0,
            updated_at: Timestamp::default(),
            updated_by: String::new(),
        }
    }
}
