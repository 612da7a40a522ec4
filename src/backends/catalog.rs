//! THE LIST of kinds.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::backend::{Backend, BackendInfo, Context, Opened, Violation, unusable};
use super::conditional::Conditional;
use super::expression::{Fault, Precondition};
use super::scram;
use super::timed::Timed;
use super::{builtin, cinfo, http, jwt, ldap, mongodb, mysql, postgresql, redis};
use crate::auth::{AuthenticatorRecord, ProviderError, Reason};
use crate::hash::Algorithm;
use crate::words;

static BACKENDS: [Backend; 11] = [
    builtin::BACKEND,
    cinfo::BACKEND,
    http::BACKEND,
    jwt::BACKEND,
    ldap::BACKEND,
    mongodb::BACKEND,
    mysql::BACKEND,
    postgresql::BACKEND,
    redis::BACKEND,
    scram::BACKEND,
    scram::HTTP_BACKEND,
];

/// Every kind there is.
pub fn kinds() -> &'static [BackendInfo] {
    static KINDS: LazyLock<Vec<BackendInfo>> = LazyLock::new(|| {
        let show = |kind: &Backend| BackendInfo {
            mechanism: kind.mechanism,
            backend: kind.backend,
            title: kind.title,
            schema: (kind.schema)(),
        };
        BACKENDS.iter().map(show).collect()
    });
    &KINDS
}

/// The kind of these names.
pub fn kind(mechanism: &str, backend: &str) -> Option<&'static BackendInfo> {
    kinds()
        .iter()
        .find(|kind| kind.mechanism == mechanism && kind.backend == backend)
}

/// Checks settings against the backend's schema: unknown field, wrong type, out of range, all at once. Returns them with defaults filled in.
pub fn check(mechanism: &str, backend: &str, settings: &Value) -> Result<Value, Vec<Violation>> {
    (find(mechanism, backend).map_err(|fault| vec![fault])?.check)(settings)
}

/// The algorithm that new passwords of this authenticator get, if it keeps users.
pub fn password_algorithm(record: &AuthenticatorRecord) -> Option<Algorithm> {
    let kind = find(&record.mechanism, &record.backend).ok()?;
    let settings = serde_json::from_str(&record.settings).ok()?;
    (kind.password_algorithm)(&settings)
}

/// Whether somebody beyond the node is asked. A kind unknown here asks nobody.
pub fn asks_elsewhere(record: &AuthenticatorRecord) -> bool {
    let settings = serde_json::from_str(&record.settings).unwrap_or_default();
    find(&record.mechanism, &record.backend).is_ok_and(|kind| (kind.asks_elsewhere)(&settings))
}

/// Whether links of this kind need a password. A kind unknown here is asked whatever the client presents, because not being
/// asked would let the client pass it by.
pub(super) fn needs_password(record: &AuthenticatorRecord) -> bool {
    find(&record.mechanism, &record.backend).is_ok_and(|kind| kind.needs_password)
}

/// Opens an instance that keeps to the record's deadline and precondition. Everything is checked again, since another version of
/// the program may have stored it.
pub(super) fn open(record: &AuthenticatorRecord, context: &Context) -> Opened {
    let precondition = precondition(&record.precondition).map_err(|fault| {
        let why = format!("its precondition cannot be used: {fault}");
        ProviderError::new(Reason::PreconditionError, why)
    })?;
    let kind = find(&record.mechanism, &record.backend).map_err(|fault| unusable(vec![fault]))?;
    let settings = serde_json::from_str(&record.settings).map_err(|error| {
        let why = format!("is not JSON (line {}, column {})", error.line(), error.column());
        unusable(vec![Violation::new("settings", why)])
    })?;
    let settings = (kind.check)(&settings).map_err(unusable)?;
    let provider = (kind.open)(&record.key, &settings, context)?;
    let timed = Arc::new(Timed::new(provider, record.timeout));
    Ok(match precondition {
        Some(precondition) => Arc::new(Conditional::new(timed, precondition)),
        None => timed,
    })
}

/// Checks a precondition as it will be used.
pub fn check_precondition(text: &str) -> Result<(), Violation> {
    precondition(text).map_err(|fault| Violation::new("precondition", fault.to_string()))?;
    Ok(())
}

/// The precondition that a text means; none if it is empty.
fn precondition(text: &str) -> Result<Option<Precondition>, Fault> {
    (!text.is_empty()).then(|| Precondition::compile(text)).transpose()
}

/// The row, or what is there instead.
fn find(mechanism: &str, backend: &str) -> Result<&'static Backend, Violation> {
    let mut of_mechanism = BACKENDS.iter().filter(|kind| kind.mechanism == mechanism).peekable();
    if of_mechanism.peek().is_none() {
        return Err(unknown(
            "mechanism",
            mechanism,
            BACKENDS.iter().map(|kind| kind.mechanism),
        ));
    }
    let backends: Vec<_> = of_mechanism.clone().map(|kind| kind.backend).collect();
    of_mechanism
        .find(|kind| kind.backend == backend)
        .ok_or_else(|| unknown("backend", backend, backends.into_iter()))
}

fn unknown(field: &str, given: &str, known: impl Iterator<Item = &'static str>) -> Violation {
    let mut known: Vec<_> = known.collect();
    known.dedup();
    let why = if given.is_empty() {
        format!("must be given; known are {}", known.join(", "))
    } else {
        format!("`{given}` {}", words::unknown(given, &known))
    };
    Violation::new(field, why)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{asks_elsewhere, check, kinds};
    use crate::auth::{AuthenticatorKey, AuthenticatorRecord, OnFailure};

    #[test]
    fn an_unknown_kind_is_told_what_exists() {
        let faults = check("oauth", "", &json!({})).unwrap_err();
        assert_eq!(faults[0].field, "mechanism");
        assert!(faults[0].why.contains("password_based"));
        let faults = check("password_based", "oracle", &json!({})).unwrap_err();
        assert_eq!(faults[0].field, "backend");
        assert!(faults[0].why.contains("built_in_database"));
        let faults = check("password_base", "", &json!({})).unwrap_err();
        assert!(faults[0].why.contains("did you mean `password_based`?"));
        let faults = check("", "", &json!({})).unwrap_err();
        assert!(faults[0].why.starts_with("must be given"));
    }

    #[test]
    fn tokens_are_checked_here_unless_their_keys_are_fetched() {
        let asks = |mechanism: &str, backend: &str, settings: Value| {
            asks_elsewhere(&AuthenticatorRecord {
                key: AuthenticatorKey {
                    chain: "global".into(),
                    id: "a".into(),
                },
                mechanism: mechanism.into(),
                backend: backend.into(),
                enabled: true,
                settings: settings.to_string(),
                precondition: String::new(),
                on_failure: OnFailure::Deny,
                timeout: Default::default(),
                revision: 1,
                updated_at: Default::default(),
                updated_by: String::new(),
            })
        };
        assert!(asks("password_based", "mysql", json!({})) && asks("scram", "http", json!({})));
        assert!(asks("jwt", "", json!({"use_jwks": true})) && !asks("jwt", "", json!({"use_jwks": false})));
        assert!(!asks("cinfo", "", json!({})) && !asks("scram", "built_in_database", json!({})));
    }

    #[test]
    fn every_kind_publishes_a_schema_that_forbids_other_fields() {
        for kind in kinds() {
            assert_eq!(kind.schema["type"], "object", "{}", kind.backend);
            assert_eq!(kind.schema["additionalProperties"], false, "{}", kind.backend);
            assert!(!kind.title.is_empty());
        }
    }

    /// A form can be drawn from the schema alone: what a setting is called and what it means.
    #[test]
    fn every_setting_has_a_title_and_a_description() {
        for kind in kinds() {
            let mut faults = Vec::new();
            undescribed(&kind.schema, kind.backend, &mut faults);
            assert!(faults.is_empty(), "{}", faults.join("\n"));
        }
    }

    fn undescribed(schema: &Value, path: &str, faults: &mut Vec<String>) {
        for alternative in schema["oneOf"].as_array().into_iter().flatten() {
            let path = format!("{path}({})", alternative["title"].as_str().unwrap_or("?"));
            undescribed(alternative, &path, faults);
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            undescribed(field, &path, faults);
            if field.get("const").is_some() {
                continue;
            }
            for word in ["title", "description"] {
                if field[word].as_str().is_none_or(str::is_empty) {
                    faults.push(format!("`{path}` has no {word}"));
                }
            }
            let secret = &field["x-secret"];
            if !(secret.is_null() || secret.is_boolean()) {
                faults.push(format!("`{path}`: x-secret is true or absent"));
            }
        }
    }
}
