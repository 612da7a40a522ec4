//! What a provider says of a client.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::reason::Reason;

/// A provider's answer. "Could not decide" is not among them: that is a [`super::ProviderError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not concerned: ask the next one (unknown user, missing credential…).
    Ignore(Finding),
    /// The client is who it says; final.
    Allow(Box<Identity>),
    /// The client is not; final.
    Deny(Denial),
    /// One more step of an exchange.
    Continue(Challenge),
}

impl Verdict {
    /// Not concerned, for a reason that says it all.
    pub fn ignore(reason: Reason) -> Self {
        Self::Ignore(reason.into())
    }

    /// Denied, for a reason that says it all.
    pub fn deny(reason: Reason) -> Self {
        Self::Deny(Denial::from(Finding::from(reason)))
    }
}

/// Why the client is not let in, and what an exchange tells it at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub finding: Finding,
    /// The last message of an exchange, for the client; mostly empty.
    pub auth_data: Vec<u8>,
}

impl From<Finding> for Denial {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            auth_data: Vec::new(),
        }
    }
}

/// Why, with what only operators are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of the closed list.
    pub reason: Reason,
    /// What the reason leaves open (which claim, which setting); free of secrets, mostly empty.
    pub detail: String,
}

impl Finding {
    /// A reason with its detail.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl From<Reason> for Finding {
    fn from(reason: Reason) -> Self {
        Self::new(reason, String::new())
    }
}

/// What is known of an accepted client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Bypasses authorization at the caller's.
    pub is_superuser: bool,
    /// Attributes to merge over the caller's.
    pub client_attrs: BTreeMap<String, String>,
    /// When the connection must end.
    pub expire_at: Option<Timestamp>,
    /// Client identifier to use instead.
    pub client_id_override: String,
    /// Rules to check before all others.
    pub acl: Vec<AclRule>,
    /// The last message of an exchange.
    pub auth_data: Vec<u8>,
    /// The revision of the record that vouches for the client, if it is not made as records are made now. Never leaves the node:
    /// it is how [`super::Provider::authenticate`] tells [`super::Provider::follow_up`] what a login found.
    pub outdated: Option<u64>,
    /// How it was found out, for operators; free of secrets, mostly empty.
    pub detail: String,
}

/// One access rule that comes with an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclRule {
    /// `allow` or `deny`.
    pub permission: String,
    /// `publish`, `subscribe` or `all`.
    pub action: String,
    /// Topic filter.
    pub topic: String,
    /// Qualities of service; empty: all.
    pub qos: Vec<u32>,
    /// Retained messages only or not; `None`: both.
    pub retain: Option<bool>,
}

/// What the client must answer next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Bytes for the client.
    pub auth_data: Vec<u8>,
    /// Sealed state that comes back with the client's answer.
    pub exchange: Vec<u8>,
}
