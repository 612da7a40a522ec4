//! What stands in a row, as JSON, whether it came as text or not.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mysql_async::Value as Cell;
use mysql_async::consts::ColumnType;
use serde_json::Value;

use crate::backends::sql::seconds;

/// Reads a value; an error goes on "the column …".
pub(super) fn read(of: ColumnType, cell: Cell) -> Result<Value, String> {
    let value = match cell {
        Cell::NULL => Some(Value::Null),
        Cell::Int(number) => Some(Value::from(number)),
        Cell::UInt(number) => Some(Value::from(number)),
        Cell::Float(number) => float(number.into()),
        Cell::Double(number) => float(number),
        Cell::Bytes(bytes) => from_bytes(of, &bytes),
        Cell::Date(year, month, day, hour, minute, second, _) => {
            let date = |part: u8| i8::try_from(part).ok();
            let moment = || {
                let year = i16::try_from(year).ok()?;
                let (month, day, hour) = (date(month)?, date(day)?, date(hour)?);
                DateTime::new(year, month, day, hour, date(minute)?, date(second)?, 0).ok()
            };
            moment().and_then(in_seconds)
        }
        Cell::Time(..) => None,
    };
    value.ok_or_else(|| format!("of type {of:?} holds what cannot be read"))
}

fn from_bytes(of: ColumnType, bytes: &[u8]) -> Option<Value> {
    if of == ColumnType::MYSQL_TYPE_BIT {
        let bits = bytes.iter().try_fold(0_u64, |bits, byte| {
            bits.checked_mul(256).map(|bits| bits | u64::from(*byte))
        });
        return bits.map(Value::from);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    match of {
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_INT24
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_LONGLONG
        | ColumnType::MYSQL_TYPE_YEAR => whole(text),
        ColumnType::MYSQL_TYPE_FLOAT | ColumnType::MYSQL_TYPE_DOUBLE => float(text.parse().ok()?),
        ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => {
            let digits = match text.split_once('.') {
                Some((digits, behind)) if behind.bytes().all(|digit| digit == b'0') => digits,
                _ => text,
            };
            whole(digits).or_else(|| Some(Value::from(text)))
        }
        ColumnType::MYSQL_TYPE_TIMESTAMP
        | ColumnType::MYSQL_TYPE_TIMESTAMP2
        | ColumnType::MYSQL_TYPE_DATETIME
        | ColumnType::MYSQL_TYPE_DATETIME2
        | ColumnType::MYSQL_TYPE_DATE
        | ColumnType::MYSQL_TYPE_NEWDATE => in_seconds(text.parse().ok()?),
        ColumnType::MYSQL_TYPE_TIME | ColumnType::MYSQL_TYPE_TIME2 | ColumnType::MYSQL_TYPE_GEOMETRY => None,
        _ => Some(Value::from(text)),
    }
}

fn whole(text: &str) -> Option<Value> {
    let signed = text.parse::<i64>().ok().map(Value::from);
    signed.or_else(|| text.parse::<u64>().ok().map(Value::from))
}

/// A float that is whole is a whole number.
fn float(number: f64) -> Option<Value> {
    let text = number.to_string();
    whole(&text).or_else(|| serde_json::Number::from_f64(number).map(Value::Number))
}

/// The session's times are UTC.
fn in_seconds(moment: DateTime) -> Option<Value> {
    let moment = TimeZone::UTC.to_timestamp(moment).ok()?;
    Some(seconds(moment.as_second()))
}

#[cfg(test)]
mod tests {
    use mysql_async::Value as Cell;
    use mysql_async::consts::ColumnType::{
        self, MYSQL_TYPE_BIT, MYSQL_TYPE_BLOB, MYSQL_TYPE_DATETIME, MYSQL_TYPE_DOUBLE, MYSQL_TYPE_LONGLONG,
        MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_TIME, MYSQL_TYPE_TIMESTAMP, MYSQL_TYPE_TINY, MYSQL_TYPE_VAR_STRING,
    };
    use serde_json::{Value, json};

    use super::read;

    fn text(of: ColumnType, text: &[u8]) -> Result<Value, String> {
        read(of, Cell::Bytes(text.to_vec()))
    }

    #[test]
    fn every_type_that_a_user_may_be_kept_in_is_read() {
        assert_eq!(read(MYSQL_TYPE_TINY, Cell::NULL).unwrap(), Value::Null);
        assert_eq!(read(MYSQL_TYPE_TINY, Cell::Int(1)).unwrap(), json!(1));
        assert_eq!(text(MYSQL_TYPE_TINY, b"1").unwrap(), json!(1));
        assert_eq!(
            text(MYSQL_TYPE_LONGLONG, b"18446744073709551615").unwrap(),
            json!(u64::MAX)
        );
        assert_eq!(text(MYSQL_TYPE_BIT, b"\x01").unwrap(), json!(1));
        assert_eq!(text(MYSQL_TYPE_BIT, b"\x01\x00").unwrap(), json!(256));
        assert_eq!(text(MYSQL_TYPE_VAR_STRING, b"12").unwrap(), json!("12"));
        assert_eq!(text(MYSQL_TYPE_BLOB, b"abc").unwrap(), json!("abc"));
        assert_eq!(text(MYSQL_TYPE_NEWDECIMAL, b"1").unwrap(), json!(1));
        assert_eq!(
            text(MYSQL_TYPE_NEWDECIMAL, b"4102444800.00").unwrap(),
            json!(4_102_444_800_u64)
        );
        assert_eq!(text(MYSQL_TYPE_NEWDECIMAL, b"1.50").unwrap(), json!("1.50"));
        assert_eq!(read(MYSQL_TYPE_DOUBLE, Cell::Double(2.0)).unwrap(), json!(2));
        assert_eq!(text(MYSQL_TYPE_DOUBLE, b"0.5").unwrap(), json!(0.5));
        assert_eq!(
            read(MYSQL_TYPE_DATETIME, Cell::Date(2000, 1, 1, 0, 0, 1, 5)).unwrap(),
            json!(946_684_801)
        );
        assert_eq!(
            text(MYSQL_TYPE_TIMESTAMP, b"2000-01-01 00:00:00").unwrap(),
            json!(946_684_800)
        );
        assert_eq!(text(MYSQL_TYPE_DATETIME, b"1960-01-01 00:00:00.5").unwrap(), json!(0));
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_and_names_its_type() {
        for (of, cell) in [
            (MYSQL_TYPE_BLOB, Cell::Bytes(b"\xff".to_vec())),
            (MYSQL_TYPE_TINY, Cell::Bytes(b"x".to_vec())),
            (MYSQL_TYPE_DATETIME, Cell::Date(0, 0, 0, 0, 0, 0, 0)),
            (MYSQL_TYPE_TIMESTAMP, Cell::Bytes(b"0000-00-00 00:00:00".to_vec())),
            (MYSQL_TYPE_TIME, Cell::Time(false, 0, 1, 0, 0, 0)),
            (MYSQL_TYPE_BIT, Cell::Bytes(vec![1; 9])),
        ] {
            assert!(read(of, cell).unwrap_err().contains("MYSQL_TYPE"));
        }
    }
}
