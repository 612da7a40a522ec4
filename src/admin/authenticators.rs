//! Authenticators: the links of the chains, their order and their settings.

use std::time::Duration;

use serde_json::Value;

use super::authenticator_draft::{AuthenticatorDraft, AuthenticatorPatch};
use super::authenticator_settings::{Lifted, agreed, hide, keep_secrets, lift, schema_of};
use super::error::{AdminError, violation};
use super::handle::{Admin, Intent};
use super::paging::{Page, page_of};
use super::user_checks::chain_or_global;
use crate::auth::{AuthenticatorFeed as _, AuthenticatorKey, AuthenticatorRecord, default_id};
use crate::backends::{self, BackendInfo, Violation};
use crate::store::{AuthenticatorChange, Command, Position, Reply};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_NAME: usize = 256;

/// What came of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatorRemoved {
    /// Whether there was one.
    pub existed: bool,
    /// How many users went with it.
    pub users: u64,
    /// From this revision on it is gone.
    pub revision: u64,
}

impl Admin {
    /// The authenticators of a chain, or of all chains, in the order they are asked. Secrets are hidden.
    pub async fn list_authenticators(
        &self,
        chain: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<AuthenticatorRecord>, AdminError> {
        self.confirm().await?;
        page_of(self.in_order(chain), page_size, page_token)
    }

    /// One authenticator. Secrets are hidden.
    pub async fn get_authenticator(&self, chain: &str, id: &str) -> Result<AuthenticatorRecord, AdminError> {
        let key = key_of(chain, id)?;
        self.confirm().await?;
        self.declared(&key).map(shown)
    }

    /// Declares an authenticator at the rear of its chain.
    pub async fn create_authenticator(
        &self,
        intent: &Intent,
        draft: AuthenticatorDraft,
    ) -> Result<AuthenticatorRecord, AdminError> {
        let record = checked_draft(draft)?;
        let key = record.key.clone();
        let command = Command::CreateAuthenticator {
            key: key.clone(),
            mechanism: record.mechanism.clone(),
            backend: record.backend.clone(),
            enabled: record.enabled,
            settings: record.settings.clone(),
            precondition: record.precondition.clone(),
            on_failure: record.on_failure,
            timeout: record.timeout,
        };
        let revision = self.write(intent, command).await?.revision;
        Ok(self.authenticator_after(record, revision, intent))
    }

    /// Changes what the patch names of an authenticator.
    pub async fn update_authenticator(
        &self,
        intent: &Intent,
        chain: &str,
        id: &str,
        patch: AuthenticatorPatch,
    ) -> Result<AuthenticatorRecord, AdminError> {
        let key = key_of(chain, id)?;
        self.confirm().await?;
        let before = self.declared(&key)?;
        let (change, kept_secrets) = checked_patch(&before, patch)?;
        // Secrets were copied from what was read, so nobody may have changed it in between.
        let if_revision = intent.if_revision.or(kept_secrets.then_some(before.revision));
        let after = changed(before, &change);
        let revision = self
            .write(
                intent,
                Command::UpdateAuthenticator {
                    key,
                    change,
                    if_revision,
                },
            )
            .await?
            .revision;
        Ok(self.authenticator_after(after, revision, intent))
    }

    /// Switches an authenticator on or off and touches nothing else.
    pub async fn set_authenticator_enabled(
        &self,
        intent: &Intent,
        chain: &str,
        id: &str,
        enabled: bool,
    ) -> Result<AuthenticatorRecord, AdminError> {
        let patch = AuthenticatorPatch {
            enabled: Some(enabled),
            ..AuthenticatorPatch::default()
        };
        self.update_authenticator(intent, chain, id, patch).await
    }

    /// Removes an authenticator with its users. Removing what is not there is no error.
    pub async fn delete_authenticator(
        &self,
        intent: &Intent,
        chain: &str,
        id: &str,
    ) -> Result<AuthenticatorRemoved, AdminError> {
        let command = Command::DeleteAuthenticator {
            key: key_of(chain, id)?,
            if_revision: intent.if_revision,
        };
        let outcome = self.write(intent, command).await?;
        let (existed, users) = match outcome.reply {
            Reply::Deleted { existed, users } => (existed, users),
            _ => (true, 0),
        };
        Ok(AuthenticatorRemoved {
            existed,
            users,
            revision: outcome.revision,
        })
    }

    /// Moves an authenticator within its chain; returns the chain.
    pub async fn move_authenticator(
        &self,
        intent: &Intent,
        chain: &str,
        id: &str,
        position: Position,
    ) -> Result<Vec<AuthenticatorRecord>, AdminError> {
        let key = key_of(chain, id)?;
        let chain = key.chain.clone();
        self.write(intent, Command::MoveAuthenticator { key, position }).await?;
        Ok(self.in_order(&chain))
    }

    /// Puts a whole chain in order; returns it.
    pub async fn reorder_authenticators(
        &self,
        intent: &Intent,
        chain: &str,
        ids: Vec<String>,
    ) -> Result<Vec<AuthenticatorRecord>, AdminError> {
        let chain = chain_or_global(chain);
        self.write(
            intent,
            Command::ReorderAuthenticators {
                chain: chain.clone(),
                ids,
            },
        )
        .await?;
        Ok(self.in_order(&chain))
    }

    /// Every kind of authenticator there is, with the schema of its settings.
    pub fn list_backends(&self) -> Vec<BackendInfo> {
        backends::kinds()
    }

    /// The authenticator with its secrets, from memory.
    pub(super) fn declared(&self, key: &AuthenticatorKey) -> Result<AuthenticatorRecord, AdminError> {
        self.store
            .authenticator(key)
            .ok_or_else(|| AdminError::not_found("authenticator", &key.id))
    }

    fn in_order(&self, chain: &str) -> Vec<AuthenticatorRecord> {
        let all = self.store.authenticators().into_iter();
        all.filter(|record| chain.is_empty() || record.key.chain == chain)
            .map(shown)
            .collect()
    }

    /// The authenticator as this node has it; as it was written, if it has vanished since or has not arrived here yet.
    fn authenticator_after(&self, written: AuthenticatorRecord, revision: u64, intent: &Intent) -> AuthenticatorRecord {
        match self.store.authenticator(&written.key) {
            Some(record) if record.revision >= revision => shown(record),
            _ => {
                let (updated_at, updated_by) = (self.clock.now(), intent.by.clone());
                shown(AuthenticatorRecord {
                    revision,
                    updated_at,
                    updated_by,
                    ..written
                })
            }
        }
    }
}

fn shown(record: AuthenticatorRecord) -> AuthenticatorRecord {
    let schema = schema_of(&record.mechanism, &record.backend);
    AuthenticatorRecord {
        settings: hide(&record.settings, schema.as_ref()),
        ..record
    }
}

/// The key that is meant; an empty chain means `global`.
pub(super) fn key_of(chain: &str, id: &str) -> Result<AuthenticatorKey, AdminError> {
    if id.is_empty() {
        return Err(AdminError::invalid("id", "must not be empty"));
    }
    Ok(AuthenticatorKey {
        chain: chain_or_global(chain),
        id: id.to_owned(),
    })
}

/// The draft as a record, its revision still to come.
fn checked_draft(mut draft: AuthenticatorDraft) -> Result<AuthenticatorRecord, AdminError> {
    let mut violations = Vec::new();
    let lifted = lift(&mut draft.settings, &mut violations);
    let mechanism = agreed("mechanism", draft.mechanism, lifted.mechanism, &mut violations);
    let backend = agreed("backend", draft.backend, lifted.backend, &mut violations);
    let id = agreed("id", draft.id, lifted.id, &mut violations);
    let precondition = agreed("precondition", draft.precondition, lifted.precondition, &mut violations);
    let chain = chain_or_global(&draft.chain);
    let id = if id.is_empty() {
        default_id(&mechanism, &backend)
    } else {
        id
    };
    check_name("chain", &chain, &mut violations);
    check_name("id", &id, &mut violations);
    check_precondition(&precondition, &mut violations);
    let timeout = draft.timeout.unwrap_or(DEFAULT_TIMEOUT);
    check_timeout(timeout, &mut violations);
    let settings = checked_settings(&mechanism, &backend, Value::Object(draft.settings), &mut violations);
    AdminError::unless_empty(violations)?;
    Ok(AuthenticatorRecord {
        key: AuthenticatorKey { chain, id },
        mechanism,
        backend,
        enabled: lifted.enable.unwrap_or(draft.enabled),
        settings,
        precondition,
        on_failure: draft.on_failure,
        timeout,
        revision: 0,
        updated_at: Default::default(),
        updated_by: String::new(),
    })
}

/// The patch as a change, and whether stored secrets were copied into it.
fn checked_patch(
    before: &AuthenticatorRecord,
    mut patch: AuthenticatorPatch,
) -> Result<(AuthenticatorChange, bool), AdminError> {
    let mut violations = Vec::new();
    let (mut settings, mut kept) = (None, false);
    if let Some(mut given) = patch.settings.take() {
        let lifted = lift(&mut given, &mut violations);
        take_lifted(before, &mut patch, lifted, &mut violations);
        let mut given = Value::Object(given);
        kept = with_stored_secrets(before, &mut given);
        settings = Some(checked_settings(
            &before.mechanism,
            &before.backend,
            given,
            &mut violations,
        ));
    }
    if let Some(precondition) = &patch.precondition {
        check_precondition(precondition, &mut violations);
    }
    if let Some(timeout) = patch.timeout {
        check_timeout(timeout, &mut violations);
    }
    AdminError::unless_empty(violations)?;
    let AuthenticatorPatch {
        precondition,
        on_failure,
        timeout,
        enabled,
        ..
    } = patch;
    Ok((
        AuthenticatorChange {
            settings,
            precondition,
            on_failure,
            timeout,
            enabled,
        },
        kept,
    ))
}

/// A pasted object may repeat what cannot change, and may carry what the patch itself leaves open.
fn take_lifted(
    before: &AuthenticatorRecord,
    patch: &mut AuthenticatorPatch,
    lifted: Lifted,
    violations: &mut Vec<Violation>,
) {
    let fixed = [
        ("mechanism", lifted.mechanism, &before.mechanism),
        ("backend", lifted.backend, &before.backend),
        ("id", lifted.id, &before.key.id),
    ];
    for (field, given, stored) in fixed {
        if given.is_some_and(|given| &given != stored) {
            violations.push(violation(
                format!("settings.{field}"),
                format!("cannot change; it is `{stored}`"),
            ));
        }
    }
    patch.precondition = patch.precondition.take().or(lifted.precondition);
    patch.enabled = patch.enabled.or(lifted.enable);
}

fn with_stored_secrets(before: &AuthenticatorRecord, given: &mut Value) -> bool {
    let Some(schema) = schema_of(&before.mechanism, &before.backend) else {
        return false;
    };
    let stored = serde_json::from_str(&before.settings).unwrap_or(Value::Null);
    keep_secrets(given, &stored, &schema)
}

fn checked_settings(mechanism: &str, backend: &str, settings: Value, violations: &mut Vec<Violation>) -> String {
    match backends::check(mechanism, backend, &settings) {
        Ok(filled_in) => filled_in.to_string(),
        Err(mut faults) => {
            violations.append(&mut faults);
            String::new()
        }
    }
}

fn changed(mut record: AuthenticatorRecord, change: &AuthenticatorChange) -> AuthenticatorRecord {
    let change = change.clone();
    record.settings = change.settings.unwrap_or(record.settings);
    record.precondition = change.precondition.unwrap_or(record.precondition);
    record.on_failure = change.on_failure.unwrap_or(record.on_failure);
    record.timeout = change.timeout.unwrap_or(record.timeout);
    record.enabled = change.enabled.unwrap_or(record.enabled);
    record
}

fn check_name(field: &str, name: &str, violations: &mut Vec<Violation>) {
    if name.len() > LONGEST_NAME {
        violations.push(violation(field, format!("has more than {LONGEST_NAME} bytes")));
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
        violations.push(violation(
            field,
            "must not contain spaces, slashes or control characters",
        ));
    }
}

fn check_precondition(precondition: &str, violations: &mut Vec<Violation>) {
    violations.extend(backends::check_precondition(precondition).err());
}

fn check_timeout(timeout: Duration, violations: &mut Vec<Violation>) {
    if !(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout) {
        violations.push(violation("timeout", "must be between 100 ms and 60 s"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AuthenticatorChange, check_name, check_precondition, check_timeout, key_of};
    use super::{AuthenticatorKey, AuthenticatorPatch, AuthenticatorRecord, Lifted, changed, take_lifted};
    use crate::auth::OnFailure;

    fn record() -> AuthenticatorRecord {
        AuthenticatorRecord {
            key: AuthenticatorKey {
                chain: "global".into(),
                id: "db".into(),
            },
            mechanism: "password_based".into(),
            backend: "built_in_database".into(),
            enabled: true,
            settings: "{}".into(),
            precondition: String::new(),
            on_failure: OnFailure::Deny,
            timeout: Duration::from_secs(5),
            revision: 4,
            updated_at: Default::default(),
            updated_by: String::new(),
        }
    }

    #[test]
    fn a_change_touches_only_what_it_names() {
        let change = AuthenticatorChange {
            enabled: Some(false),
            ..AuthenticatorChange::default()
        };
        assert_eq!(
            changed(record(), &change),
            AuthenticatorRecord {
                enabled: false,
                ..record()
            }
        );
    }

    #[test]
    fn the_kind_of_an_authenticator_cannot_change() {
        let lifted = Lifted {
            backend: Some("mysql".into()),
            enable: Some(false),
            ..Lifted::default()
        };
        let (mut patch, mut violations) = (AuthenticatorPatch::default(), Vec::new());
        take_lifted(&record(), &mut patch, lifted, &mut violations);
        assert_eq!(violations[0].field, "settings.backend");
        assert_eq!(patch.enabled, Some(false));
    }

    #[test]
    fn names_timeouts_and_preconditions_are_checked() {
        let mut violations = Vec::new();
        check_name("id", "password_based:built_in_database", &mut violations);
        check_timeout(Duration::from_secs(5), &mut violations);
        check_precondition("", &mut violations);
        assert_eq!(violations, Vec::new());
        check_name("id", "a b", &mut violations);
        check_timeout(Duration::ZERO, &mut violations);
        check_precondition("usrname == 'a'", &mut violations);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["id", "timeout", "precondition"]);
        assert!(
            violations[2].why.starts_with("line 1, column 1: "),
            "{}",
            violations[2].why
        );
    }

    #[test]
    fn an_empty_chain_is_the_global_one_and_an_empty_id_is_none() {
        assert_eq!(key_of("", "db").unwrap().chain, "global");
        assert!(key_of("", "").is_err());
    }
}
