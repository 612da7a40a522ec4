//! Durations as people write them: `5s`, `250ms`, `1m30s`.

use std::time::Duration;

/// From large to small, which is also the order in which they may be combined. In nanoseconds.
const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1000),
];

/// Reads `5s`, `250ms`, `1.5s`, `1h`, `1m30s` or `1m 30s`: numbers with units from large to small, each unit at most once.
/// An error says what is wrong, to be put behind the name of the field.
pub fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut nanos = 0_u64;
    loop {
        let (number, after) = split_while(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split_while(after, |c| c.is_ascii_alphabetic());
        let at = units.iter().position(|(name, _)| *name == unit);
        let (Some(&(_, size)), Some(smaller)) =
            (at.and_then(|at| units.get(at)), at.and_then(|at| units.get(at + 1..)))
        else {
            return Err(no_duration(text));
        };
        let part = amount(number, size, text)?;
        nanos = nanos.checked_add(part).ok_or_else(|| too_long(text))?;
        if after.is_empty() {
            return Ok(Duration::from_nanos(nanos));
        }
        rest = after.strip_prefix(' ').unwrap_or(after);
        units = smaller;
    }
}

/// A number of units in nanoseconds. What is finer than a nanosecond is cut off.
fn amount(number: &str, size: u64, text: &str) -> Result<u64, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(no_duration(text));
    }
    // Only digits are left, so what does not parse is too large.
    let whole: u64 = whole.parse().map_err(|_| too_long(text))?;
    let mut nanos = whole.checked_mul(size).ok_or_else(|| too_long(text))?;
    let mut place = size;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos
            .checked_add(u64::from(digit - b'0') * place)
            .ok_or_else(|| too_long(text))?;
    }
    Ok(nanos)
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn no_duration(text: &str) -> String {
    format!("must be a duration such as `5s`, `250ms`, `1m30s` or `1h`, not `{text}`")
}

fn too_long(text: &str) -> String {
    let years = u64::MAX / (365 * 86_400_000_000_000);
    format!("is longer than {years} years, the longest that can be counted: `{text}`")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::duration;

    #[test]
    fn numbers_with_units_are_added_up() {
        for (text, millis) in [
            ("5s", 5000),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("1h", 3_600_000),
            ("2d1h", 176_400_000),
            ("1h0m0s5ms", 3_600_005),
            ("0s", 0),
            ("0.250s", 250),
            ("1.5m", 90_000),
            ("000000000000000000000000005s", 5000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("350us"), Ok(Duration::from_micros(350)));
        assert_eq!(duration("0.1us"), Ok(Duration::from_nanos(100)));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in [
            "", " ", "5", "s", "soon", "-5s", "+5s", "5 s", "5s ", " 5s", "5S", "1m  30s", "1s1m", "5s5s", "1.s",
            ".5s", "1.2.3s", "5sec", "1e3s", "٣s", "5s\0",
        ] {
            let why = duration(text).expect_err(text);
            assert!(why.starts_with("must be a duration such as `5s`"), "{text}: {why}");
        }
    }

    #[test]
    fn what_is_too_long_is_told_the_limit() {
        for text in ["213504d", "99999999999999999999s", "213503d99999999999s"] {
            let why = duration(text).expect_err(text);
            assert!(why.contains("584 years"), "{text}: {why}");
        }
        assert!(duration("213503d").is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9dhmsu. -]{0,40}|.{0,20}") {
            let _ = duration(&text);
        }

        #[test]
        fn every_count_of_milliseconds_comes_back(millis in 0_u64..10_000_000_000) {
            prop_assert_eq!(duration(&format!("{millis}ms")), Ok(Duration::from_millis(millis)));
            let split = format!("{}s{}ms", millis / 1000, millis % 1000);
            prop_assert_eq!(duration(&split), Ok(Duration::from_millis(millis)));
        }
    }
}
