//! An authenticator as a file declares it: our own form, or an EMQX object with its settings beside the mechanism.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use super::args;
use crate::wire::pb::v1::Authenticator;
use crate::wire::pb::v1::authenticator::OnFailure;

/// What a file declares, and which fields it speaks of.
#[derive(Debug, Default)]
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

fn parse(text: &str) -> anyhow::Result<Declaration> {
    let fields: Map<String, Value> = serde_json::from_str(text).context("not a JSON object")?;
    let mut reader = Reader::default();
    for (field, value) in fields {
        reader.take(&field, value);
    }
    reader.finish()
}

/// Reads field by field and gathers everything wrong, so that one answer names every fault.
#[derive(Default)]
struct Reader {
    declaration: Declaration,
    settings: Option<Map<String, Value>>,
    faults: Vec<String>,
}

impl Reader {
    /// Everything that is not a field of an authenticator is a setting of its backend, as in EMQX's objects.
    fn take(&mut self, field: &str, value: Value) {
        match field {
            "chain" => self.declaration.authenticator.chain = self.text(field, value),
            "id" => self.declaration.authenticator.id = self.text(field, value),
            "mechanism" => self.declaration.authenticator.mechanism = self.text(field, value),
            "backend" => self.declaration.authenticator.backend = self.text(field, value),
            "enabled" | "enable" => {
                self.declaration.authenticator.enabled = value.as_bool();
                if value.is_boolean() {
                    self.gives("enabled");
                } else {
                    self.refuse(field, "must be true or false");
                }
            }
            "precondition" => {
                self.declaration.authenticator.precondition = self.text(field, value);
                self.gives("precondition");
            }
            "on_failure" | "onFailure" => {
                match on_failure(&self.text(field, value)) {
                    Some(on_failure) => self.declaration.authenticator.on_failure = on_failure.into(),
                    None => self.refuse(field, "must be `next` or `deny`"),
                }
                self.gives("on_failure");
            }
            "timeout" => {
                match args::duration(&self.text(field, value)) {
                    Ok(timeout) => self.declaration.authenticator.timeout = Some(timeout.into()),
                    Err(why) => self.refuse(field, &why),
                }
                self.gives("timeout");
            }
            "settings" => match value {
                Value::Object(settings) => self.merge(settings),
                _ => self.refuse(field, "must be an object"),
            },
            // What `authenticator get --output json` adds: it says how things were, and is not for changing.
            "revision" | "updated_at" | "updatedAt" | "updated_by" | "updatedBy" | "warnings" => {}
            _ => self.merge(Map::from_iter([(field.to_owned(), value)])),
        }
    }

    fn finish(mut self) -> anyhow::Result<Declaration> {
        if let Some(settings) = self.settings.take() {
            match serde_json::from_value(Value::Object(settings)) {
                Ok(settings) => self.declaration.authenticator.settings = Some(settings),
                Err(why) => self.refuse("settings", &why.to_string()),
            }
            self.gives("settings");
        }
        if !self.faults.is_empty() {
            bail!("{}", self.faults.join("; "));
        }
        Ok(self.declaration)
    }

    fn gives(&mut self, field: &str) {
        self.declaration.given.push(field.to_owned());
    }

    fn refuse(&mut self, field: &str, why: &str) {
        self.faults.push(format!("`{field}` {why}"));
    }

    /// The text; an empty one if it is none, which is then a fault.
    fn text(&mut self, field: &str, value: Value) -> String {
        match value {
            Value::String(text) => text,
            _ => {
                self.refuse(field, "must be a text");
                String::new()
            }
        }
    }

    fn merge(&mut self, more: Map<String, Value>) {
        let mut settings = self.settings.take().unwrap_or_default();
        for (field, value) in more {
            if settings.contains_key(&field) {
                self.refuse(&field, "is given both in `settings` and beside it");
            }
            settings.insert(field, value);
        }
        self.settings = Some(settings);
    }
}

fn on_failure(text: &str) -> Option<OnFailure> {
    match text.to_ascii_lowercase().as_str() {
        "next" => Some(OnFailure::Next),
        "deny" => Some(OnFailure::Deny),
        _ => None,
    }
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
        assert_eq!(declared.enabled, Some(false));
        assert_eq!(settings_of(text)["password_hash_algorithm"]["salt_position"], "suffix");
        assert_eq!(settings_of(text)["user_id_type"], "username");
    }

    #[test]
    fn what_get_prints_declares_the_same_again() {
        let printed = Authenticator {
            chain: "global".into(),
            id: "jwt".into(),
            mechanism: "jwt".into(),
            enabled: Some(false),
            on_failure: OnFailure::Next.into(),
            timeout: Some(std::time::Duration::from_millis(1500).into()),
            settings: Some(pbjson_types::Struct::default()),
            revision: 12,
            updated_by: "ann".into(),
            warnings: vec!["unwise".into()],
            ..Authenticator::default()
        };
        let declared = parse(&serde_json::to_string(&printed).unwrap()).unwrap().authenticator;
        let expected = Authenticator {
            revision: 0,
            updated_by: String::new(),
            warnings: vec![],
            ..printed
        };
        assert_eq!(declared, expected);
    }

    #[test]
    fn settings_that_are_given_empty_are_given() {
        let given = |text| parse(text).unwrap().given;
        assert_eq!(given(r#"{"mechanism": "jwt", "settings": {}}"#), ["settings"]);
        assert!(given(r#"{"mechanism": "jwt", "id": "jwt"}"#).is_empty());
    }

    #[test]
    fn everything_wrong_with_a_file_is_named_at_once() {
        let text = r#"{"id": 3, "enable": "yes", "on_failure": "maybe", "timeout": "5", "settings": [], "secret": 1}"#;
        let error = parse(text).unwrap_err().to_string();
        for said in [
            "`id` must be a text",
            "`enable` must be true or false",
            "`on_failure` must be `next` or `deny`",
            "`timeout` must be a duration such as `5s`",
            "`settings` must be an object",
        ] {
            assert!(error.contains(said), "{error}");
        }
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
