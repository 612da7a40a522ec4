//! Rows of a CSV file: a header line, quotes, any line ending.

use csv::{Error, ErrorKind, ReaderBuilder, StringRecord};

use super::body::{Body, unreadable};
use super::job::PasswordType;
use super::rows::{COLUMNS, FLAG_FAULT, Fields, Line, Rules, Sink, Stop, bad, flag};
use crate::admin::error::{AdminError, violation};
use crate::auth::Secret;

/// Reads the whole file row by row.
pub(super) fn read(body: Body, rules: &mut Rules, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let since_row = body.since_row();
    let mut reader = ReaderBuilder::new().from_reader(body);
    let columns = Columns::of(reader.headers().map_err(failed)?, rules.password_type())?;
    let mut record = StringRecord::new();
    loop {
        let line = match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => columns.line(&record, rules)?,
            Err(error) => broken_row(error)?,
        };
        since_row.set(0);
        sink(line)?;
    }
}

/// Which column is where.
struct Columns {
    places: [Option<usize>; COLUMNS.len()],
}

impl Columns {
    fn of(header: &StringRecord, password_type: PasswordType) -> Result<Self, AdminError> {
        let mut violations = Vec::new();
        let mut places = [None; COLUMNS.len()];
        for (at, name) in header.iter().enumerate() {
            let name = name.trim();
            let known = COLUMNS
                .iter()
                .zip(places.iter_mut())
                .find(|(column, _)| **column == name);
            match known {
                Some((_, place @ None)) => *place = Some(at),
                Some(_) => violations.push(violation("data", format!("the header names `{name}` twice"))),
                None => violations.push(violation("data", unknown_column(name))),
            }
        }
        let columns = Self { places };
        let password = match password_type {
            PasswordType::Hash => "password_hash",
            PasswordType::Plain => "password",
        };
        for needed in ["user_id", password] {
            if columns.place(needed).is_none() {
                violations.push(violation("data", format!("the header lacks the column `{needed}`")));
            }
        }
        AdminError::unless_empty(violations)?;
        Ok(columns)
    }

    fn place(&self, name: &str) -> Option<usize> {
        COLUMNS
            .iter()
            .zip(self.places)
            .find(|(column, _)| **column == name)
            .and_then(|(_, place)| place)
    }

    /// A value, if the column exists and is not empty.
    fn value<'a>(&self, record: &'a StringRecord, name: &str) -> Option<&'a str> {
        let value = record.get(self.place(name)?)?;
        (!value.is_empty()).then_some(value)
    }

    fn line(&self, record: &StringRecord, rules: &mut Rules) -> Result<Line, Stop> {
        let line = record.position().map_or(0, csv::Position::line);
        let trimmed = |name| {
            self.value(record, name)
                .map(str::trim)
                .filter(|value| !value.is_empty())
        };
        let user_id = trimmed("user_id");
        let Some(is_superuser) = flag(trimmed("is_superuser").unwrap_or_default()) else {
            return Ok(bad(line, user_id.unwrap_or_default(), FLAG_FAULT));
        };
        let fields = Fields {
            user_id: user_id.map(str::to_owned),
            password_hash: trimmed("password_hash").map(Secret::new),
            salt: trimmed("salt").map(str::to_owned),
            // Spaces around a password are part of it.
            password: self.value(record, "password").map(Secret::new),
            is_superuser,
            namespace: trimmed("namespace").map(str::to_owned),
        };
        rules.judge(line, fields)
    }
}

fn unknown_column(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("the header names `{name}`; the columns are {}", COLUMNS.join(", "))
}

/// A row that is not one; anything worse ends the import.
fn broken_row(error: Error) -> Result<Line, Stop> {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => Ok(bad(
            line,
            "",
            format!("has {len} columns, the header has {expected_len}"),
        )),
        ErrorKind::Utf8 { .. } => Ok(bad(line, "", "is not UTF-8")),
        _ => Err(failed(error)),
    }
}

fn failed(error: Error) -> Stop {
    let why = error.to_string();
    Stop::Failed(match error.into_kind() {
        ErrorKind::Io(error) => unreadable(error),
        _ => AdminError::invalid("data", format!("is not CSV: {why}")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::body::tests::in_pieces;
    use super::super::rows::tests::{fault, hashed, plain, rules};
    use super::{AdminError, Line, PasswordType, Stop, read};

    const HASHED: &str = "\
user_id,password_hash,salt,is_superuser
myuser3,b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75,de1024f462fb83910fd13151bd4bd235,true
myuser4,ee68c985a69208b6eda8c6c9b4c7c2d2b15ee2352cdd64a903171710a99182e8,ad773b5be9dd0613fe6c2f4d8c403139,false
";

    fn lines(text: &str, password_type: PasswordType) -> Result<Vec<Line>, Stop> {
        let mut lines = Vec::new();
        read(in_pieces(text.as_bytes(), 7), &mut rules(password_type), &mut |line| {
            lines.push(line);
            Ok(())
        })?;
        Ok(lines)
    }

    fn refused(text: &str) -> Vec<String> {
        match lines(text, PasswordType::Plain) {
            Err(Stop::Failed(AdminError::Invalid(violations))) => violations.into_iter().map(|one| one.why).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_sample_file_of_hashes_is_read() {
        let expected = [
            hashed(
                2,
                "myuser3",
                "de1024f462fb83910fd13151bd4bd235$b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75",
                true,
            ),
            hashed(
                3,
                "myuser4",
                "ad773b5be9dd0613fe6c2f4d8c403139$ee68c985a69208b6eda8c6c9b4c7c2d2b15ee2352cdd64a903171710a99182e8",
                false,
            ),
        ];
        assert_eq!(lines(HASHED, PasswordType::Hash).unwrap(), expected);
        assert_eq!(
            lines(&HASHED.replace('\n', "\r\n"), PasswordType::Hash).unwrap(),
            expected
        );
        assert_eq!(
            lines(&format!("\u{feff}{HASHED}"), PasswordType::Hash).unwrap(),
            expected
        );
    }

    #[test]
    fn the_sample_file_of_passwords_is_read() {
        let text = "user_id,password,is_superuser\nmyuser3,password3,true\nmyuser4,password4,false\n";
        let expected = [
            plain(2, "myuser3", "password3", true),
            plain(3, "myuser4", "password4", false),
        ];
        assert_eq!(lines(text, PasswordType::Plain).unwrap(), expected);
    }

    #[test]
    fn the_malformed_sample_file_has_one_good_row_and_one_bad() {
        let text = "\
user_id,password_hash,salt,is_superuser
myuser3,b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75,de1024f462fb83910fd13151bd4bd235,true
myuser4,ee68c985a69208b6eda8c6c9b4c7c2d2b15ee2352cdd64a903171710a9
";
        let lines = lines(text, PasswordType::Hash).unwrap();
        assert!(matches!(lines[0], Line::Good(_)));
        assert_eq!(fault(&lines[1]), (3, "has 2 columns, the header has 4"));
    }

    #[test]
    fn quotes_keep_commas_line_ends_and_spaces() {
        let text = "user_id,password\n\"a, b\",\" p\"\"w\nd \"\n\nann,x\n";
        let expected = [plain(2, "a, b", " p\"w\nd ", false), plain(5, "ann", "x", false)];
        assert_eq!(lines(text, PasswordType::Plain).unwrap(), expected);
    }

    #[test]
    fn bad_rows_are_told_and_the_others_kept() {
        let text = "user_id,password,is_superuser,namespace\n,x,,\nann,,,\nbob,x,yes,\ncid,x,,t1\ndan,x,1,\n";
        let lines = lines(text, PasswordType::Plain).unwrap();
        let numbers: Vec<_> = lines[..4].iter().map(|line| fault(line).0).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert_eq!(lines[4], plain(6, "dan", "x", true));
    }

    #[test]
    fn a_header_that_cannot_be_used_is_refused_with_all_its_faults() {
        assert_eq!(refused("user_id,user_id,hash\nx,y,z\n").len(), 3);
        assert_eq!(refused("").len(), 2);
    }
}
