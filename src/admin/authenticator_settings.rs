//! Settings of an authenticator as they come and go: EMQX's common fields are lifted out, secrets are kept and hidden.

use std::fmt;

use serde_json::{Map, Value};

use super::authenticator_draft::AuthenticatorPatch;
use super::error::violation;
use crate::auth::AuthenticatorRecord;
use crate::backends::{self, Violation};

/// What a secret reads as, and what is sent back to keep it.
pub const HIDDEN: &str = "******";
const SECRET_MARK: &str = "x-secret";
/// Of secrets that may be named instead of given: a name may be seen.
const NAMEABLE_MARK: &str = "x-nameable";

/// Fields that EMQX keeps among the settings and Portcullis beside them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lifted {
    pub(super) mechanism: Option<String>,
    pub(super) backend: Option<String>,
    pub(super) id: Option<String>,
    pub(super) precondition: Option<String>,
    pub(super) enable: Option<bool>,
}

/// Takes the common fields out of the settings.
pub(super) fn lift(settings: &mut Map<String, Value>, violations: &mut Vec<Violation>) -> Lifted {
    let mut text = |field: &str, violations: &mut Vec<Violation>| match settings.shift_remove(field) {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            violations.push(violation(format!("settings.{field}"), "must be text"));
            None
        }
    };
    let mechanism = text("mechanism", violations);
    let backend = text("backend", violations);
    let id = text("id", violations);
    let precondition = text("precondition", violations);
    let enable = match settings.shift_remove("enable") {
        None => None,
        Some(Value::Bool(enable)) => Some(enable),
        Some(_) => {
            violations.push(violation("settings.enable", "must be true or false"));
            None
        }
    };
    Lifted {
        mechanism,
        backend,
        id,
        precondition,
        enable,
    }
}

/// One value that is said in two places, beside the settings and among them: they must agree where both speak.
pub(super) fn agreed<T: PartialEq + fmt::Display>(
    (field, outer): (&str, Option<T>),
    (inner_field, inner): (&str, Option<T>),
    violations: &mut Vec<Violation>,
) -> Option<T> {
    if let (Some(outer), Some(inner)) = (&outer, &inner)
        && inner != outer
    {
        let why = format!("contradicts `{field}`, which is `{outer}`");
        violations.push(violation(format!("settings.{inner_field}"), why));
    }
    outer.or(inner)
}

/// What cannot change may be repeated, and must then be what it is.
pub(super) fn check_fixed(field: impl Into<String>, given: &str, stored: &str, violations: &mut Vec<Violation>) {
    if !given.is_empty() && given != stored {
        violations.push(violation(field, format!("cannot change; it is `{stored}`")));
    }
}

/// A pasted object may repeat what cannot change, and may carry what the patch itself leaves open.
pub(super) fn take_lifted(
    before: &AuthenticatorRecord,
    patch: &mut AuthenticatorPatch,
    lifted: Lifted,
    violations: &mut Vec<Violation>,
) {
    for (field, given, stored) in [
        ("mechanism", lifted.mechanism, &before.mechanism),
        ("backend", lifted.backend, &before.backend),
        ("id", lifted.id, &before.key.id),
    ] {
        let given = given.unwrap_or_default();
        check_fixed(format!("settings.{field}"), &given, stored, violations);
    }
    let precondition = ("precondition", patch.precondition.take());
    patch.precondition = agreed(precondition, ("precondition", lifted.precondition), violations);
    patch.enabled = agreed(("enabled", patch.enabled), ("enable", lifted.enable), violations);
}

/// The schema of a kind of authenticator; `None` if there is no such kind.
pub(super) fn schema_of(mechanism: &str, backend: &str) -> Option<&'static Value> {
    backends::kind(mechanism, backend).map(|kind| &kind.schema)
}

/// The settings with what their kind fills in; as they are, if something is wrong with them.
pub fn filled_in(mechanism: &str, backend: &str, settings: &Map<String, Value>) -> Map<String, Value> {
    match backends::check(mechanism, backend, &Value::Object(settings.clone())) {
        Ok(Value::Object(filled)) => filled,
        _ => settings.clone(),
    }
}

/// The settings as they may be shown. Settings that cannot be read are not shown at all.
pub(super) fn hide(settings: &str, schema: Option<&Value>) -> String {
    let (Some(schema), Ok(mut settings)) = (schema, serde_json::from_str(settings)) else {
        return "{}".into();
    };
    for_secrets(schema, "", &mut settings, None, &mut |_, secret, _| {
        if !secret.is_null() {
            *secret = Value::String(HIDDEN.into());
        }
    });
    settings.to_string()
}

/// Hides again what `given` keeps hidden.
pub(super) fn hide_kept(settings: &mut Value, given: &Value, schema: &Value) {
    for_secrets(schema, "", settings, Some(given), &mut |_, secret, given| {
        if given.and_then(Value::as_str) == Some(HIDDEN) {
            *secret = Value::String(HIDDEN.into());
        }
    });
}

/// Puts the stored secrets where the settings say [`HIDDEN`]. Returns whether any was. Where none is stored it is refused:
/// it would else become the secret itself.
pub(super) fn keep_secrets(
    settings: &mut Value,
    stored: &Value,
    schema: &Value,
    violations: &mut Vec<Violation>,
) -> bool {
    let mut kept = false;
    for_secrets(
        schema,
        "settings",
        settings,
        Some(stored),
        &mut |path, secret, stored| {
            if secret.as_str() != Some(HIDDEN) {
                return;
            }
            match stored.filter(|stored| !stored.is_null()) {
                Some(stored) => {
                    *secret = stored.clone();
                    kept = true;
                }
                // Several alternatives of the schema may mark the same field.
                None if violations.iter().any(|known| known.field == path) => {}
                None => violations.push(violation(
                    path,
                    format!("`{HIDDEN}` stands for the stored secret, and there is none"),
                )),
            }
        },
    );
    kept
}

/// What is done with a secret: its path, the value, and its stored counterpart.
type Visit<'a> = dyn FnMut(&str, &mut Value, Option<&Value>) + 'a;

/// Walks schema and value together and visits every value that the schema marks as secret.
fn for_secrets(schema: &Value, path: &str, value: &mut Value, stored: Option<&Value>, visit: &mut Visit<'_>) {
    if is_marked(schema, SECRET_MARK) {
        let is_name = is_marked(schema, NAMEABLE_MARK) && value.as_str().is_some_and(backends::names_a_secret);
        if !is_name {
            visit(path, value, stored);
        }
        return;
    }
    // An alternative of the schema may mark what the others do not: hidden once is hidden.
    for word in ["oneOf", "anyOf", "allOf"] {
        for alternative in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
            for_secrets(alternative, path, value, stored, visit);
        }
    }
    match value {
        Value::Object(fields) => {
            let (properties, others) = (schema.get("properties"), schema.get("additionalProperties"));
            for (name, field) in fields {
                // Fields that the schema does not name may be secret too: the headers of a request are.
                let named = properties.and_then(|properties| properties.get(name));
                if let Some(schema) = named.or(others) {
                    let stored = stored.and_then(|stored| stored.get(name));
                    for_secrets(schema, &format!("{path}.{name}"), field, stored, visit);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter_mut().enumerate() {
                    let stored = stored.and_then(|stored| stored.get(at));
                    for_secrets(schema, &format!("{path}.{at}"), item, stored, visit);
                }
            }
        }
        _ => {}
    }
}

fn is_marked(schema: &Value, mark: &str) -> bool {
    schema.get(mark) == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Lifted, agreed, hide, keep_secrets, lift};

    fn schema() -> Value {
        json!({"properties": {
            "server": {"type": "string"},
            "password": {"type": "string", "x-secret": true},
            "ssl": {"properties": {"key": {"x-secret": true}}},
            "headers": {"properties": {"accept": {}}, "additionalProperties": {"x-secret": true}},
        }, "additionalProperties": false})
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn the_common_fields_of_a_pasted_object_are_lifted_out() {
        let mut settings = object(json!({
            "mechanism": "password_based", "backend": "built_in_database", "enable": false, "user_id_type": "clientid",
        }));
        let lifted = lift(&mut settings, &mut Vec::new());
        assert_eq!(Value::Object(settings), json!({"user_id_type": "clientid"}));
        let expected = Lifted {
            mechanism: Some("password_based".into()),
            backend: Some("built_in_database".into()),
            enable: Some(false),
            ..Lifted::default()
        };
        assert_eq!(lifted, expected);
    }

    #[test]
    fn a_common_field_of_the_wrong_type_is_a_violation() {
        let mut violations = Vec::new();
        lift(&mut object(json!({"enable": "yes", "id": 3})), &mut violations);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["settings.id", "settings.enable"]);
    }

    #[test]
    fn two_places_must_agree() {
        let mut violations = Vec::new();
        let mut both = |outer: Option<&'static str>, inner| agreed(("id", outer), ("id", inner), &mut violations);
        assert_eq!(both(None, Some("inner")), Some("inner"));
        assert_eq!(both(Some("same"), Some("same")), Some("same"));
        assert_eq!(both(None, None), None);
        both(Some("outer"), Some("inner"));
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].field, "settings.id");
        assert_eq!(violations[0].why, "contradicts `id`, which is `outer`");
    }

    #[test]
    fn secrets_are_hidden_at_any_depth() {
        let shown = hide(
            r#"{"server":"db","password":"hunter2","ssl":{"key":"pem"}}"#,
            Some(&schema()),
        );
        assert_eq!(shown, r#"{"server":"db","password":"******","ssl":{"key":"******"}}"#);
    }

    #[test]
    fn fields_that_a_schema_does_not_name_are_hidden_and_kept_where_it_says_so() {
        let stored = r#"{"server":"db","headers":{"accept":"text","authorization":"hunter2"}}"#;
        let shown = hide(stored, Some(&schema()));
        assert_eq!(
            shown,
            r#"{"server":"db","headers":{"accept":"text","authorization":"******"}}"#
        );
        let mut back = serde_json::from_str(&shown).unwrap();
        let stored = serde_json::from_str(stored).unwrap();
        let mut violations = Vec::new();
        assert!(keep_secrets(&mut back, &stored, &schema(), &mut violations));
        assert_eq!((back, violations), (stored, Vec::new()));
    }

    #[test]
    fn settings_of_an_unknown_kind_are_not_shown() {
        assert_eq!(hide(r#"{"password":"hunter2"}"#, None), "{}");
    }

    #[test]
    fn a_hidden_secret_sent_back_keeps_the_stored_one() {
        let mut settings = json!({"server": "new", "password": "******", "ssl": {"key": "changed"}});
        let stored = json!({"server": "old", "password": "hunter2", "ssl": {"key": "pem"}});
        let mut violations = Vec::new();
        assert!(keep_secrets(&mut settings, &stored, &schema(), &mut violations));
        assert_eq!(violations, []);
        assert_eq!(
            settings,
            json!({"server": "new", "password": "hunter2", "ssl": {"key": "changed"}})
        );
    }

    #[test]
    fn the_stars_never_become_a_secret_themselves() {
        let mut violations = Vec::new();
        let mut settings = json!({"password": "******", "ssl": {"key": "******"}});
        let stored = json!({"ssl": {"key": null}});
        assert!(!keep_secrets(&mut settings, &stored, &schema(), &mut violations));
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["settings.password", "settings.ssl.key"]);
    }
}
