//! JSON without its loose ends: a name twice in one object, or nesting without end, is refused. Two readers of such a text could
//! otherwise see two different tokens.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Objects and lists within each other, the outermost counted.
const DEEPEST: usize = 16;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no JSON, or not an object.
    NoObject,
    /// A name stands twice in one object.
    Duplicate,
    /// It is nested too deep.
    TooDeep,
}

/// Reads an object, and nothing after it.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, Fault> {
    let found = Cell::new(Fault::NoObject);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let strict = Strict {
        room: DEEPEST,
        found: &found,
    };
    let value = strict.deserialize(&mut reader).map_err(|_| found.get())?;
    match (value, reader.end()) {
        (Value::Object(object), Ok(())) => Ok(object),
        _ => Err(Fault::NoObject),
    }
}

/// Reads one value; serde's errors are texts, so what was found is left aside.
#[derive(Clone, Copy)]
struct Strict<'a> {
    room: usize,
    found: &'a Cell<Fault>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.room.checked_sub(1) {
            Some(room) => Ok(Self { room, ..self }),
            None => Err(self.refuse(Fault::TooDeep)),
        }
    }

    fn refuse<E: serde::de::Error>(self, fault: Fault) -> E {
        self.found.set(fault);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(self.refuse(Fault::Duplicate));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{DEEPEST, Fault, object};

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text = r#"{"a": [1, -2, 2.5, true, null], "b": {"c": "\u00e9\n"}, "d": 18446744073709551616}"#;
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(json!(object(text.as_bytes()).unwrap()), expected);
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"x": [{"b": {"a": 1, "a": 2}}]}"#,
            r#"{"a": 1, "\u0061": 2}"#,
        ] {
            assert_eq!(object(text.as_bytes()), Err(Fault::Duplicate), "{text}");
        }
        assert!(object(br#"{"a": {"a": 1}, "A": 2}"#).is_ok());
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth: usize| format!("{}{}", r#"{"a":"#.repeat(depth - 1) + "{", "}".repeat(depth));
        assert!(object(nested(DEEPEST).as_bytes()).is_ok());
        assert_eq!(object(nested(DEEPEST + 1).as_bytes()), Err(Fault::TooDeep));
        let lists = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(object(lists.as_bytes()), Err(Fault::TooDeep));
    }

    #[test]
    fn anything_but_one_object_is_no_object() {
        for text in [
            "",
            "1",
            "[]",
            "null",
            "{",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            r#"{"a": 1e999}"#,
            r#"{"a": NaN}"#,
        ] {
            assert_eq!(object(text.as_bytes()), Err(Fault::NoObject), "{text}");
        }
        assert_eq!(object(b"{\"a\": \"\xff\"}"), Err(Fault::NoObject));
    }
}
