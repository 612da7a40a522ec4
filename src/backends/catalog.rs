//! THE LIST of kinds.

use std::sync::Arc;

use serde_json::Value;

use super::backend::{Backend, BackendInfo, Context, Opened, Violation};
use super::conditional::Conditional;
use super::expression::{Fault, Precondition};
use super::timed::Timed;
use super::{builtin, jwt};
use crate::auth::{AuthenticatorRecord, ProviderError, Reason};
use crate::hash::Algorithm;

static BACKENDS: [Backend; 2] = [builtin::BACKEND, jwt::BACKEND];

/// Every kind there is.
pub fn kinds() -> Vec<BackendInfo> {
    let show = |kind: &Backend| BackendInfo {
        mechanism: kind.mechanism,
        backend: kind.backend,
        title: kind.title,
        schema: (kind.schema)(),
    };
    BACKENDS.iter().map(show).collect()
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
    let unusable = |why: String| ProviderError::new(Reason::BackendUnavailable, why);
    let kind = find(&record.mechanism, &record.backend).map_err(|fault| unusable(fault.to_string()))?;
    let settings = serde_json::from_str(&record.settings).map_err(|error| {
        unusable(format!(
            "its settings are not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    let settings = (kind.check)(&settings).map_err(|faults| unusable(joined(&faults)))?;
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

fn joined(faults: &[Violation]) -> String {
    faults.iter().map(Violation::to_string).collect::<Vec<_>>().join("; ")
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
    let mut known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    known.dedup();
    Violation::new(field, format!("`{given}` is unknown; there is {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check, kinds};

    #[test]
    fn an_unknown_kind_is_told_what_exists() {
        let faults = check("oauth", "", &json!({})).unwrap_err();
        assert_eq!(faults[0].field, "mechanism");
        assert!(faults[0].why.contains("password_based"));
        let faults = check("password_based", "oracle", &json!({})).unwrap_err();
        assert_eq!(faults[0].field, "backend");
        assert!(faults[0].why.contains("built_in_database"));
    }

    #[test]
    fn every_kind_publishes_a_schema_that_forbids_other_fields() {
        for kind in kinds() {
            assert_eq!(kind.schema["type"], "object", "{}", kind.backend);
            assert_eq!(kind.schema["additionalProperties"], false, "{}", kind.backend);
            assert!(!kind.title.is_empty());
        }
    }
}
