//! Secrets of authenticators: given as they are, or by the name of a file or variable of each node, so that they can be changed
//! without the cluster's knowledge.

use std::fs::File;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::fields::Fields;
use crate::auth::Secret;

/// Bytes of the longest secret that a file may hold.
const LONGEST: u64 = 64 << 10;
/// What the names of variables begin with, so that no other one can be drawn out.
const VARIABLES: &str = "PORTCULLIS_SECRET_";

/// A secret as the settings name it.
#[derive(Clone, Debug)]
pub(super) enum SecretSource {
    /// Itself.
    Given(Secret),
    /// A file in the node's folder of secrets.
    File(PathBuf),
    /// A variable of the node's environment.
    Variable(String),
}

impl SecretSource {
    /// Reads a field; `None` if it is absent, empty or faulty.
    pub(super) fn parse(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        let text = fields.text(name).filter(|text| !text.is_empty())?;
        match Self::read(text) {
            Ok(source) => Some(source),
            Err(why) => {
                fields.refuse(name, why);
                None
            }
        }
    }

    /// Reads a text that is a secret or names one.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("env:") {
            let is_name = name.starts_with(VARIABLES) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return if is_name {
                Ok(Self::Variable(name.to_owned()))
            } else {
                Err(format!("names a variable that does not begin with `{VARIABLES}`"))
            };
        }
        let Some(path) = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")) else {
            return Ok(Self::Given(Secret::new(text)));
        };
        let path = Path::new(path);
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
        if is_below && path.components().next().is_some() {
            Ok(Self::File(path.to_owned()))
        } else {
            Err("must name a file in the folder `backends.secrets_dir` of each node, as `file:NAME`".to_owned())
        }
    }

    /// The secret itself, as this node knows it now. An error is for operators.
    pub(super) fn resolve(&self, secrets_dir: &Path) -> Result<Secret, String> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Variable(name) => std::env::var(name)
                .map(Secret::new)
                .map_err(|_| format!("this node has no variable `{name}`")),
            Self::File(name) => {
                let path = secrets_dir.join(name);
                contents(&path).map_err(|why| format!("the secret in `{}` cannot be read: {why}", path.display()))
            }
        }
    }
}

/// What the secrets that settings only name are on a node at a time: enough to see that one has changed, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// There are none.
    Nothing,
    /// A digest of all of them, under a key that this process has drawn.
    Read(u64),
    /// One of them cannot be read.
    Unreadable,
}

impl Named {
    /// Reads those that the settings name. Not to be called on the async threads where it can be helped.
    pub(super) fn by(settings: &Value, secrets_dir: &Path, key: &RandomState) -> Self {
        let mut sources = Vec::new();
        collect(settings, &mut sources);
        if sources.is_empty() {
            return Self::Nothing;
        }
        let mut digest = key.build_hasher();
        for source in sources {
            match source.resolve(secrets_dir) {
                Ok(secret) => secret.expose().hash(&mut digest),
                Err(_) => return Self::Unreadable,
            }
        }
        Self::Read(digest.finish())
    }
}

/// Wherever they stand: no text that begins so is anything else.
fn collect(value: &Value, sources: &mut Vec<SecretSource>) {
    match value {
        Value::String(text) => match SecretSource::read(text) {
            Ok(SecretSource::Given(_)) | Err(_) => {}
            Ok(named) => sources.push(named),
        },
        Value::Array(items) => items.iter().for_each(|item| collect(item, sources)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, sources)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text names a secret of each node instead of being one.
pub fn names_a_secret(text: &str) -> bool {
    matches!(
        SecretSource::read(text),
        Ok(SecretSource::File(_) | SecretSource::Variable(_))
    )
}

/// JSON schema of a field that takes one.
pub(super) fn schema(title: &str, description: &str) -> Value {
    json!({
        "title": title,
        "description": format!(
            "{description} `file:NAME` takes it from a file in the folder `backends.secrets_dir` of each node, where a change is \
             noticed within ten seconds; `env:NAME` from a variable whose name begins with `{VARIABLES}`."
        ),
        "type": "string",
        "x-secret": true,
        "x-nameable": true,
    })
}

/// Without the end of the line that editors leave.
fn contents(path: &Path) -> std::io::Result<Secret> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use serde_json::{Value, json};

    use super::{Fields, Named, SecretSource};

    fn parse(text: &str) -> Result<SecretSource, String> {
        let given = json!({"password": text});
        let mut fields = Fields::of("settings", &given).unwrap();
        let source = SecretSource::parse(&mut fields, "password");
        match fields.finish() {
            Ok(_) => Ok(source.unwrap()),
            Err(faults) => Err(faults[0].to_string()),
        }
    }

    #[test]
    fn a_secret_is_given_or_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mysql"), "s3cret\n").unwrap();
        let exposed = |text: &str| {
            parse(text)
                .unwrap()
                .resolve(dir.path())
                .map(|secret| secret.expose().to_vec())
        };
        assert_eq!(exposed("pa:ss").unwrap(), b"pa:ss");
        assert_eq!(exposed("file:mysql").unwrap(), b"s3cret");
        assert_eq!(exposed("file://mysql").unwrap(), b"s3cret");
        assert!(exposed("file:other").unwrap_err().contains("other"));
        assert!(
            exposed("env:PORTCULLIS_SECRET_NOBODY_SETS")
                .unwrap_err()
                .contains("PORTCULLIS_SECRET_NOBODY_SETS")
        );
    }

    #[test]
    fn a_change_of_a_named_secret_is_seen_wherever_it_is_named() {
        let (dir, key) = (tempfile::tempdir().unwrap(), RandomState::new());
        let named = |settings: &Value| Named::by(settings, dir.path(), &key);
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        assert_eq!(
            named(&json!({"password": "p", "pool": [1, {"x": null}]})),
            Named::Nothing
        );
        let settings = json!({"password": "file:a", "ssl": {"keyfile": "file:b"}, "keys": ["p", "file:c"]});
        assert_eq!(named(&settings), Named::Unreadable);
        for name in ["a", "b", "c"] {
            write(name, name);
        }
        let first = named(&settings);
        assert!(matches!(first, Named::Read(_)));
        assert_eq!(named(&settings), first);
        for name in ["a", "b", "c"] {
            write(name, "another");
            assert_ne!(named(&settings), first, "{name}");
            write(name, name);
        }
    }

    #[test]
    fn nothing_else_of_a_node_can_be_named() {
        for text in [
            "file:/etc/shadow",
            "file:///etc/shadow",
            "file:../x",
            "file:a/../../x",
            "file:",
            "env:PATH",
            "env:",
            "env:PORTCULLIS_API_KEY",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
