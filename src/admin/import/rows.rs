//! What makes a row of the file a user: the one set of rules for every format.

use serde_json::Value;

use super::job::{BadRow, PasswordType};
use crate::admin::error::AdminError;
use crate::admin::passwords::EMPTY;
use crate::admin::user_checks::fault_of_user_id;
use crate::auth::{PasswordRecord, Secret};
use crate::hash::{Invalid, says_what_it_is};

/// The columns that a file may have, as EMQX names them.
pub(super) const COLUMNS: [&str; 6] = [
    "user_id",
    "password_hash",
    "salt",
    "password",
    "is_superuser",
    "namespace",
];

/// Longest part of a name that is told with a bad row.
const SHOWN_NAME: usize = 256;

/// A row as it was read, whatever the format. `None`: not there, or empty.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) user_id: Option<String>,
    pub(super) password_hash: Option<Secret>,
    pub(super) salt: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) is_superuser: bool,
    pub(super) namespace: Option<String>,
}

/// What stands for the password of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowPassword {
    /// Still to be hashed.
    Plain(Secret),
    /// As it can be stored.
    Ready(PasswordRecord),
}

/// A row that is a user.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) user_id: String,
    pub(super) password: RowPassword,
    pub(super) is_superuser: bool,
}

/// What became of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Good(Row),
    Bad(BadRow),
}

/// Why reading the file ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nobody wants the rows any more.
    Unwanted,
    /// It cannot be read on.
    Failed(AdminError),
}

impl From<AdminError> for Stop {
    fn from(error: AdminError) -> Self {
        Self::Failed(error)
    }
}

/// Where the rows go.
pub(super) type Sink<'a> = dyn FnMut(Line) -> Result<(), Stop> + 'a;

/// Makes the stored text of a hash and a salt.
type Encode = Box<dyn Fn(&str, &str) -> Result<String, Invalid> + Send>;

/// The rules for the rows of one file.
pub(super) struct Rules {
    password_type: PasswordType,
    encode: Encode,
    /// Set while no row has been taken and the algorithm was not asked for: a first failure then means that the whole file
    /// was hashed by another algorithm, and this is what to say.
    doubt: Option<String>,
}

impl Rules {
    pub(super) fn new(password_type: PasswordType, encode: Encode, doubt: Option<String>) -> Self {
        Self {
            password_type,
            encode,
            doubt,
        }
    }

    pub(super) fn password_type(&self) -> PasswordType {
        self.password_type
    }

    /// Judges a row.
    pub(super) fn judge(&mut self, line: u64, fields: Fields) -> Result<Line, Stop> {
        let user_id = fields.user_id.clone().unwrap_or_default();
        match self.checked(line, fields)? {
            Ok(row) => Ok(Line::Good(row)),
            Err(reason) => Ok(bad(line, &user_id, reason)),
        }
    }

    fn checked(&mut self, line: u64, fields: Fields) -> Result<Result<Row, String>, Stop> {
        let user_id = fields.user_id.unwrap_or_default();
        if let Some(fault) = fault_of_user_id(&user_id) {
            return Ok(Err(format!("`user_id` {fault}")));
        }
        if fields.namespace.is_some() {
            return Ok(Err("`namespace` is not supported: it must be empty".into()));
        }
        let password = match self.password_type {
            PasswordType::Plain => plain(fields.password),
            PasswordType::Hash => self.hashed(fields.password_hash, &fields.salt.unwrap_or_default())?,
        };
        Ok(password.map(|password| Row {
            line,
            user_id,
            password,
            is_superuser: fields.is_superuser,
        }))
    }

    fn hashed(&mut self, hash: Option<Secret>, salt: &str) -> Result<Result<RowPassword, String>, Stop> {
        let Some(hash) = hash else {
            return Ok(Err("has no `password_hash`".into()));
        };
        let text = String::from_utf8_lossy(hash.expose());
        match (self.encode)(&text, salt) {
            Ok(encoded) => {
                self.doubt = None;
                Ok(Ok(RowPassword::Ready(PasswordRecord::new(encoded))))
            }
            // Whatever the algorithm, such a hash would be refused.
            Err(invalid) if says_what_it_is(&text) => Ok(Err(invalid.to_string())),
            Err(invalid) => match self.doubt.take() {
                Some(doubt) => Err(AdminError::invalid("algorithm", doubt).into()),
                None => Ok(Err(invalid.to_string())),
            },
        }
    }
}

fn plain(password: Option<Secret>) -> Result<RowPassword, String> {
    let password = password.ok_or("has no `password`")?;
    if password.expose().is_empty() {
        return Err(format!("`password` {EMPTY}"));
    }
    Ok(RowPassword::Plain(password))
}

/// A bad row; the name is cut, because it can be anything.
pub(super) fn bad(line: u64, user_id: &str, reason: impl Into<String>) -> Line {
    let user_id = user_id.chars().take(SHOWN_NAME).collect();
    Line::Bad(BadRow {
        line,
        user_id,
        reason: reason.into(),
    })
}

/// A flag as text; empty means no.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" | "" => Some(false),
        _ => None,
    }
}

/// A flag in JSON.
pub(super) fn json_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => flag(text),
        Value::Number(number) => flag(&number.to_string()),
        Value::Null => Some(false),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// What to say of a flag that is none.
pub(super) const FLAG_FAULT: &str = "`is_superuser` must be true, false, 1, 0 or empty";

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::super::job::PasswordType;
    use super::{Fields, Invalid, Line, Row, RowPassword, Rules, Secret, Stop, flag, json_flag};
    use crate::auth::PasswordRecord;
    use crate::hash::Algorithm;

    /// Takes hashes of 64 digits.
    fn encode(hash: &str, salt: &str) -> Result<String, Invalid> {
        if hash.len() == 64 {
            Ok(format!("{salt}${hash}"))
        } else {
            Err(Invalid {
                field: "password_hash".into(),
                why: "must have 64 hexadecimal digits".into(),
            })
        }
    }

    pub(in crate::admin::import) fn rules(password_type: PasswordType) -> Rules {
        Rules::new(password_type, Box::new(encode), None)
    }

    pub(in crate::admin::import) fn hashed(line: u64, user_id: &str, encoded: &str, is_superuser: bool) -> Line {
        let password = RowPassword::Ready(PasswordRecord::new(encoded));
        Line::Good(Row {
            line,
            user_id: user_id.into(),
            password,
            is_superuser,
        })
    }

    pub(in crate::admin::import) fn plain(line: u64, user_id: &str, password: &str, is_superuser: bool) -> Line {
        let password = RowPassword::Plain(Secret::new(password));
        Line::Good(Row {
            line,
            user_id: user_id.into(),
            password,
            is_superuser,
        })
    }

    /// Line and reason of a bad row.
    pub(in crate::admin::import) fn fault(line: &Line) -> (u64, &str) {
        match line {
            Line::Bad(bad) => (bad.line, &bad.reason),
            Line::Good(row) => panic!("line {} is good", row.line),
        }
    }

    #[test]
    fn only_true_and_one_make_a_superuser() {
        for text in ["true", "TRUE", "1"] {
            assert_eq!(flag(text), Some(true));
        }
        for text in ["false", "False", "0", ""] {
            assert_eq!(flag(text), Some(false));
        }
        for text in ["yes", "2", "t"] {
            assert_eq!(flag(text), None);
        }
        assert_eq!(json_flag(&json!(1)), Some(true));
        assert_eq!(json_flag(&json!(null)), Some(false));
        assert_eq!(json_flag(&json!([])), None);
    }

    #[test]
    fn a_row_of_a_namespace_is_bad() {
        let fields = Fields {
            user_id: Some("ann".into()),
            namespace: Some("tenant".into()),
            password: Some(Secret::new("x")),
            ..Fields::default()
        };
        let line = rules(PasswordType::Plain).judge(7, fields).unwrap();
        assert_eq!(fault(&line), (7, "`namespace` is not supported: it must be empty"));
    }

    #[test]
    fn a_bad_hash_is_told_without_the_hash() {
        let fields = Fields {
            user_id: Some("ann".into()),
            password_hash: Some(Secret::new("hunter2")),
            ..Fields::default()
        };
        let line = rules(PasswordType::Hash).judge(2, fields).unwrap();
        assert!(!format!("{line:?}").contains("hunter2"));
    }

    #[test]
    fn hashes_of_other_systems_are_taken_beside_each_other() {
        let algorithm = Algorithm::recommended();
        let encode = move |hash: &str, salt: &str| algorithm.import(hash, salt);
        let mut rules = Rules::new(PasswordType::Hash, Box::new(encode), Some("pass `algorithm`".into()));
        let mut judge = move |line, hash: &str| {
            let fields = Fields {
                user_id: Some("ann".into()),
                password_hash: Some(Secret::new(hash)),
                ..Fields::default()
            };
            rules.judge(line, fields)
        };
        let hostile = judge(2, "$6$rounds=999999999$salt$").unwrap();
        assert!(fault(&hostile).1.contains("rounds"));
        for (number, hash) in [
            "{SSHA}T6FKl+YKdzr0lQNn2yocqwsZralzrhUi",
            "md5$pepper$52f36768c11844771e5f7ff576e2dba2",
            "$apr1$nq12m8vN$vjURhxmU6sJAAW7ab3fC91",
            "$sha256$disable$$ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ]
        .into_iter()
        .enumerate()
        {
            let line = number as u64 + 3;
            assert_eq!(judge(line, hash).unwrap(), hashed(line, "ann", hash, false));
        }
    }

    #[test]
    fn a_first_hash_that_the_default_algorithm_cannot_take_stops_the_import() {
        let mut rules = Rules::new(PasswordType::Hash, Box::new(encode), Some("pass `algorithm`".into()));
        let fields = Fields {
            user_id: Some("ann".into()),
            password_hash: Some(Secret::new("short")),
            ..Fields::default()
        };
        assert!(matches!(rules.judge(2, fields), Err(Stop::Failed(_))));
    }
}
