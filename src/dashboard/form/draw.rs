//! Fields with what they hold.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::spec::{Kind, Spec};
use crate::admin::HIDDEN;
use crate::dashboard::ui::{Faults, Field, area, check, hidden, id_of, password, prose, select, text};

/// What a form is filled with.
pub(in crate::dashboard) struct Filled<'a> {
    pub(in crate::dashboard) settings: &'a Map<String, Value>,
    /// As they are stored, their secrets hidden; empty for a new one.
    pub(in crate::dashboard) stored: &'a Map<String, Value>,
    pub(in crate::dashboard) faults: &'a Faults,
    /// Whether it can only be looked at.
    pub(in crate::dashboard) is_locked: bool,
}

/// What one field holds, and what is stored in its place.
#[derive(Clone, Copy)]
struct Held<'a> {
    now: Option<&'a Value>,
    stored: Option<&'a Value>,
}

impl Held<'_> {
    fn within(self, name: &str) -> Self {
        Self {
            now: self.now.and_then(|value| value.get(name)),
            stored: self.stored.and_then(|value| value.get(name)),
        }
    }

    /// It is known from a draft alone.
    fn is_typed(self) -> bool {
        self.now.is_some() && self.now != self.stored
    }
}

/// The fields, those that few have to change folded away.
pub(in crate::dashboard) fn draw(specs: &[Spec], filled: &Filled<'_>) -> Markup {
    let (advanced, plain): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| spec.is_advanced);
    let is_faulty = |spec: &&Spec| filled.faults.touch(&spec.path);
    let held = |spec: &Spec| Held {
        now: filled.settings.get(&spec.name),
        stored: filled.stored.get(&spec.name),
    };
    html! {
        @for spec in plain { (field(spec, "settings", held(spec), filled)) }
        @if !advanced.is_empty() {
            details open[advanced.iter().any(is_faulty)] {
                summary { "Advanced" }
                div.stack { @for spec in advanced { (field(spec, "settings", held(spec), filled)) } }
            }
        }
    }
}

fn field(spec: &Spec, above: &str, held: Held<'_>, filled: &Filled<'_>) -> Markup {
    let control = format!("{above}.{}", spec.name);
    let value = held.now.unwrap_or(&spec.default);
    let unread = filled.faults.unread(&control).map(str::to_owned);
    let shown = unread.unwrap_or_else(|| shown(value, &spec.kind));
    let base = Field {
        fault: filled.faults.of_field(&control),
        disabled: filled.is_locked,
        ..Field::new(&control, &spec.title).help(&spec.help).value(&shown)
    };
    match &spec.kind {
        Kind::Text | Kind::Number | Kind::Time => text(base),
        Kind::Lines | Kind::List | Kind::Map | Kind::Json => area(base.help(&help(spec))),
        Kind::SecretMap { .. } => html! {
            (area(base.help(&help(spec)).secret()))
            @for name in value.as_object().into_iter().flat_map(Map::keys) {
                @if held.within(name).is_typed() { (typed(&format!("{control}.{name}"))) }
            }
        },
        Kind::Flag => check(base, value.as_bool() == Some(true)),
        Kind::Choice(words) => choice(base, words, &spec.default),
        Kind::Secret { has_lines } => secret(base, held, *has_lines),
        Kind::Group(specs) => group(spec, specs, &control, held, filled),
        Kind::OneOf(alternatives) => one_of(spec, alternatives, &control, value, filled),
    }
}

fn help(spec: &Spec) -> String {
    let how = match spec.kind {
        Kind::List => " One a line.",
        Kind::Map => " One `name: value` a line.",
        Kind::SecretMap { .. } => {
            " One `name: value` a line. `******` stands for a value that is set: leave it to keep that."
        }
        Kind::Json => " JSON.",
        _ => "",
    };
    format!("{}{how}", spec.help)
}

/// What a field shows that holds this.
pub(super) fn shown(value: &Value, kind: &Kind) -> String {
    match (kind, value) {
        (_, Value::Null) | (Kind::Secret { .. } | Kind::Group(_) | Kind::OneOf(_), _) => String::new(),
        (Kind::List, Value::Array(items)) => {
            let texts: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            let parting = if texts.iter().any(|text| text.contains('\n')) {
                "\n\n"
            } else {
                "\n"
            };
            texts.join(parting)
        }
        (Kind::Map, Value::Object(map)) => lines(map, |_| true),
        (Kind::SecretMap { open }, Value::Object(map)) => lines(map, |name| open.iter().any(|open| open == name)),
        (Kind::Time, Value::Number(seconds)) => format!("{seconds}s"),
        (Kind::Json, value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

/// Names with their values, as far as those may be seen.
fn lines(map: &Map<String, Value>, is_open: impl Fn(&str) -> bool) -> String {
    let shown = |name: &str, value: &Value| match is_open(name) {
        true => value.as_str().unwrap_or_default().to_owned(),
        false => HIDDEN.to_owned(),
    };
    let lines = map
        .iter()
        .map(|(name, value)| format!("{name}: {}", shown(name, value)));
    lines.collect::<Vec<_>>().join("\n")
}

fn choice(field: Field<'_>, words: &[String], default: &Value) -> Markup {
    let mut choices: Vec<(&str, &str)> = words.iter().map(|word| (word.as_str(), word.as_str())).collect();
    if default.is_null() {
        choices.insert(0, ("", "–"));
    }
    select(field, &choices)
}

/// A secret says whether there is one, and nothing more.
fn secret(field: Field<'_>, held: Held<'_>, has_lines: bool) -> Markup {
    let control = |field: Field<'_>| {
        if has_lines {
            area(field.value("").secret())
        } else {
            password(field)
        }
    };
    let field = field.known_as("new-password");
    let remove = format!("{}.remove", field.name);
    if held.now.is_none() {
        return html! {
            (control(field))
            // Whatever becomes of the draft, the stored one stays removed.
            @if held.stored.is_some() { (hidden(&remove, "on")) }
        };
    }
    html! {
        (control(field.placeholder("Set. Leave empty to keep it.")))
        @if held.is_typed() { (typed(field.name)) }
        (check(Field::new(&remove, &format!("Remove {}", field.label.to_lowercase())).disabled(field.disabled), false))
    }
}

/// Says along with the form that the secret in this place is known from a draft alone: should that be lost, it is missed.
fn typed(place: &str) -> Markup {
    hidden(&format!("{place}.typed"), "on")
}

fn group(spec: &Spec, specs: &[Spec], control: &str, held: Held<'_>, filled: &Filled<'_>) -> Markup {
    let held = Held {
        now: held.now.or(Some(&spec.default)),
        ..held
    };
    let (id, fault) = (id_of(control), filled.faults.of_field(control));
    let error = format!("{id}-error");
    html! {
        fieldset id=(id) tabindex=[fault.map(|_| "-1")] aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| &error)] {
            legend { (spec.title) }
            @if !spec.help.is_empty() { p.small.muted { (prose(&spec.help)) } }
            @if let Some(fault) = fault { p.error id=(error) { "✕ " (fault) } }
            @for inner in specs { (field(inner, control, held.within(&inner.name), filled)) }
        }
    }
}

fn one_of(spec: &Spec, alternatives: &[(String, Spec)], control: &str, value: &Value, filled: &Filled<'_>) -> Markup {
    let chosen = value.get("name").and_then(Value::as_str);
    let (id, fault) = (id_of(control), filled.faults.of_field(control));
    let error = format!("{id}-error");
    html! {
        fieldset.alternatives id=(id) tabindex=[fault.map(|_| "-1")] aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| &error)] {
            legend { (spec.title) }
            @if !spec.help.is_empty() { p.small.muted { (prose(&spec.help)) } }
            @if let Some(fault) = fault { p.error id=(error) { "✕ " (fault) } }
            @for (at, (name, alternative)) in alternatives.iter().enumerate() {
                @let is_chosen = chosen == Some(name);
                div.alternative {
                    div.field.check {
                        input type="radio" id={ (id) "-" (at) } name=(control) value=(name) checked[is_chosen] disabled[filled.is_locked]
                            aria-describedby={ (id) "-" (at) "-help" };
                        label for={ (id) "-" (at) } { (alternative.title) }
                        span.small.muted id={ (id) "-" (at) "-help" } { (prose(&alternative.help)) }
                    }
                    @if let Kind::Group(specs) = &alternative.kind {
                        @if !specs.is_empty() {
                            div.parameters.stack {
                                @for inner in specs {
                                    @let held = Held { now: value.get(&inner.name).filter(|_| is_chosen), stored: None };
                                    (field(inner, &format!("{control}.{name}"), held, filled))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Faults, Filled, draw};
    use crate::dashboard::form::specs;

    fn drawn(schema: &Value, settings: &Value, faults: &Faults) -> String {
        drawn_over(schema, settings, &Value::Null, faults)
    }

    fn drawn_over(schema: &Value, settings: &Value, stored: &Value, faults: &Faults) -> String {
        let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let filled = Filled {
            settings: &object(settings),
            stored: &object(stored),
            faults,
            is_locked: false,
        };
        draw(&specs(schema), &filled).into_string()
    }

    #[test]
    fn a_secret_is_never_in_the_page() {
        let schema = json!({"properties": {"password": {"title": "Password", "type": "string", "x-secret": true}}});
        let page = drawn(&schema, &json!({"password": "hunter2"}), &Faults::default());
        assert!(
            !page.contains("hunter2") && page.contains("Leave empty to keep it"),
            "{page}"
        );
    }

    /// Settings with a text in each place that the schema marks as secret, and how many there are.
    fn full_of_secrets(schema: &Value, count: &mut usize) -> Value {
        if schema.get("x-secret") == Some(&Value::Bool(true)) {
            *count += 1;
            return json!(format!("hunter{count}"));
        }
        let mut members = Map::new();
        for (name, schema) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            members.insert(name.clone(), full_of_secrets(schema, count));
        }
        if let Some(schema) = schema.get("additionalProperties").filter(|others| others.is_object()) {
            members.insert("x-other".to_owned(), full_of_secrets(schema, count));
        }
        if members.is_empty() {
            Value::Null
        } else {
            members.into()
        }
    }

    #[test]
    fn no_secret_of_any_kind_is_in_a_page_and_each_is_typed_where_the_browser_keeps_nothing() {
        for kind in crate::admin::kinds() {
            let mut count = 0;
            let settings = full_of_secrets(&kind.schema, &mut count);
            assert_eq!(
                count,
                kind.schema.to_string().matches("\"x-secret\":true").count(),
                "some stand elsewhere: {}",
                kind.schema
            );
            let page = drawn(&kind.schema, &settings, &Faults::default());
            assert!(!page.contains("hunter"), "{}:{}: {page}", kind.mechanism, kind.backend);
            assert_eq!(page.matches(" data-secret").count(), count, "{page}");
        }
    }

    #[test]
    fn of_headers_the_names_are_shown_and_only_harmless_values() {
        let schema = json!({"properties": {"headers": {"type": "object", "properties": {"accept": {"type": "string"}},
                            "additionalProperties": {"type": "string", "x-secret": true}}}});
        let headers = json!({"headers": {"accept": "text/plain", "authorization": "Bearer hunter2"}});
        let page = drawn(&schema, &headers, &Faults::default());
        assert!(
            page.contains("accept: text/plain\nauthorization: ******</textarea>"),
            "{page}"
        );
    }

    #[test]
    fn a_page_says_which_secrets_are_known_from_a_draft_alone_and_which_are_removed() {
        let schema = json!({"properties": {
            "password": {"type": "string", "x-secret": true},
            "key": {"type": "string", "x-secret": true},
            "token": {"type": "string", "x-secret": true},
            "headers": {"type": "object", "additionalProperties": {"type": "string", "x-secret": true}},
        }});
        let stored = json!({"password": "******", "key": "******", "token": "******", "headers": {"a": "******"}});
        let draft = json!({"password": "typed", "key": "******", "headers": {"a": "******", "b": "typed"}});
        let page = drawn_over(&schema, &draft, &stored, &Faults::default());
        let marks = |mark: &str| -> Vec<_> {
            let names = page.match_indices("<input type=\"hidden\" name=\"");
            let names = names.filter_map(|(at, tag)| page[at + tag.len()..].split('"').next());
            names.filter(|name| name.ends_with(mark)).collect()
        };
        assert_eq!(marks(".typed"), ["settings.password.typed", "settings.headers.b.typed"]);
        assert_eq!(marks(".remove"), ["settings.token.remove"]);
    }

    #[test]
    fn a_fault_stands_beside_its_field() {
        let schema = json!({"properties": {"pool_size": {"type": "integer", "default": 8, "x-advanced": true}}});
        let faults = Faults::one("settings.pool_size", "must be a whole number from 1 to 1024");
        let page = drawn(&schema, &json!({"pool_size": "many"}), &faults);
        assert!(
            page.contains("<details open>") && page.contains("value=\"many\""),
            "{page}"
        );
        assert!(page.contains("f-settings-pool-size-error"), "{page}");
    }

    #[test]
    fn what_cannot_be_read_is_shown_as_it_was_typed() {
        let schema = json!({"properties": {"checks": {"type": "array"}}});
        let mut faults = Faults::default();
        faults.add_unread("settings.checks", "is not JSON", "[1,");
        let page = drawn(&schema, &json!({}), &faults);
        assert!(page.contains("\n[1,</textarea>"), "{page}");
    }

    #[test]
    fn every_kind_can_be_drawn_with_its_defaults() {
        for kind in crate::admin::kinds() {
            let filled = Filled {
                settings: &Map::new(),
                stored: &Map::new(),
                faults: &Faults::default(),
                is_locked: true,
            };
            let page = draw(&specs(&kind.schema), &filled).into_string();
            assert!(page.contains("<label"), "{}:{}", kind.mechanism, kind.backend);
        }
    }
}
