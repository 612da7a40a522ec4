//! What makes a row of the file a user: the one set of rules for every format.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::columns::Column;
use super::job::{BadRow, PasswordType};
use crate::admin::error::AdminError;
use crate::admin::passwords::{EMPTY, NOT_SCRAM};
use crate::admin::scram_keys::ScramKeys;
use crate::admin::user_checks::check_attributes;
use crate::admin::user_names::kept_name;
use crate::auth::{PasswordRecord, Secret, Timestamp};
use crate::hash::{Invalid, ScramHash, fault_of_scram_password, says_what_it_is};

/// Longest part of a name that is told with a bad row.
const SHOWN_NAME: usize = 256;

/// A stored user, with its name, may not be larger than the store takes; this leaves room for the rest of the record.
const LARGEST_USER: usize = 15 << 10;

/// A row as it was read, whatever the format. `None` or empty: not there.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) user_id: String,
    pub(super) password_hash: Option<Secret>,
    pub(super) salt: String,
    pub(super) keys: ScramKeys,
    pub(super) password: Option<Secret>,
    pub(super) is_superuser: bool,
    pub(super) disabled: bool,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) attributes: BTreeMap<String, String>,
}

/// Why a row is bad. Never quotes a password or a hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// `None`: the whole row.
    pub(super) column: Option<Column>,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn of_row(reason: impl Into<String>) -> Self {
        Self {
            column: None,
            reason: reason.into(),
        }
    }

    pub(super) fn of(column: Column, reason: impl Into<String>) -> Self {
        Self {
            column: Some(column),
            reason: reason.into(),
        }
    }

    /// As it is told. The name is cut, because it can be anything.
    pub(super) fn at(self, line: u64, user_id: &str) -> BadRow {
        BadRow {
            line,
            column: self.column.map_or("", Column::name).to_owned(),
            user_id: user_id.chars().take(SHOWN_NAME).collect(),
            reason: self.reason,
        }
    }
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
    pub(super) user_id: String,
    pub(super) password: RowPassword,
    pub(super) is_superuser: bool,
    pub(super) disabled: bool,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) attributes: BTreeMap<String, String>,
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

/// Makes the stored text of a hash and a salt.
type Encode = Box<dyn Fn(&str, &str) -> Result<String, Invalid> + Send>;

/// The rules for the rows of one file.
pub(super) struct Rules {
    pub(super) password_type: PasswordType,
    pub(super) encode: Encode,
    /// Set for the users of a SCRAM authenticator: under which hash function keys are.
    pub(super) scram: Option<ScramHash>,
    /// The longest password in the clear.
    pub(super) longest_password: usize,
    /// Set while no row has been taken and the algorithm was not asked for: a first failure then means that the whole file
    /// was hashed by another algorithm, and this is what to say.
    pub(super) doubt: Option<String>,
}

impl Rules {
    /// Judges what was read of a row.
    pub(super) fn judge(&mut self, line: u64, read: Result<Fields, (String, Fault)>) -> Result<Line, Stop> {
        let fields = match read {
            Ok(fields) => fields,
            Err((user_id, fault)) => return Ok(Line::Bad(fault.at(line, &user_id))),
        };
        let user_id = fields.user_id.clone();
        Ok(match self.checked(fields)? {
            Ok(row) => Line::Good(row),
            Err(fault) => Line::Bad(fault.at(line, &user_id)),
        })
    }

    fn checked(&mut self, fields: Fields) -> Result<Result<Row, Fault>, Stop> {
        let kept_otherwise = match kept_name(&fields.user_id, self.scram.is_some()) {
            Ok(Cow::Borrowed(_)) => None,
            Ok(Cow::Owned(kept)) => Some(kept),
            Err(why) => return Ok(Err(Fault::of(Column::UserId, why))),
        };
        if let Some(fault) = fault_of_attributes(&fields.attributes) {
            return Ok(Err(fault));
        }
        let password = match self.password_type {
            PasswordType::Plain => self.plain(fields.password),
            PasswordType::Hash if fields.keys.given().next().is_some() => self.keyed(&fields),
            PasswordType::Hash => self.hashed(fields.password_hash, &fields.salt)?,
        };
        Ok(password.and_then(|password| {
            let row = Row {
                user_id: kept_otherwise.unwrap_or(fields.user_id),
                password,
                is_superuser: fields.is_superuser,
                disabled: fields.disabled,
                expires_at: fields.expires_at,
                attributes: fields.attributes,
            };
            fits(row)
        }))
    }

    fn plain(&self, password: Option<Secret>) -> Result<RowPassword, Fault> {
        let fault = |why: String| Err(Fault::of(Column::Password, why));
        match password {
            None => fault("is missing".into()),
            Some(password) if password.expose().is_empty() => fault(EMPTY.into()),
            Some(password) if password.expose().len() > self.longest_password => {
                fault(format!("has more than {} bytes", self.longest_password))
            }
            Some(password) => match self.scram.and_then(|_| fault_of_scram_password(password.expose())) {
                Some(why) => fault(why.into()),
                None => Ok(RowPassword::Plain(password)),
            },
        }
    }

    fn keyed(&self, fields: &Fields) -> Result<RowPassword, Fault> {
        let Some(hash) = self.scram else {
            let first = fields.keys.given().next().and_then(Column::named);
            return Err(Fault::of(first.unwrap_or(Column::StoredKey), NOT_SCRAM));
        };
        if fields.password_hash.is_some() {
            let why = "must be empty in a row with keys, which stand for it";
            return Err(Fault::of(Column::PasswordHash, why));
        }
        match fields.keys.record(hash, &fields.salt) {
            Ok(record) => Ok(RowPassword::Ready(record)),
            Err(faults) => Err(fault_of_keys(faults)),
        }
    }

    fn hashed(&mut self, hash: Option<Secret>, salt: &str) -> Result<Result<RowPassword, Fault>, Stop> {
        let Some(hash) = hash else {
            return Ok(Err(Fault::of(Column::PasswordHash, "is missing")));
        };
        let text = String::from_utf8_lossy(hash.expose());
        match (self.encode)(&text, salt) {
            Ok(encoded) => {
                self.doubt = None;
                Ok(Ok(RowPassword::Ready(PasswordRecord::new(encoded))))
            }
            // Whatever the algorithm, such a hash would be refused.
            Err(invalid) if says_what_it_is(&text) => Ok(Err(fault_of_hash(invalid))),
            Err(invalid) => match self.doubt.take() {
                Some(doubt) => Err(AdminError::invalid("algorithm", doubt).into()),
                None => Ok(Err(fault_of_hash(invalid))),
            },
        }
    }
}

fn fault_of_hash(Invalid { field, why }: Invalid) -> Fault {
    Fault::of(Column::named(&field).unwrap_or(Column::PasswordHash), why)
}

/// A row is told with one column; the others that are wrong stand in its reason.
fn fault_of_keys(faults: Vec<Invalid>) -> Fault {
    let mut faults = faults.into_iter();
    let mut told = faults
        .next()
        .map_or_else(|| Fault::of_row("has no keys"), fault_of_hash);
    for Invalid { field, why } in faults {
        told.reason.push_str(&format!("; `{field}` {why}"));
    }
    told
}

fn fault_of_attributes(attributes: &BTreeMap<String, String>) -> Option<Fault> {
    let mut violations = Vec::new();
    check_attributes(attributes, &mut violations);
    let first = violations.into_iter().next()?;
    let reason = match first.field.strip_prefix("attributes.") {
        Some(name) => format!("`{name}` {}", first.why),
        None => first.why,
    };
    Some(Fault::of(Column::Attributes, reason))
}

/// One row that the store cannot take would have its whole batch refused.
fn fits(row: Row) -> Result<Row, Fault> {
    let password = match &row.password {
        RowPassword::Plain(_) => TYPICAL_RECORD,
        RowPassword::Ready(record) => record.expose().len(),
    };
    let attributes: usize = row
        .attributes
        .iter()
        .map(|(name, value)| name.len() + value.len() + 6)
        .sum();
    if row.user_id.len() + password + attributes > LARGEST_USER {
        return Err(Fault::of_row(format!("makes a user of more than {LARGEST_USER} bytes")));
    }
    Ok(row)
}

/// What a stored hash takes, roughly, while it is not there yet.
pub(super) const TYPICAL_RECORD: usize = 192;

/// Bytes that a row takes in a Raft entry, roughly; the same on every node, because batches are cut by it.
pub(super) fn size_of(line: &Line) -> usize {
    let row = match line {
        Line::Bad(bad) => return bad.user_id.len() + bad.reason.len() + bad.column.len(),
        Line::Good(row) => row,
    };
    let password = match &row.password {
        RowPassword::Plain(password) => password.expose().len() + TYPICAL_RECORD,
        RowPassword::Ready(record) => record.expose().len(),
    };
    let attributes: usize = row
        .attributes
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    row.user_id.len() + password + attributes
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::columns::Column;
    use super::super::job::PasswordType;
    use super::{BTreeMap, Fields, Invalid, Line, PasswordRecord, Row, RowPassword, Rules, Secret, Stop};
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
        Rules {
            password_type,
            encode: Box::new(encode),
            scram: None,
            longest_password: 72,
            doubt: None,
        }
    }

    fn row(user_id: &str, password: RowPassword, is_superuser: bool) -> Line {
        Line::Good(Row {
            user_id: user_id.into(),
            password,
            is_superuser,
            disabled: false,
            expires_at: None,
            attributes: BTreeMap::new(),
        })
    }

    pub(in crate::admin::import) fn hashed(user_id: &str, encoded: &str, is_superuser: bool) -> Line {
        row(user_id, RowPassword::Ready(PasswordRecord::new(encoded)), is_superuser)
    }

    pub(in crate::admin::import) fn plain(user_id: &str, password: &str, is_superuser: bool) -> Line {
        row(user_id, RowPassword::Plain(Secret::new(password)), is_superuser)
    }

    /// Line, column and reason of a bad row.
    pub(in crate::admin::import) fn fault(line: &Line) -> (u64, &str, &str) {
        match line {
            Line::Bad(bad) => (bad.line, &bad.column, &bad.reason),
            Line::Good(row) => panic!("`{}` is good", row.user_id),
        }
    }

    fn judged(password_type: PasswordType, fields: Fields) -> Line {
        rules(password_type).judge(7, Ok(fields)).unwrap()
    }

    #[test]
    fn a_bad_hash_is_told_without_the_hash() {
        let fields = Fields {
            user_id: "ann".into(),
            password_hash: Some(Secret::new("hunter2")),
            ..Fields::default()
        };
        let line = judged(PasswordType::Hash, fields);
        assert_eq!(fault(&line).1, "password_hash");
        assert!(!format!("{line:?}").contains("hunter2"));
    }

    #[test]
    fn hashes_of_other_systems_are_taken_beside_each_other() {
        let algorithm = Algorithm::recommended();
        let encode = move |hash: &str, salt: &str| algorithm.import(hash, salt);
        let mut rules = Rules {
            encode: Box::new(encode),
            doubt: Some("pass `algorithm`".into()),
            ..rules(PasswordType::Hash)
        };
        let mut judge = move |line, hash: &str| {
            let fields = Fields {
                user_id: "ann".into(),
                password_hash: Some(Secret::new(hash)),
                ..Fields::default()
            };
            rules.judge(line, Ok(fields))
        };
        let hostile = judge(2, "$6$rounds=999999999$salt$").unwrap();
        assert!(fault(&hostile).2.contains("rounds"));
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
            assert_eq!(judge(line, hash).unwrap(), hashed("ann", hash, false));
        }
    }

    #[test]
    fn a_first_hash_that_the_default_algorithm_cannot_take_stops_the_import() {
        let mut rules = Rules {
            doubt: Some("pass `algorithm`".into()),
            ..rules(PasswordType::Hash)
        };
        let fields = Fields {
            user_id: "ann".into(),
            password_hash: Some(Secret::new("short")),
            ..Fields::default()
        };
        assert!(matches!(rules.judge(2, Ok(fields)), Err(Stop::Failed(_))));
    }

    #[test]
    fn what_the_store_would_refuse_is_a_bad_row_and_not_a_lost_batch() {
        let sound = || Fields {
            user_id: "ann".into(),
            password: Some(Secret::new("x")),
            ..Fields::default()
        };
        let attributes = |count: usize, bytes| (0..count).map(|n| (format!("a{n}"), "x".repeat(bytes))).collect();
        let faulty = [
            (
                Column::UserId.name(),
                Fields {
                    user_id: String::new(),
                    ..sound()
                },
            ),
            (
                Column::UserId.name(),
                Fields {
                    user_id: "x".repeat(2000),
                    ..sound()
                },
            ),
            (
                Column::Password.name(),
                Fields {
                    password: None,
                    ..sound()
                },
            ),
            (
                Column::Password.name(),
                Fields {
                    password: Some(Secret::new("x".repeat(73))),
                    ..sound()
                },
            ),
            (
                Column::Attributes.name(),
                Fields {
                    attributes: attributes(100, 1),
                    ..sound()
                },
            ),
            (
                "",
                Fields {
                    attributes: attributes(20, 1000),
                    ..sound()
                },
            ),
        ];
        for (column, fields) in faulty {
            let line = judged(PasswordType::Plain, fields);
            assert_eq!((fault(&line).0, fault(&line).1), (7, column), "{line:?}");
        }
        assert!(matches!(judged(PasswordType::Plain, sound()), Line::Good(_)));
    }
}
