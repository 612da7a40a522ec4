//! An authenticator as an operator wants it: to be made, or to be changed.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::OnFailure;
use crate::backends::Violation;

/// An authenticator to be made. Its `Debug` shows no settings, which may hold secrets.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuthenticatorDraft {
    /// Empty: `global`.
    pub chain: String,
    /// Empty: `mechanism:backend`.
    pub id: String,
    /// May stand in the settings instead.
    pub mechanism: String,
    /// May stand in the settings instead.
    pub backend: String,
    /// Whether it is asked at all; `None`: as `enable` among the settings says, or yes.
    pub enabled: Option<bool>,
    /// Its settings, as EMQX names them.
    pub settings: Map<String, Value>,
    /// May stand in the settings instead.
    pub precondition: String,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// `None`: five seconds.
    pub timeout: Option<Duration>,
    /// What was found wrong while it was read: refused together with what is found wrong later.
    #[serde(skip)]
    pub faults: Vec<Violation>,
}

/// What to change of an authenticator. Its `Debug` shows no settings, which may hold secrets.
#[derive(Clone, Default)]
pub struct AuthenticatorPatch {
    /// Cannot change; empty, or what it is.
    pub mechanism: String,
    /// Cannot change; empty, or what it is.
    pub backend: String,
    /// Replaced whole.
    pub settings: Option<Map<String, Value>>,
    /// Empty: always concerned.
    pub precondition: Option<String>,
    /// What a failure means.
    pub on_failure: Option<OnFailure>,
    /// How long a decision may take.
    pub timeout: Option<Duration>,
    /// On or off.
    pub enabled: Option<bool>,
    /// What was found wrong while it was read: refused together with what is found wrong later.
    pub faults: Vec<Violation>,
}

impl AuthenticatorPatch {
    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            mechanism: _,
            backend: _,
            settings,
            precondition,
            on_failure,
            timeout,
            enabled,
            faults: _,
        } = self;
        settings.is_none() && precondition.is_none() && on_failure.is_none() && timeout.is_none() && enabled.is_none()
    }
}

impl fmt::Debug for AuthenticatorDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AuthenticatorDraft");
        shown
            .field("chain", &self.chain)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthenticatorPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AuthenticatorPatch");
        shown.field("enabled", &self.enabled).finish_non_exhaustive()
    }
}
