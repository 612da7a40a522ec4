//! Functions of texts. A place or a length counts characters.

use super::call::{Answer, Call};
use crate::backends::expression::trouble::Trouble;
use crate::backends::expression::value::Value;

pub(super) fn lower<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    call.give(call.text(0)?.to_lowercase())
}

pub(super) fn upper<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    call.give(call.text(0)?.to_uppercase())
}

pub(super) fn reverse<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    call.give(call.text(0)?.chars().rev().collect::<String>())
}

pub(super) fn strlen<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    Ok(count(call.text(0)?.chars().count()))
}

/// `substr(text, start)` or `substr(text, start, length)`, from 0.
pub(super) fn substr<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let rest = call.text(0)?.chars().skip(call.size(1)?);
    let length = if call.values.len() > 2 {
        call.size(2)?
    } else {
        usize::MAX
    };
    call.give(rest.take(length).collect::<String>())
}

pub(super) fn concat<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let mut made = String::new();
    for value in call.values {
        match value {
            Value::List(items) => {
                for item in items {
                    made.push_str(&item.to_text()?);
                }
            }
            plain => made.push_str(&plain.to_text()?),
        }
    }
    call.give(made)
}

/// `replace(text, what, with)`: all, or with a fourth argument only the `leading` or the `trailing` one.
pub(super) fn replace<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let (text, what, with) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let option = call.option(3)?.unwrap_or("all");
    if what.is_empty() {
        return call.give(text);
    }
    let around = match option {
        "all" => {
            // Before it is made: what is replaced by more grows.
            let times = text.matches(what).count();
            let bytes = text.len() - times * what.len() + times.saturating_mul(with.len());
            call.budget.spend_text(bytes)?;
            return call.give(text.replace(what, with));
        }
        "leading" => text.split_once(what),
        "trailing" => text.rsplit_once(what),
        _ => return Err(call.senseless("knows `all`, `leading` and `trailing`")),
    };
    match around {
        Some((before, after)) => call.give([before, with, after].concat()),
        None => call.give(text),
    }
}

/// From the first (or, `trailing`, the last) place where the second text stands to the end; empty if it does not.
pub(super) fn find<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let (text, what) = (call.text(0)?, call.text(1)?);
    let found = match call.option(2)?.unwrap_or("leading") {
        "leading" => text.find(what),
        "trailing" => text.rfind(what),
        _ => return Err(call.senseless("knows `leading` and `trailing`")),
    };
    call.give(found.and_then(|at| text.get(at..)).unwrap_or_default())
}

pub(super) fn ascii<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let first = call.text(0)?.bytes().next();
    first
        .map(|byte| Value::Int(byte.into()))
        .ok_or_else(|| call.senseless("needs a text that is not empty"))
}

/// Also CEL's `string`.
pub(super) fn any_to_str<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    call.give(call.any_text(0)?)
}

/// `true` and `false`, as truth values or as words.
pub(super) fn not<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    match call.value(0)? {
        Value::Bool(value) => Ok(Value::Bool(!value)),
        Value::Text(text) if text == "true" => Ok(Value::text("false")),
        Value::Text(text) if text == "false" => Ok(Value::text("true")),
        other => Err(call.unfit(0, "true or false", other)),
    }
}

/// Reads escapes: `\n`, `\t`, `\x41`…
pub(super) fn unescape<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let mut made = String::new();
    let mut rest = call.text(0)?;
    while let Some((before, escaped)) = rest.split_once('\\') {
        made.push_str(before);
        let (c, after) = unescaped(escaped).ok_or_else(|| call.senseless("found an escape that it does not know"))?;
        made.push(c);
        rest = after;
    }
    made.push_str(rest);
    call.give(made)
}

/// The character that is meant by what stands behind a backslash, and what follows it.
fn unescaped(text: &str) -> Option<(char, &str)> {
    let escape = text.chars().next()?;
    let after = text.get(escape.len_utf8()..)?;
    let c = match escape {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        'a' => '\u{7}',
        '\\' | '\'' | '"' | '?' => escape,
        'x' => {
            let end = after.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len());
            let (digits, after) = after.split_at(end);
            return Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, after));
        }
        _ => return None,
    };
    Some((c, after))
}

pub(super) fn starts_with<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    Ok(call.text(0)?.starts_with(call.text(1)?).into())
}

pub(super) fn ends_with<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    Ok(call.text(0)?.ends_with(call.text(1)?).into())
}

pub(super) fn contains<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    Ok(call.text(0)?.contains(call.text(1)?).into())
}

/// CEL's `size`: characters, items or entries.
pub(super) fn size<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    match call.value(0)? {
        Value::Text(text) => Ok(count(text.chars().count())),
        Value::List(items) => Ok(count(items.len())),
        Value::Attributes(attributes) => Ok(count(attributes.len())),
        other => Err(call.unfit(0, "a text, a list or a map", other)),
    }
}

/// CEL's `int`: a number without its fraction, or the number that a text writes.
pub(super) fn int<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let unreadable = || call.senseless("needs a whole number");
    match call.value(0)? {
        Value::Int(value) => Ok(Value::Int(*value)),
        Value::Double(value) => whole(*value).map(Value::Int).ok_or_else(unreadable),
        Value::Text(text) => text.parse().map(Value::Int).map_err(|_| unreadable()),
        other => Err(call.unfit(0, "a number or a text", other)),
    }
}

/// CEL's `double`.
pub(super) fn double<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    match call.value(0)? {
        Value::Int(value) => Ok(Value::Double(*value as f64)),
        Value::Double(value) => Ok(Value::Double(*value)),
        Value::Text(text) => text
            .parse()
            .map(Value::Double)
            .map_err(|_| call.senseless("needs a number")),
        other => Err(call.unfit(0, "a number or a text", other)),
    }
}

/// CEL's `bool`.
pub(super) fn bool<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    match call.text(0)? {
        "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
        _ => Err(call.senseless("needs true or false")),
    }
}

fn whole(value: f64) -> Option<i64> {
    // The ends of the range as floating point numbers lie outside of it.
    (value > i64::MIN as f64 && value < i64::MAX as f64).then_some(value as i64)
}

/// A length as a value.
pub(super) fn count<'a>(length: usize) -> Value<'a> {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

/// A number that may be written as a text.
pub(super) fn number_or_text(call: &Call<'_, '_>, index: usize) -> Result<i64, Trouble> {
    match call.value(index)? {
        Value::Text(text) => text
            .parse()
            .map_err(|_| call.senseless(format!("needs a number as argument {}", index + 1))),
        _ => call.integer(index),
    }
}
