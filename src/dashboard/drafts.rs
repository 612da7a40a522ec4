//! Settings that somebody has typed and not yet stored. They may hold secrets, so they stay in memory.

use serde_json::{Map, Value};

use super::failure::Failure;
use super::form::Given;
use super::visit::Visit;
use crate::admin::AuthenticatorDraft;
use crate::auth::AuthenticatorRecord;

/// What somebody has typed.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The authenticator as it would be.
    pub(super) wanted: AuthenticatorDraft,
    /// As it stood when the form was opened; `None`: a new one.
    pub(super) base: Option<Box<AuthenticatorRecord>>,
}

impl Visit {
    /// Keeps what this operator has typed, in the place of the draft that is named.
    pub(super) fn keep_draft(&self, id: &str, draft: Draft) -> Result<String, Failure> {
        let (site, now) = (self.site(), self.site().clock().instant());
        let kept = site.drafts().keep(id, &self.signed.session_id, draft, now);
        kept.map_err(|error| {
            tracing::error!(%error, "the machine gives no random bytes");
            Failure::unreadable("This node cannot keep a draft now.")
        })
    }

    /// What this operator has typed before, on this node.
    pub(super) fn draft(&self, id: &str) -> Option<Draft> {
        let (site, now) = (self.site(), self.site().clock().instant());
        site.drafts().find(id, &self.signed.session_id, now)
    }

    /// It is stored, or given up.
    pub(super) fn forget_draft(&self, id: &str) {
        self.site().drafts().forget(id, &self.signed.session_id);
    }
}

/// What a form is opened upon, to be sent along with it: by the time it comes back, somebody else may have changed it.
pub(super) fn written_base(base: &AuthenticatorRecord) -> String {
    serde_json::to_string(base).unwrap_or_default()
}

/// What the form was opened upon; not what is stored by now. It holds no secrets, and decides only what the merge of two changes
/// begins with.
pub(super) fn read_base(given: &Given, stored: &AuthenticatorRecord) -> Box<AuthenticatorRecord> {
    let base = serde_json::from_str(given.text("base")).ok();
    let base = base.filter(|base: &AuthenticatorRecord| base.key == stored.key);
    Box::new(base.unwrap_or_else(|| stored.clone()))
}

/// The settings that a form begins with: those of a draft, or those that are stored.
pub(super) fn held(draft: Option<&Draft>, stored: Option<&AuthenticatorRecord>) -> Map<String, Value> {
    if let Some(draft) = draft {
        return draft.wanted.settings.clone();
    }
    let settings = stored.and_then(|record| serde_json::from_str(&record.settings).ok());
    settings.unwrap_or_default()
}
