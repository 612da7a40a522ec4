//! Rows of a JSON array, read element by element, and of NDJSON, read line by line.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, Read};
use std::rc::Rc;

use serde::Deserializer as _;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Deserializer, Map, Value};

use super::body::{Body, SinceRow, unreadable};
use super::rows::{COLUMNS, FLAG_FAULT, Fields, Line, Rules, Sink, Stop, bad, json_flag};
use crate::admin::error::AdminError;
use crate::auth::Secret;

/// Reads an object from each line.
pub(super) fn read_lines(body: Body, rules: &mut Rules, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let since_row = body.since_row();
    let mut reader = BufReader::new(body);
    let (mut text, mut line) = (Vec::new(), 0);
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).map_err(unreadable)? == 0 {
            return Ok(());
        }
        line += 1;
        since_row.set(0);
        if text.trim_ascii().is_empty() {
            continue;
        }
        // serde's own message can quote the line, and the line can hold a password.
        let judged = match serde_json::from_slice(&text) {
            Ok(value) => judge(line, value, rules)?,
            Err(error) => bad(line, "", format!("is not JSON: fault in column {}", error.column())),
        };
        sink(judged)?;
    }
}

/// Reads the elements of one array.
pub(super) fn read_array(body: Body, rules: &mut Rules, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let since_row = body.since_row();
    let lines = Rc::new(Lines {
        current: Cell::new(1),
        element: Cell::new(1),
        waiting: Cell::new(false),
    });
    let reader = Counted {
        inner: BufReader::new(body),
        lines: Rc::clone(&lines),
    };
    let mut deserializer = Deserializer::from_reader(reader);
    let mut stop = None;
    let elements = Elements {
        rules,
        sink,
        lines: &lines,
        since_row,
        stop: &mut stop,
    };
    let read = deserializer.deserialize_seq(elements).and_then(|()| deserializer.end());
    match (stop, read) {
        (Some(stop), _) => Err(stop),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(failed(error)),
    }
}

fn failed(error: serde_json::Error) -> Stop {
    let (line, column) = (error.line(), error.column());
    Stop::Failed(match error.classify() {
        Category::Io => unreadable(error.into()),
        Category::Data => AdminError::invalid("data", "is not a JSON array of objects"),
        Category::Syntax | Category::Eof => {
            AdminError::invalid("data", format!("is not JSON: fault in line {line}, column {column}"))
        }
    })
}

/// Where in the file the deserializer is; shared with the reader that it owns.
struct Lines {
    current: Cell<u64>,
    /// Where the present element begins.
    element: Cell<u64>,
    /// Whether the next byte that is no separator begins an element.
    waiting: Cell<bool>,
}

impl Lines {
    fn pass(&self, byte: u8) {
        if byte == b'\n' {
            self.current.set(self.current.get() + 1);
        } else if self.waiting.get() && byte != b',' && !byte.is_ascii_whitespace() {
            self.waiting.set(false);
            self.element.set(self.current.get());
        }
    }
}

/// Counts lines as the deserializer takes bytes, one at a time, so that it is never ahead of it.
struct Counted {
    inner: BufReader<Body>,
    lines: Rc<Lines>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in buffer.iter().take(count) {
            self.lines.pass(*byte);
        }
        Ok(count)
    }
}

/// Hands each element on as it is read, so that the array is never in memory.
struct Elements<'a, 'b> {
    rules: &'a mut Rules,
    sink: &'a mut Sink<'b>,
    lines: &'a Lines,
    since_row: SinceRow,
    stop: &'a mut Option<Stop>,
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        loop {
            self.lines.waiting.set(true);
            let Some(element) = elements.next_element::<Value>()? else {
                return Ok(());
            };
            self.since_row.set(0);
            let handed = judge(self.lines.element.get(), element, self.rules).and_then(|line| (self.sink)(line));
            if let Err(stop) = handed {
                *self.stop = Some(stop);
                return Err(A::Error::custom("stopped"));
            }
        }
    }
}

fn judge(line: u64, value: Value, rules: &mut Rules) -> Result<Line, Stop> {
    let Value::Object(mut object) = value else {
        return Ok(bad(line, "", "is not an object"));
    };
    let user_id = object
        .get("user_id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    match fields_of(&mut object) {
        Ok(fields) => rules.judge(line, fields),
        Err(reason) => Ok(bad(line, &user_id, reason)),
    }
}

fn fields_of(object: &mut Map<String, Value>) -> Result<Fields, String> {
    if let Some(unknown) = object.keys().find(|key| !COLUMNS.contains(&key.as_str())) {
        let unknown: String = unknown.chars().take(64).collect();
        return Err(format!(
            "has the unknown field `{unknown}`; the fields are {}",
            COLUMNS.join(", ")
        ));
    }
    let flag = object.get("is_superuser").map_or(Some(false), json_flag);
    Ok(Fields {
        user_id: text(object, "user_id")?,
        password_hash: text(object, "password_hash")?.map(Secret::new),
        salt: text(object, "salt")?,
        password: text(object, "password")?.map(Secret::new),
        is_superuser: flag.ok_or(FLAG_FAULT)?,
        namespace: text(object, "namespace")?,
    })
}

fn text(object: &mut Map<String, Value>, field: &str) -> Result<Option<String>, String> {
    match object.get_mut(field).map(Value::take) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("`{field}` must be text")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::tests::in_pieces;
    use super::super::job::PasswordType;
    use super::super::rows::tests::{fault, hashed, plain, rules};
    use super::{AdminError, Line, Stop, read_array, read_lines};

    const HASHED: &str = r#"[
    {
        "user_id":"myuser1",
        "password_hash":"c5e46903df45e5dc096dc74657610dbee8deaacae656df88a1788f1847390242",
        "salt": "e378187547bf2d6f0545a3f441aa4d8a",
        "is_superuser": true
    },
    {
        "user_id":"myuser2",
        "password_hash":"f4d17f300b11e522fd33f497c11b126ef1ea5149c74d2220f9a16dc876d4567b",
        "salt": "6d3f9bd5b54d94b98adbcfe10b6d181f",
        "is_superuser": false
    }
]
"#;

    const PLAIN: &str = r#"[
    {
        "user_id":"myuser1",
        "password":"password1",
        "is_superuser": true
    },
    {
        "user_id":"myuser2",
        "password":"password2",
        "is_superuser": false
    }
]
"#;

    fn array(text: &str, password_type: PasswordType) -> Result<Vec<Line>, Stop> {
        let mut lines = Vec::new();
        read_array(in_pieces(text.as_bytes(), 7), &mut rules(password_type), &mut |line| {
            lines.push(line);
            Ok(())
        })?;
        Ok(lines)
    }

    #[test]
    fn the_sample_file_of_hashes_is_read() {
        let expected = [
            hashed(
                2,
                "myuser1",
                "e378187547bf2d6f0545a3f441aa4d8a$c5e46903df45e5dc096dc74657610dbee8deaacae656df88a1788f1847390242",
                true,
            ),
            hashed(
                8,
                "myuser2",
                "6d3f9bd5b54d94b98adbcfe10b6d181f$f4d17f300b11e522fd33f497c11b126ef1ea5149c74d2220f9a16dc876d4567b",
                false,
            ),
        ];
        assert_eq!(array(HASHED, PasswordType::Hash).unwrap(), expected);
    }

    #[test]
    fn the_sample_file_of_passwords_is_read() {
        let expected = [
            plain(2, "myuser1", "password1", true),
            plain(8, "myuser2", "password2", false),
        ];
        assert_eq!(array(PLAIN, PasswordType::Plain).unwrap(), expected);
    }

    #[test]
    fn bad_elements_are_told_and_the_others_kept() {
        let text = r#"[3, {"user_id": 7}, {"user_id": "a", "password": "x", "role": "x"},
            {"user_id": "b", "password": "x", "is_superuser": "yes"},
            {"user_id": "c", "password": "x", "is_superuser": "TRUE", "namespace": ""}]"#;
        let lines = array(text, PasswordType::Plain).unwrap();
        let numbers: Vec<_> = lines[..4].iter().map(|line| fault(line).0).collect();
        assert_eq!(numbers, [1, 1, 1, 2]);
        assert_eq!(lines[4], plain(3, "c", "x", true));
    }

    #[test]
    fn a_file_that_is_no_array_is_refused_without_quoting_it() {
        for text in ["\"hunter2\"", "[{\"password\": \"hunter2\", ]", "[{}", "[] hunter2", ""] {
            match array(text, PasswordType::Plain) {
                Err(Stop::Failed(error @ AdminError::Invalid(_))) => assert!(!error.to_string().contains("hunter2")),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn each_line_of_ndjson_stands_for_itself() {
        let text = "{\"user_id\":\"a\",\"password\":\"x\"}\r\n\n{\"user_id\":\"hunter2\n{\"user_id\":\"b\",\"password\":\"y\"}";
        let mut lines = Vec::new();
        read_lines(
            in_pieces(text.as_bytes(), 7),
            &mut rules(PasswordType::Plain),
            &mut |line| {
                lines.push(line);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(lines[0], plain(1, "a", "x", false));
        assert_eq!(fault(&lines[1]).0, 3);
        assert!(!fault(&lines[1]).1.contains("hunter2"));
        assert_eq!(lines[2], plain(4, "b", "y", false));
    }
}
