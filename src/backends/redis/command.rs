//! The one command that is asked: what it may be, how a client's values go into it, and how its answer is read.

use redis::{Cmd, Value as Reply};
use serde_json::{Map, Value};

use super::split;
use crate::auth::{Credentials, ProviderError, Reason};
use crate::backends::json;
use crate::backends::template::{Placeholder, Template, distinct};

/// What is known of an account: the names are EMQX's and ours.
const FIELDS: [&str; 8] = [
    "password_hash",
    "password",
    "salt",
    "is_superuser",
    "clientid_override",
    "client_attrs",
    "expire_at",
    "acl",
];

/// How an account is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// One field of a hash.
    HGet,
    /// Some.
    HMGet,
    /// All.
    HGetAll,
    /// A JSON object.
    Get,
}

impl Verb {
    const fn name(self) -> &'static str {
        match self {
            Self::HGet => "HGET",
            Self::HMGet => "HMGET",
            Self::HGetAll => "HGETALL",
            Self::Get => "GET",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        [Self::HGet, Self::HMGet, Self::HGetAll, Self::Get]
            .into_iter()
            .find(|verb| name.eq_ignore_ascii_case(verb.name().as_bytes()))
    }
}

/// A command with its key to be filled in. Each argument is sent with its length: nothing in the key can add another one.
#[derive(Clone, Debug)]
pub(super) struct Command {
    verb: Verb,
    key: Template,
    fields: Vec<&'static str>,
}

impl Command {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let arguments = split::arguments(text)?;
        let Some((verb, arguments)) = arguments.split_first() else {
            return Err("is empty".to_owned());
        };
        let Some(verb) = Verb::named(verb) else {
            let verb = String::from_utf8_lossy(verb);
            return Err(format!(
                "begins with `{verb}`, but accounts are asked for with HGET, HMGET, HGETALL or GET"
            ));
        };
        let Some((key, fields)) = arguments.split_first() else {
            return Err(format!("has no key after {}", verb.name()));
        };
        let key = std::str::from_utf8(key).map_err(|_| "has a key that is no UTF-8")?;
        let key = Template::parse_strictly(key)?;
        let fields = fields.iter().map(|field| known(field)).collect::<Result<Vec<_>, _>>()?;
        match (verb, fields.as_slice()) {
            (Verb::HGetAll | Verb::Get, []) => {}
            (Verb::HGetAll | Verb::Get, _) => return Err(format!("has fields, but {} takes only a key", verb.name())),
            (Verb::HGet, fields) if fields.len() > 1 => {
                return Err("asks HGET for more than one field: HMGET takes some".to_owned());
            }
            (Verb::HGet | Verb::HMGet, fields) => {
                if !fields
                    .iter()
                    .any(|field| matches!(*field, "password_hash" | "password"))
                {
                    return Err("must ask for `password_hash` or `password`".to_owned());
                }
            }
        }
        Ok(Self { verb, key, fields })
    }

    /// What of a client goes into it.
    pub(super) fn inputs(&self) -> Vec<Placeholder> {
        distinct(self.key.placeholders())
    }

    /// The key of a client's account.
    pub(super) fn key(&self, credentials: &Credentials) -> Vec<u8> {
        self.key.bytes(credentials)
    }

    /// The command for that key.
    pub(super) fn of(&self, key: &[u8]) -> Cmd {
        let mut command = redis::cmd(self.verb.name());
        command.arg(key);
        for field in &self.fields {
            command.arg(field);
        }
        command
    }

    /// The account in an answer; nothing if there is none.
    pub(super) fn read(&self, reply: Reply) -> Result<Option<Map<String, Value>>, ProviderError> {
        match (self.verb, reply) {
            (_, Reply::Nil) => Ok(None),
            (Verb::Get, Reply::BulkString(bytes)) => json::object(&bytes).map(Some).map_err(|_| {
                nonsense("the value is no JSON object (nor is one with a member twice, or more than 16 levels deep)")
            }),
            (Verb::HGet, value @ Reply::BulkString(_)) => self.named(vec![value]),
            (Verb::HMGet, Reply::Array(values)) if values.len() == self.fields.len() => self.named(values),
            (Verb::HGetAll, Reply::Array(flat)) if flat.len() % 2 == 0 => {
                let mut flat = flat.into_iter();
                let mut pairs = Vec::new();
                while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
                    pairs.push((name, value));
                }
                all(pairs)
            }
            (Verb::HGetAll, Reply::Map(pairs)) => all(pairs),
            (verb, _) => Err(nonsense(format!("the answer is none to {}", verb.name()))),
        }
    }

    /// The fields that were asked for, in their order. All missing: there is no such hash.
    fn named(&self, values: Vec<Reply>) -> Result<Option<Map<String, Value>>, ProviderError> {
        let mut found = Map::new();
        for (name, value) in self.fields.iter().zip(values) {
            if value != Reply::Nil {
                found.insert((*name).to_owned(), text(name, value)?);
            }
        }
        Ok((!found.is_empty()).then_some(found))
    }
}

fn known(field: &[u8]) -> Result<&'static str, String> {
    FIELDS
        .into_iter()
        .find(|known| known.as_bytes() == field)
        .ok_or_else(|| {
            let field = String::from_utf8_lossy(field);
            format!("asks for the field `{field}`; known are {}", FIELDS.join(", "))
        })
}

/// What is known of all that a hash holds.
fn all(pairs: Vec<(Reply, Reply)>) -> Result<Option<Map<String, Value>>, ProviderError> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let mut found = Map::new();
    for (name, value) in pairs {
        let Reply::BulkString(name) = name else {
            return Err(nonsense("the answer is none to HGETALL"));
        };
        if let Ok(name) = known(&name) {
            found.insert(name.to_owned(), text(name, value)?);
        }
    }
    Ok(Some(found))
}

fn text(name: &str, value: Reply) -> Result<Value, ProviderError> {
    match value {
        Reply::BulkString(bytes) => String::from_utf8(bytes)
            .map(Value::String)
            .map_err(|_| nonsense(format!("`{name}` is no UTF-8 text"))),
        _ => Err(nonsense(format!("`{name}` is no text"))),
    }
}

fn nonsense(why: impl Into<String>) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}

#[cfg(test)]
mod tests {
    use redis::Value as Reply;
    use serde_json::json;

    use super::Command;
    use crate::auth::Credentials;

    fn bulk(text: &str) -> Reply {
        Reply::BulkString(text.as_bytes().to_vec())
    }

    fn refused(text: &str) -> String {
        Command::parse(text).unwrap_err()
    }

    #[test]
    fn only_commands_that_look_an_account_up_are_taken() {
        for text in [
            "HMGET mqtt_user:${username} password_hash salt is_superuser",
            "hget k password",
            "hgetall \"mqtt user:${username}\"",
            "GET u:${clientid}",
        ] {
            assert!(Command::parse(text).is_ok(), "{text}");
        }
        for verb in ["SET", "EVAL", "KEYS", "HGETX", "FLUSHALL", "${username}"] {
            let why = refused(&format!("{verb} k password"));
            assert!(why.contains("HGET, HMGET, HGETALL or GET"), "{why}");
        }
        assert!(refused("").contains("empty"));
        assert!(refused("HMGET").contains("no key"));
        assert!(refused("HMGET k").contains("`password_hash` or `password`"));
        assert!(refused("HMGET k salt").contains("`password_hash` or `password`"));
        assert!(refused("HMGET k password ${username}").contains("the field `${username}`"));
        assert!(refused("HMGET k password_hash name").contains("the field `name`"));
        assert!(refused("HGET k password salt").contains("HMGET"));
        assert!(refused("HGETALL k password").contains("only a key"));
        assert!(refused("HMGET ${user} password").contains("`${user}`"));
        assert!(refused("HMGET 'k password").contains("quote"));
    }

    #[test]
    fn a_hostile_name_stays_within_its_argument() {
        let command = Command::parse("HMGET mqtt:${username} password_hash").unwrap();
        let credentials = Credentials {
            username: "x\r\n*1\r\n$8\r\nFLUSHALL\r\n 'a' \"b\" ".to_owned(),
            ..Credentials::default()
        };
        let packed = command.of(&command.key(&credentials)).get_packed_command();
        let key = format!("mqtt:{}", credentials.username);
        let expected = format!(
            "*3\r\n$5\r\nHMGET\r\n${}\r\n{key}\r\n$13\r\npassword_hash\r\n",
            key.len()
        );
        assert_eq!(packed, expected.as_bytes());
    }

    #[test]
    fn what_is_missing_is_nobody_and_what_is_there_is_read() {
        let some = Command::parse("HMGET k password_hash salt").unwrap();
        assert!(some.read(Reply::Array(vec![Reply::Nil, Reply::Nil])).unwrap().is_none());
        let found = some.read(Reply::Array(vec![bulk("h"), Reply::Nil])).unwrap();
        assert_eq!(json!(found), json!({"password_hash": "h"}));
        let one = Command::parse("HGET k password").unwrap();
        assert!(one.read(Reply::Nil).unwrap().is_none());
        assert_eq!(json!(one.read(bulk("p")).unwrap()), json!({"password": "p"}));
        let all = Command::parse("HGETALL k").unwrap();
        assert!(all.read(Reply::Array(Vec::new())).unwrap().is_none());
        let flat = vec![bulk("password"), bulk("p"), bulk("age"), bulk("7")];
        assert_eq!(json!(all.read(Reply::Array(flat)).unwrap()), json!({"password": "p"}));
        let whole = Command::parse("GET k").unwrap();
        assert!(whole.read(Reply::Nil).unwrap().is_none());
        let object = bulk(r#"{"password_hash": "h", "is_superuser": true}"#);
        assert_eq!(
            json!(whole.read(object).unwrap()),
            json!({"password_hash": "h", "is_superuser": true})
        );
    }

    #[test]
    fn an_answer_to_something_else_is_a_failure() {
        let some = Command::parse("HMGET k password_hash salt").unwrap();
        let whole = Command::parse("GET k").unwrap();
        let all = Command::parse("HGETALL k").unwrap();
        for reply in [Reply::Okay, Reply::Int(1), bulk("x"), Reply::Array(vec![bulk("h")])] {
            assert!(some.read(reply.clone()).is_err(), "{reply:?}");
            assert!(all.read(reply.clone()).is_err(), "{reply:?}");
            assert!(whole.read(reply).is_err());
        }
        assert!(whole.read(bulk(r#"{"password": "a", "password": "b"}"#)).is_err());
        let not_text = Reply::Array(vec![Reply::BulkString(vec![255]), Reply::Nil]);
        assert!(some.read(not_text).is_err());
    }
}
