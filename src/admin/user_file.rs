//! A file of users as Import reads it: CSV (RFC 4180), a JSON array, or NDJSON, written piece by piece.

use std::collections::BTreeMap;

use csv::{QuoteStyle, Terminator, WriterBuilder};
use serde::Serialize;

use super::error::AdminError;
use super::import::{ImportFormat, PasswordType};
use crate::auth::{Timestamp, UserKey, UserRecord};

/// Columns of a file of hashes.
const HASH_COLUMNS: [&str; 7] = [
    "user_id",
    "password_hash",
    "salt",
    "is_superuser",
    "disabled",
    "expires_at",
    "attributes",
];
/// Columns of a file of passwords.
const PLAIN_COLUMNS: [&str; 6] = [
    "user_id",
    "password",
    "is_superuser",
    "disabled",
    "expires_at",
    "attributes",
];

/// Columns of a file of SCRAM keys.
const KEY_COLUMNS: [&str; 9] = [
    "user_id",
    "stored_key",
    "server_key",
    "salt",
    "iterations",
    "is_superuser",
    "disabled",
    "expires_at",
    "attributes",
];

/// A row of CSV is written through a buffer of its own; longer ones fill it several times.
const ROW_BUFFER: usize = 1 << 10;

/// A user as it stands in a file: a row of CSV, or an object whose fields are named as the columns.
#[derive(Serialize)]
pub(super) struct FileUser<'a> {
    pub(super) user_id: &'a str,
    #[serde(flatten)]
    pub(super) password: FilePassword<'a>,
    pub(super) is_superuser: bool,
    pub(super) disabled: bool,
    #[serde(serialize_with = "moment_or_null")]
    pub(super) expires_at: Option<Timestamp>,
    pub(super) attributes: &'a BTreeMap<String, String>,
}

/// What a file says of a password.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum FilePassword<'a> {
    /// A hash, and its salt unless that is part of it.
    Hash { password_hash: &'a str, salt: &'a str },
    /// In the clear.
    Plain { password: &'a str },
    /// What SCRAM needs, bytes in base64.
    Keys {
        stored_key: &'a str,
        server_key: &'a str,
        salt: &'a str,
        iterations: &'a str,
    },
}

impl<'a> FileUser<'a> {
    /// A stored user. Its record says itself how it was made, so it needs no salt beside it.
    pub(super) fn of(key: &'a UserKey, record: &'a UserRecord) -> Self {
        Self {
            user_id: &key.user_id,
            password: FilePassword::Hash {
                password_hash: record.password.expose(),
                salt: "",
            },
            is_superuser: record.is_superuser,
            disabled: record.disabled,
            expires_at: record.expires_at,
            attributes: &record.attributes,
        }
    }

    /// In the order of the columns.
    fn cells(&self) -> Result<Vec<String>, AdminError> {
        let mut cells = vec![self.user_id.to_owned()];
        match self.password {
            FilePassword::Hash { password_hash, salt } => cells.extend([password_hash, salt].map(str::to_owned)),
            FilePassword::Plain { password } => cells.push(password.to_owned()),
            FilePassword::Keys {
                stored_key,
                server_key,
                salt,
                iterations,
            } => cells.extend([stored_key, server_key, salt, iterations].map(str::to_owned)),
        }
        let attributes = if self.attributes.is_empty() {
            String::new()
        } else {
            serde_json::to_string(self.attributes).map_err(unwritable)?
        };
        cells.extend([
            self.is_superuser.to_string(),
            self.disabled.to_string(),
            self.expires_at.map(moment).unwrap_or_default(),
            attributes,
        ]);
        Ok(cells)
    }
}

/// A file being written. What its methods give, put one after the other, is the file.
#[derive(Clone, Copy)]
pub(super) struct UserFile {
    format: ImportFormat,
    columns: &'static [&'static str],
    users: u64,
}

impl UserFile {
    pub(super) fn new(format: ImportFormat, password_type: PasswordType) -> Self {
        let columns: &[&str] = match password_type {
            PasswordType::Hash => &HASH_COLUMNS,
            PasswordType::Plain => &PLAIN_COLUMNS,
        };
        Self {
            format,
            columns,
            users: 0,
        }
    }

    /// One of SCRAM keys.
    pub(super) fn of_keys(format: ImportFormat) -> Self {
        Self {
            columns: &KEY_COLUMNS,
            ..Self::new(format, PasswordType::Hash)
        }
    }

    /// Users written so far.
    pub(super) fn users(&self) -> u64 {
        self.users
    }

    /// What stands before the first user.
    pub(super) fn head(&self) -> Result<Vec<u8>, AdminError> {
        match self.format {
            ImportFormat::Csv => csv_of([self.columns]),
            ImportFormat::Json => Ok(b"[".to_vec()),
            ImportFormat::Ndjson => Ok(Vec::new()),
        }
    }

    /// The next users.
    pub(super) fn rows<'a>(&mut self, users: impl Iterator<Item = FileUser<'a>>) -> Result<Vec<u8>, AdminError> {
        let users: Vec<_> = users.collect();
        let text = match self.format {
            ImportFormat::Csv => csv_of(users.iter().map(FileUser::cells).collect::<Result<Vec<_>, _>>()?)?,
            ImportFormat::Json => self.elements(&users)?,
            ImportFormat::Ndjson => lines(&users)?,
        };
        self.users += users.len() as u64;
        Ok(text)
    }

    /// What stands behind the last user.
    pub(super) fn foot(&self) -> &'static [u8] {
        match self.format {
            ImportFormat::Json => b"\n]\n",
            ImportFormat::Csv | ImportFormat::Ndjson => b"",
        }
    }

    fn elements(&self, users: &[FileUser<'_>]) -> Result<Vec<u8>, AdminError> {
        let mut text = Vec::new();
        for (at, user) in users.iter().enumerate() {
            if self.users > 0 || at > 0 {
                text.push(b',');
            }
            text.push(b'\n');
            serde_json::to_writer(&mut text, user).map_err(unwritable)?;
        }
        Ok(text)
    }
}

fn lines(users: &[FileUser<'_>]) -> Result<Vec<u8>, AdminError> {
    let mut text = Vec::new();
    for user in users {
        serde_json::to_writer(&mut text, user).map_err(unwritable)?;
        text.push(b'\n');
    }
    Ok(text)
}

fn csv_of<R, C>(rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>, AdminError>
where
    R: AsRef<[C]>,
    C: AsRef<str>,
{
    let mut text = Vec::new();
    for row in rows {
        write_csv_row(&mut text, row.as_ref())?;
    }
    Ok(text)
}

/// Spaces around a value are part of it, but many who read CSV drop them, Import among them, unless it stands in quotes.
fn write_csv_row<C: AsRef<str>>(text: &mut Vec<u8>, row: &[C]) -> Result<(), AdminError> {
    let is_spaced = |cell: &C| cell.as_ref().trim().len() < cell.as_ref().len();
    let quotes = if row.iter().any(is_spaced) {
        QuoteStyle::Always
    } else {
        QuoteStyle::Necessary
    };
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(quotes)
        .buffer_capacity(ROW_BUFFER)
        .from_writer(text);
    let cells = row.iter().map(|cell| cell.as_ref().as_bytes());
    writer.write_record(cells).map_err(unwritable)?;
    writer.flush().map_err(unwritable)
}

/// RFC 3339, or milliseconds since 1970 where a calendar ends: a file must hold whatever is stored.
fn moment(Timestamp(millis): Timestamp) -> String {
    let calendar = i64::try_from(millis)
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    calendar.map_or_else(|| millis.to_string(), |at| at.to_string())
}

fn moment_or_null<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(moment).serialize(serializer)
}

/// Writing to memory can only fail through a fault of ours. Its text could quote a row, so only its kind is told.
fn unwritable(_: impl std::error::Error) -> AdminError {
    AdminError::Internal("a row of the file cannot be written".into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{FilePassword, FileUser, ImportFormat, PasswordType, Timestamp, UserFile, moment};

    fn user<'a>(user_id: &'a str, attributes: &'a BTreeMap<String, String>) -> FileUser<'a> {
        FileUser {
            user_id,
            password: FilePassword::Hash {
                password_hash: "$sha256$prefix$c2FsdA$ab",
                salt: "",
            },
            is_superuser: true,
            disabled: false,
            expires_at: Some(Timestamp(1_893_456_000_123)),
            attributes,
        }
    }

    /// In two pieces, because a file is written in many.
    fn written(format: ImportFormat, names: [&str; 2]) -> String {
        let attributes = BTreeMap::from([("tenant".to_owned(), "a \"b\",\r\nc".to_owned())]);
        let mut file = UserFile::new(format, PasswordType::Hash);
        let mut text = file.head().unwrap();
        for name in names {
            text.extend(file.rows([user(name, &attributes)].into_iter()).unwrap());
        }
        text.extend(file.foot());
        assert_eq!(file.users(), 2);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn csv_quotes_what_rfc_4180_says_must_be_quoted() {
        let rest = "$sha256$prefix$c2FsdA$ab,,true,false,2030-01-01T00:00:00.123Z,\
                    \"{\"\"tenant\"\":\"\"a \\\"\"b\\\"\",\\r\\nc\"\"}\"\r\n";
        let expected = format!(
            "user_id,password_hash,salt,is_superuser,disabled,expires_at,attributes\r\n\
             \"a, \"\"b\"\"\",{rest}\"of\nold\",{rest}"
        );
        assert_eq!(written(ImportFormat::Csv, ["a, \"b\"", "of\nold"]), expected);
    }

    #[test]
    fn a_name_keeps_the_spaces_around_it() {
        let text = written(ImportFormat::Csv, [" ann", "bob\u{a0}"]);
        assert!(
            text.contains("\r\n\" ann\",\"$sha256") && text.contains("\r\n\"bob\u{a0}\",\"$sha256"),
            "{text}"
        );
    }

    #[test]
    fn json_is_one_array_and_ndjson_an_object_in_each_line() {
        let array = written(ImportFormat::Json, ["ann", "b\"\n"]);
        let users: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
        assert_eq!((users.len(), &users[1]["user_id"]), (2, &"b\"\n".into()));
        let lines = written(ImportFormat::Ndjson, ["ann", "b\"\n"]);
        let of_lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(of_lines, users);
        let fields: Vec<_> = users[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, super::HASH_COLUMNS);
    }

    #[test]
    fn a_file_of_nobody_is_still_a_file() {
        for (format, expected) in [
            (ImportFormat::Json, "[\n]\n"),
            (ImportFormat::Ndjson, ""),
            (
                ImportFormat::Csv,
                "user_id,password,is_superuser,disabled,expires_at,attributes\r\n",
            ),
        ] {
            let file = UserFile::new(format, PasswordType::Plain);
            let text = [file.head().unwrap(), file.foot().to_vec()].concat();
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }

    #[test]
    fn a_moment_that_no_calendar_knows_is_told_in_milliseconds() {
        assert_eq!(moment(Timestamp(0)), "1970-01-01T00:00:00Z");
        assert_eq!(moment(Timestamp(u64::MAX)), u64::MAX.to_string());
    }
}
