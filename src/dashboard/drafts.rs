//! Settings that somebody has typed and not yet stored. They may hold secrets, so they stay in memory, on the node where they were
//! typed, and every node asks for them there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::form::Given;
use super::visit::Visit;
use crate::admin::{AuthenticatorDraft, Shelf};
use crate::auth::AuthenticatorRecord;

/// What somebody has typed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Draft {
    /// The authenticator as it would be.
    pub(super) wanted: AuthenticatorDraft,
    /// As it stood when the form was opened; `None`: a new one.
    pub(super) base: Option<Box<AuthenticatorRecord>>,
}

impl Visit {
    /// Keeps what this operator has typed, in the place of the draft that is named.
    pub(super) async fn keep_draft(&self, id: &str, draft: Draft) -> Result<String, Failure> {
        let admin = self.site().admin();
        Ok(admin.keep(Shelf::Drafts, &self.signed, id, &draft).await?)
    }

    /// What this operator has typed before, on whichever node.
    pub(super) async fn draft(&self, id: &str) -> Result<Option<Draft>, Failure> {
        Ok(self.site().admin().find(Shelf::Drafts, &self.signed, id).await?)
    }

    /// It is stored, or given up.
    pub(super) async fn forget_draft(&self, id: &str) {
        self.site().admin().forget(Shelf::Drafts, &self.signed, id).await;
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
