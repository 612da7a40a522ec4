//! What stands in a row, as JSON.

use std::error::Error;

use serde_json::Value;
use tokio_postgres::types::{FromSql, Kind, Type};

use super::numeric;
use crate::backends::sql::seconds;

/// Of 1970, before the time from which PostgreSQL counts.
const EPOCH: i64 = 946_684_800;
const MICROS: i64 = 1_000_000;

/// A value as it was sent.
pub(super) struct Cell<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_type: &Type) -> bool {
        true
    }
}

/// Reads a value; an error goes on "the column …".
pub(super) fn read(of: &Type, cell: Option<Cell<'_>>) -> Result<Value, String> {
    let Some(Cell(raw)) = cell else {
        return Ok(Value::Null);
    };
    if let Kind::Domain(inner) = of.kind() {
        return read(inner, Some(Cell(raw)));
    }
    value(of, raw).ok_or_else(|| format!("of type `{}` holds what cannot be read", of.name()))
}

fn value(of: &Type, raw: &[u8]) -> Option<Value> {
    Some(match *of {
        Type::BOOL => Value::from(*raw.first()? != 0),
        Type::INT2 => Value::from(i16::from_be_bytes(raw.try_into().ok()?)),
        Type::INT4 => Value::from(i32::from_be_bytes(raw.try_into().ok()?)),
        Type::INT8 => Value::from(i64::from_be_bytes(raw.try_into().ok()?)),
        Type::OID => Value::from(u32::from_be_bytes(raw.try_into().ok()?)),
        Type::FLOAT4 => float(f32::from_be_bytes(raw.try_into().ok()?).into())?,
        Type::FLOAT8 => float(f64::from_be_bytes(raw.try_into().ok()?))?,
        Type::NUMERIC => numeric::read(raw)?,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => moment(i64::from_be_bytes(raw.try_into().ok()?)),
        Type::JSON => serde_json::from_slice(raw).ok()?,
        // Behind the number of its form.
        Type::JSONB => serde_json::from_slice(raw.strip_prefix(&[1])?).ok()?,
        Type::UUID => Value::from(uuid::Uuid::from_slice(raw).ok()?.to_string()),
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN | Type::BYTEA | Type::CHAR => text(raw)?,
        // Padded to its length.
        Type::BPCHAR => text(raw.trim_ascii_end())?,
        _ if of.name() == "citext" || matches!(of.kind(), Kind::Enum(_)) => text(raw)?,
        _ => return None,
    })
}

fn text(raw: &[u8]) -> Option<Value> {
    std::str::from_utf8(raw).ok().map(Value::from)
}

/// A float that is whole is a whole number.
fn float(number: f64) -> Option<Value> {
    let text = number.to_string();
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| serde_json::Number::from_f64(number).map(Value::Number))
}

/// Seconds; a time that never comes is none.
fn moment(micros: i64) -> Value {
    match micros {
        i64::MAX => Value::Null,
        micros => seconds(micros.div_euclid(MICROS) + EPOCH),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio_postgres::types::Type;

    use super::{Cell, read};

    fn cell(of: &Type, raw: &[u8]) -> Result<Value, String> {
        read(of, Some(Cell(raw)))
    }

    #[test]
    fn every_type_that_a_user_may_be_kept_in_is_read() {
        assert_eq!(read(&Type::TEXT, None).unwrap(), Value::Null);
        assert_eq!(cell(&Type::BOOL, &[1]).unwrap(), json!(true));
        assert_eq!(cell(&Type::INT2, &[0, 1]).unwrap(), json!(1));
        assert_eq!(cell(&Type::INT4, &(-5_i32).to_be_bytes()).unwrap(), json!(-5));
        assert_eq!(cell(&Type::INT8, &7_i64.to_be_bytes()).unwrap(), json!(7));
        assert_eq!(cell(&Type::FLOAT8, &2.0_f64.to_be_bytes()).unwrap(), json!(2));
        assert_eq!(cell(&Type::FLOAT4, &0.5_f32.to_be_bytes()).unwrap(), json!(0.5));
        assert_eq!(cell(&Type::BYTEA, b"abc").unwrap(), json!("abc"));
        assert_eq!(cell(&Type::BPCHAR, b"abc  ").unwrap(), json!("abc"));
        assert_eq!(cell(&Type::JSON, br#"{"a":1}"#).unwrap(), json!({"a": 1}));
        assert_eq!(cell(&Type::JSONB, b"\x01[1]").unwrap(), json!([1]));
        assert_eq!(
            cell(&Type::TIMESTAMPTZ, &0_i64.to_be_bytes()).unwrap(),
            json!(946_684_800)
        );
        assert_eq!(
            cell(&Type::TIMESTAMP, &(-1_i64).to_be_bytes()).unwrap(),
            json!(946_684_799)
        );
        assert_eq!(cell(&Type::TIMESTAMP, &i64::MAX.to_be_bytes()).unwrap(), Value::Null);
        assert_eq!(cell(&Type::TIMESTAMP, &i64::MIN.to_be_bytes()).unwrap(), json!(0));
        assert_eq!(
            cell(&Type::UUID, &[0; 16]).unwrap(),
            json!("00000000-0000-0000-0000-000000000000")
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_and_names_its_type() {
        for (of, raw) in [
            (Type::BYTEA, &b"\xff"[..]),
            (Type::INT4, &b"1"[..]),
            (Type::BOOL, &b""[..]),
            (Type::JSONB, &b"\x02{}"[..]),
            (Type::JSON, &b"{"[..]),
            (Type::FLOAT8, &f64::NAN.to_be_bytes()[..]),
            (Type::INET, &b"\x02\x20\x00\x04\x7f\x00\x00\x01"[..]),
            (Type::TEXT_ARRAY, &b""[..]),
        ] {
            let why = cell(&of, raw).unwrap_err();
            assert!(why.contains(of.name()), "{why}");
        }
    }
}
