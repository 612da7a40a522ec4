//! An authenticator as an operator wants it: to be made, or to be changed.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::auth::OnFailure;

/// An authenticator to be made. Its `Debug` shows no settings, which may hold secrets.
#[derive(Clone, Default)]
pub struct AuthenticatorDraft {
    /// Empty: `global`.
    pub chain: String,
    /// Empty: `mechanism:backend`.
    pub id: String,
    /// May stand in the settings instead.
    pub mechanism: String,
    /// May stand in the settings instead.
    pub backend: String,
    /// Whether it is asked at all; `enable` among the settings has the last word.
    pub enabled: bool,
    /// Its settings, as EMQX names them.
    pub settings: Map<String, Value>,
    /// May stand in the settings instead.
    pub precondition: String,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// `None`: five seconds.
    pub timeout: Option<Duration>,
}

/// What to change of an authenticator. Its `Debug` shows no settings, which may hold secrets.
#[derive(Clone, Default)]
pub struct AuthenticatorPatch {
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
