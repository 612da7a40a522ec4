//! What a document is looked for by: an object of the settings, whose texts are filled in with what a client brings.
//!
//! A value of a client only ever becomes a string. It is put into the document that the driver sends and never read as one, so it can
//! be neither an operator nor a name; and the settings' own operators are those that compare.

use mongodb::bson::{Bson, Document};
use serde_json::{Map, Value};

use crate::auth::Credentials;
use crate::backends::Violation;
use crate::backends::template::{Placeholder, Template, distinct};

/// Operators that compare, or join what compares. The others run code, or look at more than one document.
const OPERATORS: [&str; 18] = [
    "$all",
    "$and",
    "$elemMatch",
    "$eq",
    "$exists",
    "$gt",
    "$gte",
    "$in",
    "$lt",
    "$lte",
    "$ne",
    "$nin",
    "$nor",
    "$not",
    "$options",
    "$or",
    "$regex",
    "$size",
];
/// Where a client's value would be a pattern, which fits more than itself.
const PATTERNS: [&str; 2] = ["$regex", "$options"];
/// Objects and lists within each other.
const DEEPEST: usize = 16;

/// A filter to be filled in.
#[derive(Clone, Debug)]
pub(super) struct Filter(Vec<(String, Part)>);

#[derive(Clone, Debug)]
enum Part {
    Fixed(Bson),
    Text(Template),
    List(Vec<Part>),
    Object(Vec<(String, Part)>),
}

/// A value of the client is no text, so no string in any document is like it.
#[derive(Debug)]
pub(super) struct NoText;

impl Filter {
    /// Reads the object that stands at `path`, and names every fault in it.
    pub(super) fn parse(path: &str, value: &Value) -> Result<Self, Vec<Violation>> {
        let Some(object) = value.as_object() else {
            return Err(vec![Violation::new(path, "must be an object")]);
        };
        if object.is_empty() {
            let why =
                "is required: with which fields a document belongs to a client, like `{\"username\": \"${username}\"}`";
            return Err(vec![Violation::new(path, why)]);
        }
        let mut faults = Vec::new();
        let parts = members(path, object, DEEPEST, &mut faults);
        if faults.is_empty() {
            Ok(Self(parts))
        } else {
            Err(faults)
        }
    }

    /// What of a client goes into it.
    pub(super) fn inputs(&self) -> Vec<Placeholder> {
        let mut placeholders = Vec::new();
        for (_, part) in &self.0 {
            part.gather(&mut placeholders);
        }
        distinct(placeholders.into_iter())
    }

    /// Fills it in.
    pub(super) fn of(&self, credentials: &Credentials) -> Result<Document, NoText> {
        document(&self.0, credentials)
    }
}

fn document(parts: &[(String, Part)], credentials: &Credentials) -> Result<Document, NoText> {
    parts
        .iter()
        .map(|(name, part)| Ok((name.clone(), part.of(credentials)?)))
        .collect()
}

impl Part {
    fn of(&self, credentials: &Credentials) -> Result<Bson, NoText> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(template) => {
                let text = String::from_utf8(template.bytes(credentials)).map_err(|_| NoText)?;
                Bson::String(text)
            }
            Self::List(parts) => Bson::Array(
                parts
                    .iter()
                    .map(|part| part.of(credentials))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Object(parts) => Bson::Document(document(parts, credentials)?),
        })
    }

    fn gather<'p>(&'p self, found: &mut Vec<&'p Placeholder>) {
        match self {
            Self::Fixed(_) => {}
            Self::Text(template) => found.extend(template.placeholders()),
            Self::List(parts) => parts.iter().for_each(|part| part.gather(found)),
            Self::Object(parts) => parts.iter().for_each(|(_, part)| part.gather(found)),
        }
    }
}

fn members(path: &str, object: &Map<String, Value>, room: usize, faults: &mut Vec<Violation>) -> Vec<(String, Part)> {
    let mut found = Vec::new();
    for (name, value) in object {
        let path = format!("{path}.{name}");
        if let Err(why) = fits_as_name(name) {
            faults.push(Violation::new(path, why));
            continue;
        }
        let is_pattern = PATTERNS.contains(&name.as_str());
        if let Some(part) = part(&path, value, is_pattern, room, faults) {
            found.push((name.clone(), part));
        }
    }
    found
}

fn fits_as_name(name: &str) -> Result<(), String> {
    if name.contains("${") {
        return Err("has a placeholder in its name: no client may choose what is compared".to_owned());
    }
    if name.contains('\0') {
        return Err("has a NUL in its name".to_owned());
    }
    if name.starts_with('$') && !OPERATORS.contains(&name) {
        return Err(format!("is no operator for here; known are {}", OPERATORS.join(", ")));
    }
    Ok(())
}

fn part(path: &str, value: &Value, is_pattern: bool, room: usize, faults: &mut Vec<Violation>) -> Option<Part> {
    let Some(room) = room.checked_sub(1) else {
        let why = format!("is nested more than {DEEPEST} levels deep");
        faults.push(Violation::new(path, why));
        return None;
    };
    match value {
        Value::Null => Some(Part::Fixed(Bson::Null)),
        Value::Bool(flag) => Some(Part::Fixed(Bson::Boolean(*flag))),
        Value::Number(number) => Some(Part::Fixed(as_number(number))),
        Value::String(text) => match template(text, is_pattern) {
            Ok(template) => Some(Part::Text(template)),
            Err(why) => {
                faults.push(Violation::new(path, why));
                None
            }
        },
        Value::Array(items) => {
            let mut parts = Vec::new();
            for (number, item) in items.iter().enumerate() {
                parts.extend(part(&format!("{path}[{number}]"), item, is_pattern, room, faults));
            }
            Some(Part::List(parts))
        }
        Value::Object(object) => Some(Part::Object(members(path, object, room, faults))),
    }
}

fn template(text: &str, is_pattern: bool) -> Result<Template, String> {
    let template = Template::parse_strictly(text)?;
    if is_pattern && template.placeholders().next().is_some() {
        return Err("has a placeholder in a pattern: a client could send one that fits everybody".to_owned());
    }
    Ok(template)
}

/// Whole numbers are written as such, those that came through a `google.protobuf.Struct` included; MongoDB compares them by value.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is whole and far within the bounds of an i64"
)]
fn as_number(number: &serde_json::Number) -> Bson {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Bson::Int64(whole),
        (None, Some(double)) if double.fract() == 0.0 && double.abs() <= EXACT => Bson::Int64(double as i64),
        (None, double) => Bson::Double(double.unwrap_or(f64::NAN)),
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;
    use serde_json::{Value, json};

    use super::Filter;
    use crate::auth::{Credentials, Secret};

    fn faults(filter: &Value) -> Vec<String> {
        let faults = Filter::parse("settings.filter", filter).err().unwrap_or_default();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_client_brings_becomes_a_string_and_nothing_else() {
        let filter = Filter::parse(
            "settings.filter",
            &json!({"username": "${username}", "$or": [{"a": "x${password}y"}, {"n": 1.0}], "on": {"$ne": false}}),
        )
        .unwrap();
        let hostile = r#"{"$ne": ""}"#;
        let credentials = Credentials {
            username: hostile.to_owned(),
            password: Some(Secret::new(hostile)),
            ..Credentials::default()
        };
        let expected = doc! {
            "username": hostile,
            "$or": [{"a": format!("x{hostile}y")}, {"n": 1_i64}],
            "on": {"$ne": false},
        };
        assert_eq!(filter.of(&credentials).unwrap(), expected);
        assert_eq!(filter.inputs().len(), 2);
        let no_text = Credentials {
            password: Some(Secret::new([255])),
            ..Credentials::default()
        };
        assert!(filter.of(&no_text).is_err());
    }

    #[test]
    fn operators_that_run_code_are_refused_at_any_depth() {
        for filter in [
            json!({"$where": "this.a == '${username}'"}),
            json!({"$expr": {"$function": {"body": "x", "args": [], "lang": "js"}}}),
            json!({"a": {"$function": {}}}),
            json!({"$and": [{"b": {"$accumulator": {}}}]}),
            json!({"$jsonSchema": {}}),
            json!({"$comment": "x"}),
        ] {
            let faults = faults(&filter);
            assert!(faults[0].contains("no operator for here"), "{filter}: {faults:?}");
        }
    }

    #[test]
    fn every_fault_of_a_filter_is_named() {
        let found = faults(&json!({
            "${username}": 1,
            "a": "${user}",
            "b": {"$regex": "^${username}$"},
            "c": [{"$where": "1"}],
        }));
        let named: Vec<_> = found.iter().map(|fault| fault.split('`').nth(1).unwrap()).collect();
        assert_eq!(
            named,
            [
                "settings.filter.${username}",
                "settings.filter.a",
                "settings.filter.b.$regex",
                "settings.filter.c[0].$where"
            ]
        );
        assert!(faults(&json!({}))[0].contains("is required"));
        assert!(faults(&json!("x"))[0].contains("must be an object"));
        let deep = (0..20).fold(json!(1), |inner, _| json!({"a": inner}));
        assert!(faults(&deep)[0].contains("16 levels"));
    }
}
