//! Where in a document an account's fields are, and how they are read.

use mongodb::bson::{Bson, Document};
use serde_json::{Map, Value};

use crate::auth::{ProviderError, Reason};
use crate::backends::fields::Fields;

/// The settings that name the fields of a document, what these mean for an account, and their default names.
const NAMED: [(&str, &str, &str); 7] = [
    ("password_hash_field", "password_hash", "password_hash"),
    ("salt_field", "salt", "salt"),
    ("is_superuser_field", "is_superuser", "is_superuser"),
    ("clientid_override_field", "clientid_override", "clientid_override"),
    ("client_attrs_field", "client_attrs", "client_attrs"),
    ("expire_at_field", "expire_at", "expire_at"),
    ("acl_field", "acl", "acl"),
];
const DEEPEST: usize = 16;

/// The fields of a document that are asked for: what each means, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Shape(Vec<(&'static str, String)>);

impl Shape {
    /// Reads the settings that name them. An empty name: the documents have no such field.
    pub(super) fn parse(fields: &mut Fields<'_>) -> Self {
        let mut shape = Vec::new();
        for (setting, meaning, default) in NAMED {
            let name = match fields.text(setting) {
                Some(name) => name.to_owned(),
                None => {
                    fields.fill(setting, default);
                    default.to_owned()
                }
            };
            if name.contains(['$', '\0']) || name.split('.').any(str::is_empty) && !name.is_empty() {
                fields.refuse(setting, "is no name of a field: `name`, or `outer.inner`");
            } else if name.is_empty() && meaning == "password_hash" {
                fields.refuse(setting, "must not be empty");
            } else if !name.is_empty() {
                shape.push((meaning, name));
            }
        }
        Self(shape)
    }

    /// Asks for these fields only.
    pub(super) fn projection(&self) -> Document {
        let mut projection: Document = self.0.iter().map(|(_, name)| (name.clone(), Bson::Int32(1))).collect();
        if !projection.contains_key("_id") {
            projection.insert("_id", 0);
        }
        projection
    }

    /// The account's fields in a document. Without a hash it is no account.
    pub(super) fn read(&self, document: &Document) -> Result<Map<String, Value>, ProviderError> {
        let mut found = Map::new();
        for (meaning, name) in &self.0 {
            match at(document, name) {
                Some(value) => {
                    let value = json(value, DEEPEST)
                        .ok_or_else(|| nonsense(format!("the document's `{name}` cannot be read: {}", kind(value))))?;
                    found.insert((*meaning).to_owned(), value);
                }
                None if *meaning == "password_hash" => {
                    return Err(nonsense(format!("the document has no `{name}`")));
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// JSON schema of the settings.
    pub(super) fn schemas() -> Map<String, Value> {
        let of = |meaning: &str| match meaning {
            "password_hash" => (
                "Field of the hash",
                "Which field of a document is the hash of the password.",
            ),
            "salt" => ("Field of the salt", "Which field is the salt."),
            "is_superuser" => ("Field of superusers", "Which field says that the user is a superuser."),
            "clientid_override" => (
                "Field of the client ID",
                "Which field is the client ID that the client gets instead of its own.",
            ),
            "client_attrs" => (
                "Field of attributes",
                "Which field is an object of attributes for the client.",
            ),
            "expire_at" => (
                "Field of the end",
                "Which field says until when the client is let in: a date, or seconds since 1970.",
            ),
            _ => (
                "Field of rules",
                "Which field holds what the client may do (`acl`, as in EMQX's tokens).",
            ),
        };
        NAMED
            .into_iter()
            .map(|(setting, meaning, default)| {
                let (title, description) = of(meaning);
                let schema = serde_json::json!({
                    "title": title,
                    "description": description,
                    "type": "string",
                    "default": default,
                });
                (setting.to_owned(), schema)
            })
            .collect()
    }
}

/// What stands at a path; also under a name that has dots itself.
fn at<'d>(document: &'d Document, path: &str) -> Option<&'d Bson> {
    if let Some(value) = document.get(path) {
        return Some(value);
    }
    let (outer, inner) = path.split_once('.')?;
    at(document.get_document(outer).ok()?, inner)
}

/// As JSON. A moment becomes its whole seconds since 1970, an identifier or a decimal its text.
fn json(value: &Bson, room: usize) -> Option<Value> {
    let room = room.checked_sub(1)?;
    Some(match value {
        Bson::Null | Bson::Undefined => Value::Null,
        Bson::Boolean(flag) => Value::Bool(*flag),
        Bson::Int32(number) => Value::from(*number),
        Bson::Int64(number) => Value::from(*number),
        Bson::Double(number) => whole(*number),
        Bson::String(text) | Bson::Symbol(text) => Value::String(text.clone()),
        Bson::ObjectId(id) => Value::String(id.to_hex()),
        Bson::Decimal128(number) => Value::String(number.to_string()),
        Bson::DateTime(moment) => Value::from(moment.timestamp_millis().div_euclid(1000)),
        Bson::Timestamp(moment) => Value::from(moment.time),
        Bson::Array(items) => Value::Array(items.iter().map(|item| json(item, room)).collect::<Option<_>>()?),
        Bson::Document(document) => {
            let members = document
                .iter()
                .map(|(name, value)| Some((name.clone(), json(value, room)?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
        Bson::Binary(bytes) => Value::String(String::from_utf8(bytes.bytes.clone()).ok()?),
        _ => return None,
    })
}

/// Shells write every number as a double.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is whole and far within the bounds of an i64"
)]
fn whole(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

fn kind(value: &Bson) -> &'static str {
    match value {
        Bson::Binary(_) => "its bytes are no UTF-8 text",
        Bson::Array(_) | Bson::Document(_) => "it is nested too deep, or holds what cannot be read",
        _ => "it is of a type that means nothing here",
    }
}

fn nonsense(why: String) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Binary, Bson, DateTime, doc, oid::ObjectId, spec::BinarySubtype};
    use serde_json::{Value, json};

    use super::{Fields, Shape};

    fn shape(settings: &Value) -> Result<Shape, String> {
        let mut fields = Fields::of("settings", settings).unwrap();
        let shape = Shape::parse(&mut fields);
        fields.finish().map(|_| shape).map_err(|faults| faults[0].to_string())
    }

    #[test]
    fn every_type_that_means_something_is_read() {
        let shape = shape(&json!({"salt_field": "auth.salt", "clientid_override_field": "_id"})).unwrap();
        let document = doc! {
            "_id": ObjectId::parse_str("65f000000000000000000001").unwrap(),
            "password_hash": Binary { subtype: BinarySubtype::Generic, bytes: b"hash".to_vec() },
            "auth": {"salt": 7.0},
            "is_superuser": Bson::Int64(1),
            "client_attrs": {"tns": "acme", "n": 3},
            "expire_at": DateTime::from_millis(1_900_000_000_900),
            "acl": [{"permission": "allow", "action": "all", "topic": "t"}],
        };
        let expected = json!({
            "password_hash": "hash",
            "salt": 7,
            "is_superuser": 1,
            "clientid_override": "65f000000000000000000001",
            "client_attrs": {"tns": "acme", "n": 3},
            "expire_at": 1_900_000_000,
            "acl": [{"permission": "allow", "action": "all", "topic": "t"}],
        });
        assert_eq!(Value::Object(shape.read(&document).unwrap()), expected);
        assert_eq!(shape.projection().get("_id"), Some(&Bson::Int32(1)));
    }

    #[test]
    fn a_document_without_a_hash_is_no_account() {
        let usual = shape(&json!({})).unwrap();
        let error = usual.read(&doc! {"salt": "x"}).unwrap_err();
        assert!(error.detail.contains("no `password_hash`"));
        assert_eq!(usual.projection().get("_id"), Some(&Bson::Int32(0)));
        let named = shape(&json!({"password_hash_field": "pw"})).unwrap();
        assert!(named.read(&doc! {"password_hash": "x"}).is_err());
        let not_set = usual.read(&doc! {"password_hash": Bson::Null}).unwrap();
        assert_eq!(not_set["password_hash"], Value::Null);
    }

    #[test]
    fn what_cannot_be_read_is_a_failure() {
        let shape = shape(&json!({})).unwrap();
        let bytes = Binary {
            subtype: BinarySubtype::Generic,
            bytes: vec![255],
        };
        assert!(shape.read(&doc! {"password_hash": bytes}).is_err());
        assert!(shape.read(&doc! {"password_hash": Bson::MaxKey}).is_err());
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for name in ["$x", "a..b", ".a", "a.", "a\0"] {
            assert!(shape(&json!({"salt_field": name})).is_err(), "{name}");
        }
        assert!(shape(&json!({"password_hash_field": ""})).is_err());
        assert!(shape(&json!({"salt_field": ""})).is_ok());
    }
}
