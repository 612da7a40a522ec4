//! A schema as a list of fields.

use serde_json::{Map, Value};

/// One field of a form.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dashboard) struct Spec {
    /// Its own name.
    pub(in crate::dashboard) name: String,
    /// Where it stands, as faults name it: `settings.ssl.verify`.
    pub(in crate::dashboard) path: String,
    pub(in crate::dashboard) title: String,
    pub(in crate::dashboard) help: String,
    pub(in crate::dashboard) kind: Kind,
    pub(in crate::dashboard) default: Value,
    /// Few have to change it.
    pub(in crate::dashboard) is_advanced: bool,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dashboard) enum Kind {
    /// A line.
    Text,
    /// Several lines.
    Lines,
    /// Never shown; a key has several lines.
    Secret { has_lines: bool },
    /// Yes or no.
    Flag,
    /// A number.
    Number,
    /// A number of seconds, or a time like `1m30s`.
    Time,
    /// A text, or one a line.
    List,
    /// One of these words.
    Choice(Vec<String>),
    /// Names and values, one a line.
    Map,
    /// The same with values that are never shown, but for those of these names.
    SecretMap { open: Vec<String> },
    /// Further fields.
    Group(Vec<Spec>),
    /// One of several objects, told apart by their `name`.
    OneOf(Vec<(String, Spec)>),
    /// Whatever else JSON can say.
    Json,
}

/// The fields of a kind of authenticator; what is accepted without being kept is left out.
pub(in crate::dashboard) fn specs(schema: &Value) -> Vec<Spec> {
    properties(schema, "settings")
}

fn properties(schema: &Value, path: &str) -> Vec<Spec> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .iter()
        .filter_map(|(name, schema)| spec(name, path, schema))
        .collect()
}

fn spec(name: &str, above: &str, schema: &Value) -> Option<Spec> {
    let flag = |mark: &str| schema.get(mark).and_then(Value::as_bool) == Some(true);
    if flag("deprecated") {
        return None;
    }
    let path = format!("{above}.{name}");
    let text = |member: &str| {
        schema
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Some(Spec {
        name: name.to_owned(),
        title: Some(text("title"))
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| name.to_owned()),
        help: text("description"),
        kind: kind(schema.as_object()?, schema, &path)?,
        default: schema.get("default").cloned().unwrap_or(Value::Null),
        is_advanced: flag("x-advanced"),
        path,
    })
}

fn kind(members: &Map<String, Value>, schema: &Value, path: &str) -> Option<Kind> {
    let flag = |mark: &str| members.get(mark).and_then(Value::as_bool) == Some(true);
    if let Some(words) = members.get("enum").and_then(Value::as_array) {
        return Some(Kind::Choice(
            words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        ));
    }
    if let Some(alternatives) = members.get("oneOf").and_then(Value::as_array) {
        return Some(one_of(alternatives, path));
    }
    if let Some(alternatives) = members.get("anyOf").and_then(Value::as_array) {
        return Some(any_of(alternatives));
    }
    Some(match members.get("type").and_then(Value::as_str)? {
        "boolean" => Kind::Flag,
        "integer" | "number" => Kind::Number,
        "string" if flag("x-secret") => Kind::Secret {
            has_lines: flag("x-lines"),
        },
        "string" if flag("x-lines") => Kind::Lines,
        "string" => Kind::Text,
        "object" if takes_any_name(members) => map(members),
        "object" => Kind::Group(properties(schema, path)),
        _ => Kind::Json,
    })
}

fn takes_any_name(members: &Map<String, Value>) -> bool {
    let others = members.get("additionalProperties");
    others.and_then(|others| others.get("type")).and_then(Value::as_str) == Some("string")
}

fn map(members: &Map<String, Value>) -> Kind {
    let is_secret = |schema: &Value| schema.get("x-secret").and_then(Value::as_bool) == Some(true);
    if !members.get("additionalProperties").is_some_and(is_secret) {
        return Kind::Map;
    }
    let named = members
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    Kind::SecretMap {
        open: named
            .filter(|(_, schema)| !is_secret(schema))
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

fn any_of(alternatives: &[Value]) -> Kind {
    let types: Vec<_> = alternatives
        .iter()
        .filter_map(|one| one.get("type").and_then(Value::as_str))
        .collect();
    let of_texts = alternatives.iter().all(|one| {
        let items = one
            .get("items")
            .and_then(|items| items.get("type"))
            .and_then(Value::as_str);
        items.is_none_or(|items| items == "string")
    });
    match types.as_slice() {
        ["number", "string"] => Kind::Time,
        ["string", "array"] if of_texts => Kind::List,
        _ => Kind::Json,
    }
}

fn one_of(alternatives: &[Value], path: &str) -> Kind {
    let named = alternatives.iter().filter_map(|schema| {
        let title = schema.get("title").and_then(Value::as_str)?;
        let fields = properties(schema, path)
            .into_iter()
            .filter(|field| field.name != "name");
        let spec = Spec {
            name: title.to_owned(),
            path: path.to_owned(),
            title: title.to_owned(),
            help: schema
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            kind: Kind::Group(fields.collect()),
            default: Value::Null,
            is_advanced: false,
        };
        Some((title.to_owned(), spec))
    });
    Kind::OneOf(named.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Kind, specs};

    fn kind_of(schema: serde_json::Value) -> Option<Kind> {
        let mut all = specs(&json!({"properties": {"a": schema}}));
        all.pop().map(|spec| spec.kind)
    }

    #[test]
    fn each_shape_of_a_schema_has_its_field() {
        assert_eq!(kind_of(json!({"type": "string"})), Some(Kind::Text));
        assert_eq!(
            kind_of(json!({"type": "string", "x-secret": true})),
            Some(Kind::Secret { has_lines: false })
        );
        assert_eq!(kind_of(json!({"type": "boolean"})), Some(Kind::Flag));
        assert_eq!(
            kind_of(json!({"anyOf": [{"type": "number"}, {"type": "string"}]})),
            Some(Kind::Time)
        );
        let list = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
        assert_eq!(kind_of(list), Some(Kind::List));
        assert_eq!(
            kind_of(json!({"enum": ["x", "y"]})),
            Some(Kind::Choice(vec!["x".into(), "y".into()]))
        );
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
        assert_eq!(kind_of(map), Some(Kind::Map));
        let headers = json!({"type": "object", "properties": {"accept": {"type": "string"}},
                             "additionalProperties": {"type": "string", "x-secret": true}});
        assert_eq!(
            kind_of(headers),
            Some(Kind::SecretMap {
                open: vec!["accept".into()]
            })
        );
        assert_eq!(kind_of(json!({"type": "array"})), Some(Kind::Json));
        assert_eq!(kind_of(json!({"title": "not kept"})), None);
    }

    #[test]
    fn every_field_of_every_kind_can_be_drawn() {
        for kind in crate::admin::kinds() {
            assert!(!specs(&kind.schema).is_empty(), "{}:{}", kind.mechanism, kind.backend);
        }
    }
}
