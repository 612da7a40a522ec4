//! What another system knows of a client, as fields with names: how it is protected, and what it may.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::acl;
use crate::auth::{Identity, ProviderError, Reason, Secret, Timestamp};
use crate::hash::{Algorithm, Stored, says_what_it_is};

/// The longest name of an attribute.
const LONGEST_NAME: usize = 64;
/// The names under which a record is looked for, the better one first.
const PASSWORD_FIELDS: [&str; 2] = ["password_hash", "password"];
/// Seconds beyond the year 5138, which are milliseconds mistaken for seconds.
const NO_SECONDS: u64 = 100_000_000_000;

/// A user of another system.
pub(super) struct Account {
    /// Any of these may be shown to be known. Empty: it has no password, so nobody knows it.
    pub(super) records: Vec<Record>,
    /// It lets nobody in, whoever knows the password.
    pub(super) is_disabled: bool,
    pub(super) identity: Identity,
}

/// A stored password with the text it was made of.
pub(super) struct Record {
    pub(super) stored: Stored,
    encoded: Secret,
}

impl Record {
    /// Reads a text that says itself what it is. One that does not could be the password.
    pub(super) fn of_itself(text: &[u8]) -> Result<Self, ProviderError> {
        let unusable = |why: String| nonsense(format!("the stored password cannot be used: {why}"));
        let text = std::str::from_utf8(text).map_err(|_| unusable("it is no text".to_owned()))?;
        if !says_what_it_is(text) {
            return Err(unusable("it does not say what it is, as `{SSHA}…` does".to_owned()));
        }
        Ok(Self {
            stored: Stored::parse(text).map_err(|error| unusable(error.to_string()))?,
            encoded: Secret::new(text),
        })
    }

    /// The text: for judging it, never for showing.
    pub(super) fn encoded(&self) -> &str {
        std::str::from_utf8(self.encoded.expose()).unwrap_or_default()
    }
}

impl Account {
    /// Reads the fields of a record. `algorithm` is that of hashes which do not say what they are.
    pub(super) fn read(fields: &Map<String, Value>, algorithm: &Algorithm) -> Result<Self, ProviderError> {
        let Some((name, password)) = PASSWORD_FIELDS
            .iter()
            .find_map(|name| Some((*name, fields.get(*name)?)))
        else {
            return Err(nonsense("the answer has neither `password_hash` nor `password`"));
        };
        let records = match plain_text(password) {
            Some(hash) if hash.is_empty() => Vec::new(),
            Some(hash) => vec![record(&hash, fields, algorithm)?],
            None if password.is_null() => Vec::new(),
            None => return Err(nonsense(format!("`{name}` is no text"))),
        };
        Ok(Self {
            records,
            is_disabled: false,
            identity: identity(fields)?,
        })
    }
}

fn record(hash: &str, fields: &Map<String, Value>, algorithm: &Algorithm) -> Result<Record, ProviderError> {
    let salt = match fields.get("salt") {
        None | Some(Value::Null) => String::new(),
        Some(salt) => plain_text(salt).ok_or_else(|| nonsense("`salt` is no text"))?,
    };
    let encoded = algorithm
        .import(hash, &salt)
        .map_err(|invalid| nonsense(format!("the stored password cannot be used: {}", invalid.why)))?;
    let stored = Stored::parse(&encoded).map_err(|error| nonsense(error.to_string()))?;
    Ok(Record {
        stored,
        encoded: Secret::new(encoded),
    })
}

/// What a client may who is let in: the names and meanings are EMQX's.
pub(super) fn identity(fields: &Map<String, Value>) -> Result<Identity, ProviderError> {
    let rules = match fields.get("acl").map(opened).transpose()? {
        None | Some(Value::Null) => Vec::new(),
        Some(rules) => acl::rules(&rules).map_err(|why| nonsense(format!("`acl` {why}")))?,
    };
    let client_attrs = match fields.get("client_attrs").map(opened).transpose()? {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Object(named)) => attributes(&named),
        Some(_) => return Err(nonsense("`client_attrs` is no object")),
    };
    let client_id_override = match fields.get("clientid_override") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(nonsense("`clientid_override` is no text")),
    };
    Ok(Identity {
        is_superuser: fields.get("is_superuser").is_some_and(is_true),
        client_attrs,
        expire_at: fields.get("expire_at").map(end).transpose()?.flatten(),
        client_id_override,
        acl: rules,
        ..Identity::default()
    })
}

/// A document where there is one, or the text of one.
fn opened(value: &Value) -> Result<Value, ProviderError> {
    match value {
        Value::String(text) if text.trim().is_empty() => Ok(Value::Null),
        Value::String(text) => serde_json::from_str(text).map_err(|_| nonsense("`acl` or `client_attrs` is no JSON")),
        other => Ok(other.clone()),
    }
}

/// Whole seconds since 1970, as a number or its text.
fn end(value: &Value) -> Result<Option<Timestamp>, ProviderError> {
    let seconds = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds < NO_SECONDS => Ok(Some(Timestamp(seconds * 1000))),
        Some(_) => Err(nonsense(
            "`expire_at` is beyond every time: it is counted in seconds, not milliseconds",
        )),
        None => Err(nonsense("`expire_at` is no whole number of seconds since 1970")),
    }
}

/// As EMQX takes it; anything else is no superuser.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number >= 1.0),
        Value::String(word) => word == "true" || word.parse::<u64>().is_ok_and(|number| number >= 1),
        _ => false,
    }
}

/// Attributes with a usable name and a value that can be text; others are dropped, as EMQX does.
pub(super) fn attributes(named: &Map<String, Value>) -> BTreeMap<String, String> {
    named
        .iter()
        .filter(|(name, _)| is_name(name))
        .filter_map(|(name, value)| Some((name.clone(), attribute(value)?)))
        .collect()
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn attribute(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Text, or a number as it is written: columns of digits are often numbers.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

fn nonsense(why: impl Into<String>) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Account, is_true};
    use crate::auth::{ProviderError, Reason, Timestamp};
    use crate::hash::Algorithm;

    fn read(fields: &Value) -> Result<Account, ProviderError> {
        Account::read(fields.as_object().unwrap(), &Algorithm::parse(&json!("plain")).unwrap())
    }

    #[test]
    fn a_whole_account_is_read() {
        let account = read(&json!({
            "password_hash": "pw",
            "salt": null,
            "is_superuser": 1,
            "client_attrs": {"tns": "acme", "n": 7, "bad name": "x", "list": []},
            "expire_at": 1_900_000_000,
            "clientid_override": "c1",
            "acl": {"pub": ["a"]},
        }))
        .unwrap();
        assert_eq!(account.records.len(), 1);
        let identity = account.identity;
        assert!(identity.is_superuser);
        assert_eq!(identity.expire_at, Some(Timestamp(1_900_000_000_000)));
        let attrs: Vec<_> = identity
            .client_attrs
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(attrs, [("n", "7"), ("tns", "acme")]);
        assert_eq!((identity.client_id_override.as_str(), identity.acl.len()), ("c1", 3));
    }

    #[test]
    fn documents_and_numbers_may_come_as_their_text() {
        let account = read(&json!({
            "password": 12345,
            "is_superuser": "1",
            "client_attrs": r#"{"tns": "acme"}"#,
            "expire_at": "1900000000",
            "acl": "",
        }))
        .unwrap();
        assert_eq!(account.records.len(), 1);
        assert!(account.identity.is_superuser && account.identity.expire_at.is_some());
        assert_eq!(account.identity.client_attrs["tns"], "acme");
    }

    #[test]
    fn without_a_password_nobody_knows_it() {
        for password in [json!(null), json!("")] {
            assert!(read(&json!({"password_hash": password})).unwrap().records.is_empty());
        }
    }

    #[test]
    fn what_is_not_understood_is_a_failure_and_never_half_an_account() {
        for fields in [
            json!({}),
            json!({"salt": "x"}),
            json!({"password_hash": true}),
            json!({"password_hash": ["x"]}),
            json!({"password_hash": "x", "salt": {}}),
            json!({"password_hash": "x", "expire_at": 1.5}),
            json!({"password_hash": "x", "expire_at": -1}),
            json!({"password_hash": "x", "expire_at": "soon"}),
            json!({"password_hash": "x", "expire_at": 1_900_000_000_000_u64}),
            json!({"password_hash": "x", "acl": [{"permission": "allow"}]}),
            json!({"password_hash": "x", "acl": "{"}),
            json!({"password_hash": "x", "client_attrs": []}),
            json!({"password_hash": "x", "clientid_override": 5}),
            json!({"password_hash": "x", "salt": "", "acl": 5}),
        ] {
            let error = read(&fields).err().unwrap();
            assert_eq!(error.reason, Reason::BackendBadResponse, "{fields}");
        }
    }

    #[test]
    fn superusers_are_those_emqx_takes_for_them() {
        for value in [json!(true), json!(1), json!(2), json!("true"), json!("1"), json!("7")] {
            assert!(is_true(&value), "{value}");
        }
        for value in [
            json!(false),
            json!(0),
            json!(-1),
            json!("TRUE"),
            json!("yes"),
            json!("0"),
            json!(""),
            json!(null),
            json!([1]),
        ] {
            assert!(!is_true(&value), "{value}");
        }
    }
}
