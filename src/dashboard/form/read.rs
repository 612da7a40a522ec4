//! A sent form as settings: what was left empty, or as it stood, is left out, so that defaults stay defaults.

use serde_json::{Map, Number, Value};

use super::draw::shown;
use super::given::Given;
use super::pairs::pairs;
use super::spec::{Kind, Spec};
use crate::admin::HIDDEN;
use crate::dashboard::ui::Faults;

/// The settings that the form means. `held` are those it began with: a secret that was left empty stays what it is there.
pub(in crate::dashboard) fn read(
    specs: &[Spec],
    given: &Given,
    held: &Map<String, Value>,
    faults: &mut Faults,
) -> Map<String, Value> {
    Reader { given, faults }.object(specs, "settings", held)
}

/// A fault for each secret that a page held without showing it and that was not typed again, after the draft that knew them is
/// lost: to store the rest would be to change or to remove them without a word.
pub(in crate::dashboard) fn miss_typed(specs: &[Spec], given: &Given, faults: &mut Faults) {
    miss_typed_in(specs, "settings", given, faults);
}

fn miss_typed_in(specs: &[Spec], above: &str, given: &Given, faults: &mut Faults) {
    const AGAIN: &str = "was typed before and is not kept any more: type it again";
    for spec in specs {
        let control = format!("{above}.{}", spec.name);
        let was_typed = |place: &str| given.has(&format!("{place}.typed"));
        let text = given.text(&control);
        match &spec.kind {
            Kind::Group(specs) => miss_typed_in(specs, &control, given, faults),
            Kind::Secret { .. } => {
                let is_left = text.is_empty() && !given.has(&format!("{control}.remove"));
                if is_left && was_typed(&control) {
                    faults.add(control, AGAIN);
                }
            }
            Kind::SecretMap { .. } => {
                let hidden = pairs(text).flatten().filter(|(_, value)| *value == HIDDEN);
                let missing = hidden.map(|(name, _)| name);
                for name in missing.filter(|name| was_typed(&format!("{control}.{name}"))) {
                    faults.add(&control, format!("`{name}` {AGAIN}"));
                }
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    given: &'a Given,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn object(&mut self, specs: &[Spec], control: &str, held: &Map<String, Value>) -> Map<String, Value> {
        let mut object = Map::new();
        for spec in specs {
            let control = format!("{control}.{}", spec.name);
            if let Some(value) = self.value(spec, &control, held.get(&spec.name)) {
                object.insert(spec.name.clone(), value);
            }
        }
        object
    }

    fn value(&mut self, spec: &Spec, control: &str, held: Option<&Value>) -> Option<Value> {
        let text = self.given.text(control).replace("\r\n", "\n");
        let trimmed = text.trim();
        match &spec.kind {
            Kind::Flag => {
                let is_on = self.given.has(control);
                (is_on != (spec.default == Value::Bool(true))).then_some(Value::Bool(is_on))
            }
            Kind::Secret { .. } => self.secret(&text, control, held),
            Kind::Group(specs) => {
                let object = self.object(specs, control, &object_of(held));
                (!object.is_empty()).then_some(Value::Object(object))
            }
            Kind::OneOf(alternatives) => self.one_of(alternatives, control),
            // A default that was sent along would be judged as if somebody had chosen it: some have a meaning only beside others.
            _ if trimmed.is_empty() || text == shown(&spec.default, &spec.kind) => None,
            Kind::Text | Kind::Choice(_) => Some(trimmed.into()),
            Kind::Lines => Some(text.trim_end_matches('\n').into()),
            Kind::Number | Kind::Time => Some(number(trimmed).map_or_else(|| trimmed.into(), Value::Number)),
            Kind::List => Some(list(trimmed)),
            Kind::Map => self.map(spec, trimmed, None),
            Kind::SecretMap { .. } => self.map(spec, trimmed, Some(&object_of(held))),
            Kind::Json => self.json(spec, trimmed),
        }
    }

    fn secret(&self, text: &str, control: &str, held: Option<&Value>) -> Option<Value> {
        if !text.is_empty() {
            return Some(text.trim_end_matches('\n').into());
        }
        if self.given.has(&format!("{control}.remove")) {
            return None;
        }
        held.cloned()
    }

    fn one_of(&mut self, alternatives: &[(String, Spec)], control: &str) -> Option<Value> {
        let chosen = self.given.text(control).to_owned();
        let (name, spec) = alternatives.iter().find(|(name, _)| *name == chosen)?;
        let mut object = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
        if let Kind::Group(specs) = &spec.kind {
            object.extend(self.object(specs, &format!("{control}.{name}"), &Map::new()));
        }
        Some(Value::Object(object))
    }

    /// Where values are secrets, `held` knows those that the page did not show.
    fn map(&mut self, spec: &Spec, text: &str, held: Option<&Map<String, Value>>) -> Option<Value> {
        let mut map = Map::new();
        for pair in pairs(text) {
            match pair {
                Ok((name, value)) => {
                    let kept = held.and_then(|held| held.get(name)).filter(|_| value == HIDDEN);
                    map.insert(name.to_owned(), kept.cloned().unwrap_or_else(|| value.into()));
                }
                Err(why) if held.is_some() => {
                    let why = format!("{why}, and is not repeated here: it could hold a secret");
                    self.faults.add(&spec.path, why);
                }
                Err(why) => self.faults.add_unread(&spec.path, why, text),
            }
        }
        Some(Value::Object(map))
    }

    fn json(&mut self, spec: &Spec, text: &str) -> Option<Value> {
        match serde_json::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let why = format!("is not JSON (line {}, column {})", error.line(), error.column());
                self.faults.add_unread(&spec.path, why, text);
                None
            }
        }
    }
}

fn object_of(held: Option<&Value>) -> Map<String, Value> {
    held.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn number(text: &str) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(text.parse().ok()?),
    }
}

fn list(text: &str) -> Value {
    // Texts of several lines, such as keys, are parted by empty lines.
    let parting = if text.contains("-----BEGIN") { "\n\n" } else { "\n" };
    let mut items: Vec<Value> = text
        .split(parting)
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(Value::from)
        .collect();
    if items.len() == 1 {
        items.pop().unwrap_or_default()
    } else {
        Value::Array(items)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Faults, Given, miss_typed, read};
    use crate::dashboard::form::specs;

    fn schema() -> Value {
        json!({"properties": {
            "server": {"type": "string"},
            "password": {"type": "string", "x-secret": true},
            "pool_size": {"type": "integer", "default": 8},
            "timeout": {"anyOf": [{"type": "number"}, {"type": "string"}], "default": 5},
            "on": {"type": "boolean"},
            "issuer": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "secret_headers": {"type": "object", "additionalProperties": {"type": "string", "x-secret": true}},
            "ssl": {"type": "object", "properties": {"key": {"type": "string", "x-secret": true}}},
            "hash": {"oneOf": [
                {"title": "bcrypt", "properties": {"name": {"const": "bcrypt"}, "salt_rounds": {"type": "integer"}}},
                {"title": "plain", "properties": {"name": {"const": "plain"}}},
            ]},
            "checks": {"type": "array"},
        }})
    }

    fn settings(pairs: &[(&str, &str)], held: Value) -> (Value, Faults) {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (mut faults, held) = (Faults::default(), held.as_object().cloned().unwrap_or_default());
        let read = read(&specs(&schema()), &Given::of(pairs.collect()), &held, &mut faults);
        (Value::Object(read), faults)
    }

    #[test]
    fn what_is_sent_becomes_settings_and_what_is_empty_is_left_out() {
        let (read, faults) = settings(
            &[
                ("settings.server", " db:5432 "),
                ("settings.pool_size", ""),
                ("settings.timeout", "1m30s"),
                ("settings.on", "on"),
                ("settings.issuer", "a\r\nb"),
                ("settings.headers", "x-a: 1\nx-b: c: d"),
                ("settings.hash", "bcrypt"),
                ("settings.hash.bcrypt.salt_rounds", "11"),
                ("settings.checks", "[1]"),
            ],
            json!({}),
        );
        assert!(faults.is_empty());
        assert_eq!(
            read,
            json!({"server": "db:5432", "timeout": "1m30s", "on": true, "issuer": ["a", "b"],
                   "headers": {"x-a": "1", "x-b": "c: d"}, "hash": {"name": "bcrypt", "salt_rounds": 11}, "checks": [1]})
        );
    }

    /// As stored secrets are shown.
    const KEPT: &str = "******";

    #[test]
    fn a_secret_that_is_left_empty_stays_and_can_be_replaced_and_removed() {
        let held = json!({"password": KEPT, "ssl": {"key": KEPT}});
        let (kept, _) = settings(&[], held.clone());
        assert_eq!(kept, json!({"password": KEPT, "ssl": {"key": KEPT}}));
        let (changed, _) = settings(&[("settings.password", "new"), ("settings.ssl.key.remove", "on")], held);
        assert_eq!(changed, json!({"password": "new"}));
    }

    #[test]
    fn a_header_that_is_left_as_it_was_shown_stays_and_can_be_replaced_and_removed() {
        let held = json!({"secret_headers": {"kept": "one", "changed": "two", "removed": "three"}});
        let typed = "kept: ******\r\nchanged: new\r\nadded: four";
        let (read, faults) = settings(&[("settings.secret_headers", typed)], held);
        assert!(faults.is_empty());
        assert_eq!(
            read,
            json!({"secret_headers": {"kept": "one", "changed": "new", "added": "four"}})
        );
    }

    #[test]
    fn of_a_draft_that_is_lost_every_secret_is_missed_that_was_not_typed_again() {
        let missed = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let mut faults = Faults::default();
            miss_typed(&specs(&schema()), &Given::of(pairs.collect()), &mut faults);
            faults
        };
        let typed = [
            ("settings.password.typed", "on"),
            ("settings.ssl.key.typed", "on"),
            ("settings.secret_headers.a.typed", "on"),
            ("settings.secret_headers", "a: ******\r\nb: ******"),
        ];
        let faults = missed(&typed);
        for field in ["settings.password", "settings.ssl.key", "settings.secret_headers"] {
            assert!(
                faults.of_field(field).is_some_and(|why| why.contains("type it again")),
                "{field}"
            );
        }
        assert!(faults.of_field("settings.secret_headers").unwrap().starts_with("`a` "));
        let again = [
            ("settings.password", "again"),
            ("settings.ssl.key.remove", "on"),
            ("settings.secret_headers", "a: again"),
        ];
        assert!(missed(&[&again[..], &typed[..3]].concat()).is_empty());
        assert!(missed(&typed[3..]).is_empty());
    }

    #[test]
    fn a_line_that_is_no_header_is_not_shown_again() {
        let (_, faults) = settings(&[("settings.secret_headers", "a: b\nBearer hunter2")], json!({}));
        let told = faults.of_field("settings.secret_headers").unwrap();
        assert!(told.starts_with("line 2 is not") && !told.contains("hunter2"), "{told}");
        assert_eq!(faults.unread("settings.secret_headers"), None);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let (_, faults) = settings(
            &[("settings.headers", "a: b\nnonsense"), ("settings.checks", "[")],
            json!({}),
        );
        assert_eq!(faults.of_field("settings.headers"), Some("line 2 is not `name: value`"));
        assert!(faults.of_field("settings.checks").unwrap().contains("is not JSON"));
    }

    #[test]
    fn defaults_of_every_kind_are_read_back_as_they_were_drawn() {
        for kind in crate::admin::kinds() {
            let specs = specs(&kind.schema);
            let mut faults = Faults::default();
            let read = read(&specs, &Given::default(), &Map::new(), &mut faults);
            assert!(faults.is_empty(), "{}:{}", kind.mechanism, kind.backend);
            assert!(read.values().all(|value| !value.is_null()));
        }
    }

    #[test]
    fn a_default_that_is_sent_as_it_stood_is_left_out_and_any_other_value_is_kept() {
        let (read, _) = settings(&[("settings.pool_size", "8"), ("settings.timeout", "5s")], json!({}));
        assert_eq!(read, json!({}));
        let (read, _) = settings(
            &[("settings.pool_size", "9"), ("settings.timeout", "6s")],
            json!({"pool_size": 8}),
        );
        assert_eq!(read, json!({"pool_size": 9, "timeout": "6s"}));
        let (read, _) = settings(&[("settings.pool_size", "8")], json!({"pool_size": 9}));
        assert_eq!(read, json!({}), "it is the default again");
    }
}
