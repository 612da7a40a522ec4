//! Points in time in claims: `exp`, `nbf` and `iat` as issuers write them, which is not always as the RFC has it.

use serde_json::Value;

/// The last second of the year 9999. A later one is a mistake, mostly milliseconds where seconds belong, and would let a token
/// live for ever.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// Digits of a numeric text; more than any point in time has.
const LONGEST_TEXT: usize = 32;

/// Milliseconds since the epoch; negative before it. `None` if the value is no point in time: that is never taken for an absent one.
pub(super) fn read(value: &Value) -> Option<i64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) if is_numeric(text) => text.parse().ok()?,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be within what i64 holds by far"
    )]
    (-LAST_SECOND..=LAST_SECOND)
        .contains(&seconds)
        .then_some((seconds * 1000.0).floor() as i64)
}

/// Digits, with a sign or a fraction at most: what `parse` takes beside (`1e9`, `inf`, `+1`) is nonsense in a token.
fn is_numeric(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    text.len() <= LONGEST_TEXT && digits(whole) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn whole_broken_and_written_numbers_are_points_in_time() {
        for (value, millis) in [
            (json!(1_700_000_000), 1_700_000_000_000),
            (json!(1_700_000_000.25), 1_700_000_000_250),
            (json!("1700000000"), 1_700_000_000_000),
            (json!("1700000000.5"), 1_700_000_000_500),
            (json!(0), 0),
            (json!(-5), -5000),
            (json!("-5"), -5000),
            (json!(253_402_300_799_u64), 253_402_300_799_000),
        ] {
            assert_eq!(read(&value), Some(millis), "{value}");
        }
    }

    #[test]
    fn nonsense_is_no_point_in_time() {
        for value in [
            json!(null),
            json!(true),
            json!([1_700_000_000]),
            json!({"at": 1}),
            json!(""),
            json!("soon"),
            json!("1e9"),
            json!("inf"),
            json!("NaN"),
            json!("+1"),
            json!(" 1"),
            json!("1."),
            json!(".5"),
            json!("0x10"),
            json!("-"),
            json!("1_000"),
            json!("2024-01-01T00:00:00Z"),
            json!(1_700_000_000_000_u64),
            json!(9_223_372_036_854_775_808_u64),
            json!(1e300),
            json!("1".repeat(40)),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
    }
}
