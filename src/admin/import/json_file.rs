//! Rows of a JSON array, read element by element, and of NDJSON, read line by line.

use serde::Deserializer as _;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Deserializer, Map, Value};

use super::body::{Body, unreadable};
use super::columns::{Column, unknown};
use super::intake::Intake;
use super::json_object::Element;
use super::rows::{Fault, Fields, Stop};
use super::source::{Place, Source};
use super::values;
use crate::admin::error::AdminError;
use crate::auth::Secret;

/// Reads an object from each line.
pub(super) fn read_lines(body: Body, row_limit: usize, intake: &mut Intake<'_>) -> Result<(), Stop> {
    let mut source = Source::new(body, row_limit, |byte| byte.is_ascii_whitespace());
    let place = source.place();
    let mut text = Vec::new();
    while read_line(&mut source, &place, &mut text)? {
        intake.row(place.row_line(), || {
            let element = serde_json::from_slice(&text).map_err(|error| {
                // serde's own message can quote the line, and the line can hold a password.
                let column = place.row_column() + error.column() as u64 - 1;
                (
                    String::new(),
                    Fault::of_row(format!("is not JSON: fault at character {column} of the line")),
                )
            })?;
            fields_of(element)
        })?;
    }
    Ok(())
}

/// Reads the next line that is not blank; `false` at the end of the file.
fn read_line(source: &mut Source, place: &Place, text: &mut Vec<u8>) -> Result<bool, Stop> {
    text.clear();
    place.await_row();
    while let Some(byte) = source.next().map_err(unreadable)? {
        if place.is_awaiting() {
            continue;
        }
        if byte == b'\n' {
            return Ok(true);
        }
        text.push(byte);
    }
    Ok(!text.is_empty())
}

/// Reads the elements of one array.
pub(super) fn read_array(body: Body, row_limit: usize, intake: &mut Intake<'_>) -> Result<(), Stop> {
    let source = Source::new(body, row_limit, |byte| byte == b',' || byte.is_ascii_whitespace());
    let place = source.place();
    let mut deserializer = Deserializer::from_reader(source);
    let mut stop = None;
    let elements = Elements {
        intake,
        place: &place,
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
        Category::Syntax => AdminError::invalid("data", format!("is not JSON: fault in line {line}, column {column}")),
        Category::Eof => {
            let why = format!("ends in line {line}, column {column}, before the JSON array does");
            AdminError::invalid("data", why)
        }
    })
}

/// Hands each element on as it is read, so that the array is never in memory.
struct Elements<'a, 'b> {
    intake: &'a mut Intake<'b>,
    place: &'a Place,
    stop: &'a mut Option<Stop>,
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        loop {
            self.place.await_row();
            let Some(element) = elements.next_element::<Element>()? else {
                return Ok(());
            };
            let taken = self.intake.row(self.place.row_line(), || fields_of(element));
            if let Err(stop) = taken {
                *self.stop = Some(stop);
                return Err(A::Error::custom("stopped"));
            }
        }
    }
}

fn fields_of(element: Element) -> Result<Fields, (String, Fault)> {
    let Element::Object { mut fields, twice } = element else {
        return Err((String::new(), Fault::of_row("is not an object")));
    };
    let user_id = fields
        .get(Column::UserId.name())
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let read = match twice {
        Some(name) if Column::named(&name).is_some() => Err(Fault::of_row(format!("has the field `{name}` twice"))),
        _ => read_fields(&mut fields),
    };
    read.map_err(|fault| (user_id, fault))
}

fn read_fields(object: &mut Map<String, Value>) -> Result<Fields, Fault> {
    let mut fields = Fields::default();
    for (name, value) in object.iter_mut() {
        let Some(column) = Column::named(name) else {
            return Err(Fault::of_row(format!("the field {}", unknown(name))));
        };
        set(&mut fields, column, value.take()).map_err(|reason| Fault::of(column, reason))?;
    }
    Ok(fields)
}

fn set(fields: &mut Fields, column: Column, value: Value) -> values::Read<()> {
    match column {
        Column::UserId => fields.user_id = text(value)?.unwrap_or_default(),
        Column::PasswordHash => fields.password_hash = text(value)?.map(Secret::new),
        Column::Salt => fields.salt = text(value)?.unwrap_or_default(),
        Column::Iterations => fields.keys.iterations = values::json_count(&value)?,
        Column::StoredKey => fields.keys.stored_key = text(value)?.map(Secret::new),
        Column::ServerKey => fields.keys.server_key = text(value)?.map(Secret::new),
        Column::Password => fields.password = text(value)?.map(Secret::new),
        Column::IsSuperuser => fields.is_superuser = values::json_flag(&value)?,
        Column::Disabled => fields.disabled = values::json_flag(&value)?,
        Column::ExpiresAt => fields.expires_at = values::json_moment(&value)?,
        Column::Attributes => fields.attributes = values::json_attributes(value)?,
        Column::Namespace => {
            if text(value)?.is_some() {
                return Err(values::NAMESPACE_FAULT.into());
            }
        }
    }
    Ok(())
}

fn text(value: Value) -> values::Read<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        _ => Err("must be text".into()),
    }
}
