//! An authenticator as a file declares it: our own form, or an EMQX object with its settings beside the mechanism.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use super::args;
use crate::wire::pb::v1::Authenticator;
use crate::wire::pb::v1::authenticator::OnFailure;

/// What a file declares, and which fields it speaks of.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) authenticator: Authenticator,
    /// Fields that an update may change and the file gives.
    pub(super) given: Vec<String>,
}

/// Reads a file; `-` is standard input.
pub(super) fn read(file: &Path) -> anyhow::Result<Declaration> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.with_context(|| format!("cannot read `{}`", file.display()))?;
    parse(&text).with_context(|| format!("`{}`", file.display()))
}

/// Everything that is not a field of an authenticator is a setting of its backend, as in EMQX's objects.
fn parse(text: &str) -> anyhow::Result<Declaration> {
    let fields: Map<String, Value> = serde_json::from_str(text).context("not a JSON object")?;
    // The protocol's JSON leaves out what is false, so an answer of `authenticator get` without `enabled` was of a disabled one.
    let is_answer = fields.contains_key("revision");
    let mut declared = Authenticator {
        enabled: !is_answer,
        ..Authenticator::default()
    };
    let mut given = Vec::new();
    let mut settings = Map::new();
    for (field, value) in fields {
        match field.as_str() {
            "chain" => declared.chain = text_of(&field, value)?,
            "id" => declared.id = text_of(&field, value)?,
            "mechanism" => declared.mechanism = text_of(&field, value)?,
            "backend" => declared.backend = text_of(&field, value)?,
            "enabled" | "enable" => {
                declared.enabled = value
                    .as_bool()
                    .with_context(|| format!("`{field}` must be true or false"))?;
                given.push("enabled".to_owned());
            }
            "precondition" => {
                declared.precondition = text_of(&field, value)?;
                given.push(field);
            }
            "on_failure" | "onFailure" => {
                declared.on_failure = on_failure(&text_of(&field, value)?)?.into();
                given.push("on_failure".to_owned());
            }
            "timeout" => {
                let timeout = args::duration(&text_of(&field, value)?).map_err(anyhow::Error::msg)?;
                declared.timeout = Some(timeout.into());
                given.push(field);
            }
            "settings" => merge(&mut settings, object(&field, value)?)?,
            // What `authenticator get --output json` adds: it says how things were, and is not for changing.
            "revision" | "updated_at" | "updatedAt" | "updated_by" | "updatedBy" => {}
            _ => merge(&mut settings, Map::from_iter([(field, value)]))?,
        }
    }
    if !settings.is_empty() {
        declared.settings = Some(serde_json::from_value(Value::Object(settings)).context("`settings`")?);
        given.push("settings".to_owned());
    }
    Ok(Declaration {
        authenticator: declared,
        given,
    })
}

fn text_of(field: &str, value: Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text),
        other => bail!("`{field}` must be a text, not {other}"),
    }
}

fn object(field: &str, value: Value) -> anyhow::Result<Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => bail!("`{field}` must be an object"),
    }
}

fn on_failure(text: &str) -> anyhow::Result<OnFailure> {
    match text.to_ascii_lowercase().as_str() {
        "next" => Ok(OnFailure::Next),
        "deny" => Ok(OnFailure::Deny),
        _ => bail!("`on_failure` must be `next` or `deny`, not `{text}`"),
    }
}

fn merge(settings: &mut Map<String, Value>, more: Map<String, Value>) -> anyhow::Result<()> {
    for (field, value) in more {
        if settings.contains_key(&field) {
            bail!("`{field}` is given both in `settings` and beside it");
        }
        settings.insert(field, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_of(text: &str) -> Value {
        serde_json::to_value(parse(text).unwrap().authenticator.settings.unwrap()).unwrap()
    }

    #[test]
    fn an_emqx_object_can_be_pasted() {
        let text = r#"{"mechanism": "password_based", "backend": "built_in_database", "enable": false,
            "user_id_type": "username", "password_hash_algorithm": {"name": "sha256", "salt_position": "suffix"}}"#;
        let declared = parse(text).unwrap().authenticator;
        assert_eq!(
            (declared.mechanism.as_str(), declared.backend.as_str()),
            ("password_based", "built_in_database")
        );
        assert!(!declared.enabled);
        assert_eq!(settings_of(text)["password_hash_algorithm"]["salt_position"], "suffix");
        assert_eq!(settings_of(text)["user_id_type"], "username");
    }

    #[test]
    fn an_authenticator_is_enabled_unless_the_file_says_otherwise() {
        assert!(parse(r#"{"mechanism": "jwt"}"#).unwrap().authenticator.enabled);
    }

    #[test]
    fn what_get_printed_of_a_disabled_authenticator_declares_a_disabled_one() {
        let printed = r#"{"chain": "global", "id": "jwt", "mechanism": "jwt", "revision": "12"}"#;
        assert!(!parse(printed).unwrap().authenticator.enabled);
    }

    #[test]
    fn our_own_form_names_what_it_changes() {
        let text = r#"{"mechanism": "jwt", "settings": {"use_jwks": false}, "timeout": "1.5s", "onFailure": "NEXT",
            "revision": "12", "updatedBy": "ann"}"#;
        let declaration = parse(text).unwrap();
        assert_eq!(declaration.given, ["timeout", "on_failure", "settings"]);
        assert_eq!(declaration.authenticator.on_failure(), OnFailure::Next);
        assert_eq!(declaration.authenticator.timeout.unwrap().nanos, 500_000_000);
    }

    #[test]
    fn a_setting_given_twice_is_refused() {
        let error = parse(r#"{"mechanism": "jwt", "settings": {"secret": "a"}, "secret": "b"}"#).unwrap_err();
        assert!(error.to_string().contains("`secret`"));
    }
}
