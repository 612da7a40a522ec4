//! What a value of a file means: flags, counts, moments, attributes, as text or as JSON. No answer quotes the value.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::auth::Timestamp;

/// A value, or why it is none.
pub(super) type Read<T> = Result<T, String>;

const FLAG_FAULT: &str = "must be true, false, 1, 0 or empty";
const COUNT_FAULT: &str = "must be a whole number or empty";
const MOMENT_FAULT: &str = "must be a moment such as 2030-01-31T00:00:00Z, milliseconds since 1970, or empty";
pub(super) const NAMESPACE_FAULT: &str = "is not supported: it must be empty";
const ATTRIBUTES_FAULT: &str = "must be a JSON object whose values are text";

/// The last millisecond of the year 9999: later ones cannot be written as a date.
const LAST_MOMENT: u64 = 253_402_300_799_999;

/// A flag as text; empty means no.
pub(super) fn flag(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(FLAG_FAULT.into()),
    }
}

/// A flag in JSON.
pub(super) fn json_flag(value: &Value) -> Read<bool> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) => flag(text),
        Value::Number(number) => flag(&number.to_string()),
        Value::Null => Ok(false),
        Value::Array(_) | Value::Object(_) => Err(FLAG_FAULT.into()),
    }
}

/// A count as text; empty means none is given.
pub(super) fn count(text: &str) -> Read<Option<u32>> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let count = digits.and_then(|digits| digits.parse().ok());
    count.map(Some).ok_or_else(|| COUNT_FAULT.into())
}

/// A count in JSON.
pub(super) fn json_count(value: &Value) -> Read<Option<u32>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => count(text),
        Value::Number(number) => count(&number.to_string()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(COUNT_FAULT.into()),
    }
}

/// A moment as text; empty means never.
pub(super) fn moment(text: &str) -> Read<Option<Timestamp>> {
    if text.is_empty() {
        return Ok(None);
    }
    let millis = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        let moment: Option<jiff::Timestamp> = text.parse().ok();
        moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok())
    };
    millis
        .filter(|millis| *millis <= LAST_MOMENT)
        .map(|millis| Some(Timestamp(millis)))
        .ok_or_else(|| MOMENT_FAULT.into())
}

/// A moment in JSON.
pub(super) fn json_moment(value: &Value) -> Read<Option<Timestamp>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => moment(text),
        Value::Number(number) => moment(&number.to_string()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(MOMENT_FAULT.into()),
    }
}

/// Attributes as the text of a JSON object; empty means none.
pub(super) fn attributes(text: &str) -> Read<BTreeMap<String, String>> {
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    let value = serde_json::from_str(text).map_err(|_| ATTRIBUTES_FAULT.to_owned())?;
    json_attributes(value)
}

/// Attributes in JSON.
pub(super) fn json_attributes(value: Value) -> Read<BTreeMap<String, String>> {
    let object = match value {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(object) => object,
        _ => return Err(ATTRIBUTES_FAULT.into()),
    };
    let text = |(name, value)| match value {
        Value::String(value) => Ok((name, value)),
        _ => Err(ATTRIBUTES_FAULT.to_owned()),
    };
    object.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Timestamp, attributes, count, flag, json_attributes, json_count, json_flag, json_moment, moment};

    #[test]
    fn only_true_and_one_raise_a_flag() {
        for text in ["true", "TRUE", "1"] {
            assert_eq!(flag(text), Ok(true));
        }
        for text in ["false", "False", "0", ""] {
            assert_eq!(flag(text), Ok(false));
        }
        for text in ["yes", "2", "t"] {
            assert!(flag(text).is_err());
        }
        assert_eq!(json_flag(&json!(1)), Ok(true));
        assert_eq!(json_flag(&json!(null)), Ok(false));
        assert!(json_flag(&json!([])).is_err());
    }

    #[test]
    fn a_count_is_a_whole_number_or_is_not_given() {
        assert_eq!(
            (count("4096"), json_count(&json!(4096))),
            (Ok(Some(4096)), Ok(Some(4096)))
        );
        assert_eq!((count(""), json_count(&json!(null))), (Ok(None), Ok(None)));
        for text in ["-1", "+1", "4e3", "4096.0", "4294967296", "x"] {
            assert!(count(text).is_err(), "{text}");
        }
        for value in [json!(true), json!(-1), json!(1.5), json!([])] {
            assert!(json_count(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_moment_is_a_date_or_milliseconds_or_never() {
        let at = Ok(Some(Timestamp(1_700_000_000_123)));
        assert_eq!(moment("2023-11-14T22:13:20.123Z"), at);
        assert_eq!(moment("2023-11-15T00:13:20.123+02:00"), at);
        assert_eq!(moment("1700000000123"), at);
        assert_eq!(json_moment(&json!(1_700_000_000_123_u64)), at);
        assert_eq!(json_moment(&json!("1700000000123")), at);
        assert_eq!((moment(""), json_moment(&json!(null))), (Ok(None), Ok(None)));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "soon",
            "-1",
            "1.5",
            "2023-11-14",
            "1969-12-31T23:59:59Z",
            "999999999999999999999",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
        for value in [json!(true), json!(-1), json!(1.5), json!(u64::MAX)] {
            assert!(json_moment(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn attributes_are_an_object_of_text() {
        let read = attributes(r#"{"tenant": "a, b", "role": ""}"#).unwrap();
        assert_eq!((read.len(), read["tenant"].as_str()), (2, "a, b"));
        assert_eq!(attributes("").unwrap().len(), 0);
        for text in ["{", "[]", r#"{"n": 1}"#, "hunter2"] {
            assert!(!attributes(text).unwrap_err().contains("hunter2"), "{text}");
        }
        assert!(json_attributes(json!("{}")).is_err());
    }
}
