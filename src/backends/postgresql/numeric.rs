//! PostgreSQL's `numeric` as it is sent: groups of four digits.

use serde_json::Value;

/// Signs.
const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0x0000;
/// Digits of a group.
const GROUP: usize = 4;
/// Digits before the point that are worth writing down.
const MOST_GROUPS: i16 = 100;

/// A whole number where it is one that JSON can hold, or else the text; `None` for what is no number.
pub(super) fn read(raw: &[u8]) -> Option<Value> {
    let mut shorts = raw
        .chunks_exact(2)
        .map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
    let mut next = || shorts.next().flatten();
    let (count, weight, sign, scale) = (next()?, next()?.cast_signed(), next()?, next()?);
    if !matches!(sign, NEGATIVE | POSITIVE) || !(-MOST_GROUPS..=MOST_GROUPS).contains(&weight) {
        return None;
    }
    let mut groups = Vec::new();
    for _ in 0..count {
        groups.push(next().filter(|group| *group < 10_000)?);
    }
    let group = |power: i16| {
        let place = usize::try_from(weight - power).ok();
        place.and_then(|place| groups.get(place)).copied().unwrap_or(0)
    };
    let mut whole: String = (0..=weight.max(0))
        .rev()
        .map(|power| format!("{:04}", group(power)))
        .collect();
    whole.drain(
        ..whole
            .bytes()
            .take_while(|digit| *digit == b'0')
            .count()
            .min(whole.len() - 1),
    );
    let scale = usize::from(scale.min(400));
    let groups_behind = i16::try_from(scale.div_ceil(GROUP)).ok()?;
    let mut behind: String = (1..=groups_behind)
        .map(|power| format!("{:04}", group(-power)))
        .collect();
    behind.truncate(scale);
    let behind = behind.trim_end_matches('0');
    let sign = if sign == NEGATIVE { "-" } else { "" };
    if !behind.is_empty() {
        return Some(Value::from(format!("{sign}{whole}.{behind}")));
    }
    let text = format!("{sign}{whole}");
    Some(
        text.parse::<i64>()
            .map_or_else(|_| Value::from(text.clone()), Value::from),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;

    fn numeric(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Option<Value> {
        let count = u16::try_from(groups.len()).unwrap();
        let head = [count, weight.cast_unsigned(), sign, scale];
        let raw: Vec<u8> = head
            .iter()
            .chain(groups)
            .flat_map(|short| short.to_be_bytes())
            .collect();
        read(&raw)
    }

    #[test]
    fn numbers_are_whole_where_they_are_and_else_their_text() {
        assert_eq!(numeric(0, 0, 0, &[]).unwrap(), json!(0));
        assert_eq!(numeric(0, 0, 0, &[1]).unwrap(), json!(1));
        assert_eq!(numeric(2, 0, 0, &[41, 244, 4800]).unwrap(), json!(4_102_444_800_u64));
        assert_eq!(numeric(1, 0, 2, &[12]).unwrap(), json!(120_000));
        assert_eq!(numeric(0, 0x4000, 0, &[7]).unwrap(), json!(-7));
        assert_eq!(numeric(0, 0, 2, &[1, 5000]).unwrap(), json!("1.5"));
        assert_eq!(numeric(-1, 0, 4, &[25]).unwrap(), json!("0.0025"));
        assert_eq!(numeric(0, 0x4000, 1, &[0, 5000]).unwrap(), json!("-0.5"));
        assert_eq!(numeric(5, 0, 0, &[1]).unwrap(), json!("100000000000000000000"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        assert!(numeric(0, 0xc000, 0, &[]).is_none(), "NaN");
        assert!(numeric(0, 0, 0, &[10_000]).is_none());
        assert!(numeric(30_000, 0, 0, &[1]).is_none());
        assert!(read(&[0, 1, 0]).is_none());
        assert!(read(&[0, 9, 0, 0, 0, 0, 0, 0]).is_none());
    }
}
