//! Authenticators: the links of the chains, their order and their settings.

use std::time::Duration;

use serde_json::Value;

use super::authenticator_draft::{AuthenticatorDraft, AuthenticatorPatch};
use super::authenticator_settings::{agreed, check_fixed, keep_secrets, lift, schema_of, take_lifted};
use super::authenticator_views::AuthenticatorView;
use super::error::{AdminError, violation};
use super::handle::{Admin, Intent};
use super::user_checks::chain_or_global;
use crate::auth::{AuthenticatorKey, AuthenticatorRecord, default_id};
use crate::backends::{self, Violation};
use crate::store::{AuthenticatorChange, Command, Reply};

/// How long a decision may take unless somebody says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_NAME: usize = 256;

/// What came of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorRemoved {
    /// Whether there was one.
    pub existed: bool,
    /// How many users went with it.
    pub users: u64,
    /// From this revision on it is gone.
    pub revision: u64,
    /// Who is let in without it.
    pub warnings: Vec<String>,
}

impl Admin {
    /// Declares an authenticator at the rear of its chain.
    pub async fn create_authenticator(
        &self,
        intent: &Intent,
        draft: AuthenticatorDraft,
    ) -> Result<AuthenticatorView, AdminError> {
        let record = checked_draft(draft, |_| Value::Null)?;
        self.check_affordable(&record)?;
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
        self.warn_if_open(intent, &key.chain);
        Ok(self.authenticator_after(record, revision, intent))
    }

    /// Changes what the patch names of an authenticator.
    pub async fn update_authenticator(
        &self,
        intent: &Intent,
        chain: &str,
        id: &str,
        patch: AuthenticatorPatch,
    ) -> Result<AuthenticatorView, AdminError> {
        let key = key_of(chain, id)?;
        self.confirm().await?;
        let before = self.declared(&key)?;
        let (change, kept_secrets) = checked_patch(&before, patch)?;
        // Secrets were copied from what was read, so nobody may have changed it in between.
        let if_revision = intent.if_revision.or(kept_secrets.then_some(before.revision));
        let after = changed(before, &change);
        if change.settings.is_some() {
            self.check_affordable(&after)?;
        }
        let command = Command::UpdateAuthenticator {
            key,
            change,
            if_revision,
        };
        let revision = self.write(intent, command).await?.revision;
        self.warn_if_open(intent, &after.key.chain);
        Ok(self.authenticator_after(after, revision, intent))
    }

    /// Refuses an algorithm that this node could not run even once; the others are told when they use it.
    pub(super) fn check_affordable(&self, record: &AuthenticatorRecord) -> Result<(), AdminError> {
        match backends::password_algorithm(record) {
            Some(algorithm) => self
                .hasher
                .check(&algorithm)
                .map_err(|error| AdminError::invalid("settings.password_hash_algorithm", error.to_string())),
            None => Ok(()),
        }
    }

    /// Switches an authenticator on or off and touches nothing else.
    pub async fn set_authenticator_enabled(
        &self,
        intent: &Intent,
        chain: &str,
        id: &str,
        enabled: bool,
    ) -> Result<AuthenticatorView, AdminError> {
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
        let key = key_of(chain, id)?;
        let chain = key.chain.clone();
        let if_revision = intent.if_revision;
        let outcome = self
            .write(intent, Command::DeleteAuthenticator { key, if_revision })
            .await?;
        let (existed, users) = match outcome.reply {
            Reply::Deleted { existed, users } => (existed, users),
            _ => (true, 0),
        };
        Ok(AuthenticatorRemoved {
            existed,
            users,
            revision: outcome.revision,
            warnings: self.warn_if_open(intent, &chain),
        })
    }

    /// Loud in the log too: whoever reads the answer may be a program.
    fn warn_if_open(&self, intent: &Intent, chain: &str) -> Vec<String> {
        let warning = self.openness_of(chain);
        if let Some(warning) = &warning {
            tracing::warn!(by = intent.by, "{warning}");
        }
        warning.into_iter().collect()
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

/// The draft as a record, its revision still to come; `stored` knows the settings that an authenticator has already.
pub(super) fn checked_draft(
    mut draft: AuthenticatorDraft,
    stored: impl FnOnce(&AuthenticatorKey) -> Value,
) -> Result<AuthenticatorRecord, AdminError> {
    let mut violations = std::mem::take(&mut draft.faults);
    let lifted = lift(&mut draft.settings, &mut violations);
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let mut text = |field: &str, outer: String, inner: Option<String>| {
        agreed((field, given(outer)), (field, inner), &mut violations).unwrap_or_default()
    };
    let mechanism = text("mechanism", draft.mechanism, lifted.mechanism);
    let backend = text("backend", draft.backend, lifted.backend);
    let id = text("id", draft.id, lifted.id);
    let precondition = text("precondition", draft.precondition, lifted.precondition);
    let enabled = agreed(("enabled", draft.enabled), ("enable", lifted.enable), &mut violations);
    let chain = chain_or_global(&draft.chain);
    let id = given(id).unwrap_or_else(|| default_id(&mechanism, &backend));
    check_name("chain", &chain, &mut violations);
    check_name("id", &id, &mut violations);
    check_precondition(&precondition, &mut violations);
    let timeout = draft.timeout.unwrap_or(DEFAULT_TIMEOUT);
    check_timeout(timeout, &mut violations);
    let mut settings = Value::Object(draft.settings);
    let key = AuthenticatorKey { chain, id };
    with_stored_secrets((&mechanism, &backend), &mut settings, &stored(&key), &mut violations);
    let settings = checked_settings((&mechanism, &backend), &settings, &mut violations);
    AdminError::unless_empty(violations)?;
    Ok(AuthenticatorRecord {
        key,
        mechanism,
        backend,
        enabled: enabled.unwrap_or(true),
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
    let mut violations = std::mem::take(&mut patch.faults);
    if patch.is_empty() && violations.is_empty() {
        violations.push(violation(
            "update_mask",
            "names nothing, and nothing to change is given",
        ));
    }
    for (field, given, stored) in [
        ("mechanism", &patch.mechanism, &before.mechanism),
        ("backend", &patch.backend, &before.backend),
    ] {
        check_fixed(field, given, stored, &mut violations);
    }
    let (mut settings, mut kept) = (None, false);
    if let Some(mut given) = patch.settings.take() {
        let lifted = lift(&mut given, &mut violations);
        take_lifted(before, &mut patch, lifted, &mut violations);
        let (kind, mut given) = ((&*before.mechanism, &*before.backend), Value::Object(given));
        let stored = serde_json::from_str(&before.settings).unwrap_or(Value::Null);
        kept = with_stored_secrets(kind, &mut given, &stored, &mut violations);
        settings = Some(checked_settings(kind, &given, &mut violations));
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

/// Puts stored secrets where they are meant; whether there were any. A kind that does not exist has none.
fn with_stored_secrets(
    (mechanism, backend): (&str, &str),
    given: &mut Value,
    stored: &Value,
    violations: &mut Vec<Violation>,
) -> bool {
    schema_of(mechanism, backend).is_some_and(|schema| keep_secrets(given, stored, schema, violations))
}

fn checked_settings((mechanism, backend): (&str, &str), settings: &Value, violations: &mut Vec<Violation>) -> String {
    match backends::check(mechanism, backend, settings) {
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

    use serde_json::{Map, Value, json};

    use super::{
        AdminError, AuthenticatorChange, AuthenticatorDraft, AuthenticatorKey, AuthenticatorPatch, AuthenticatorRecord,
        changed, check_name, check_precondition, check_timeout, checked_draft, checked_patch, key_of, violation,
    };
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

    fn fields_at_fault<T: std::fmt::Debug>(checked: Result<T, AdminError>) -> Vec<String> {
        match checked {
            Err(AdminError::Invalid(violations)) => violations.into_iter().map(|fault| fault.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn settings(json: Value) -> Map<String, Value> {
        json.as_object().cloned().unwrap()
    }

    #[test]
    fn everything_wrong_with_a_draft_is_named_at_once() {
        let draft = AuthenticatorDraft {
            chain: "a b".into(),
            id: "x/y".into(),
            mechanism: "password_based".into(),
            backend: "built_in_database".into(),
            enabled: Some(true),
            settings: settings(json!({
                "enable": false,
                "user_id_typ": "username",
                "password_hash_algorithm": {"name": "bcrypt", "salt_rounds": 99},
            })),
            timeout: Some(Duration::ZERO),
            faults: vec![violation("on_failure", "must be NEXT or DENY")],
            ..AuthenticatorDraft::default()
        };
        let fields = [
            "on_failure",
            "settings.enable",
            "chain",
            "id",
            "timeout",
            "settings.password_hash_algorithm.salt_rounds",
            "settings.user_id_typ",
        ];
        assert_eq!(fields_at_fault(checked_draft(draft, |_| Value::Null)), fields);
    }

    #[test]
    fn everything_wrong_with_a_patch_is_named_at_once() {
        let patch = AuthenticatorPatch {
            mechanism: "jwt".into(),
            backend: "mysql".into(),
            settings: Some(settings(json!({"id": "other", "user_id_type": 3}))),
            timeout: Some(Duration::from_secs(3600)),
            faults: vec![violation("update_mask", "`revision` cannot be updated")],
            ..AuthenticatorPatch::default()
        };
        let fields = [
            "update_mask",
            "mechanism",
            "backend",
            "settings.id",
            "settings.user_id_type",
            "timeout",
        ];
        assert_eq!(fields_at_fault(checked_patch(&record(), patch)), fields);
    }

    #[test]
    fn a_patch_of_nothing_is_refused() {
        let repeated = AuthenticatorPatch {
            mechanism: "password_based".into(),
            backend: "built_in_database".into(),
            ..AuthenticatorPatch::default()
        };
        assert_eq!(fields_at_fault(checked_patch(&record(), repeated)), ["update_mask"]);
    }

    #[test]
    fn an_authenticator_is_enabled_unless_somebody_says_otherwise() {
        let enabled = |given, pasted: Value| {
            let draft = AuthenticatorDraft {
                mechanism: "password_based".into(),
                backend: "built_in_database".into(),
                enabled: given,
                settings: settings(pasted),
                ..AuthenticatorDraft::default()
            };
            checked_draft(draft, |_| Value::Null).unwrap().enabled
        };
        assert!(enabled(None, json!({})));
        assert!(!enabled(Some(false), json!({})));
        assert!(!enabled(None, json!({"enable": false})));
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
