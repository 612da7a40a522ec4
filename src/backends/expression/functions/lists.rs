//! Functions that make lists of texts, or something of lists.

use super::call::{Answer, Call};
use super::texts::number_or_text;
use crate::backends::expression::value::Value;

/// The item at a place, counted from 1; empty text past the end.
pub(super) fn nth<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let (place, items) = (number_or_text(call, 0)?, call.list(1)?);
    let index = usize::try_from(place)
        .ok()
        .and_then(|place| place.checked_sub(1))
        .ok_or_else(|| call.senseless("counts from 1"))?;
    let item = items.get(index).cloned().unwrap_or(Value::text(""));
    call.budget.spend(item.weight())?;
    Ok(item)
}

/// What stands between any of the separating characters; nothing that is empty. `nocrlf` takes line breaks for separators too.
pub(super) fn tokens<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let (text, separators) = (call.text(0)?, call.text(1)?);
    let breaks = match call.option(2)? {
        None => "",
        Some("nocrlf") => "\r\n",
        Some(_) => return Err(call.senseless("knows `nocrlf`")),
    };
    // Each character of the text may be looked for among all of them.
    call.budget.spend(text.len().saturating_mul(separators.len()))?;
    let parts = text.split(|c| separators.contains(c) || breaks.contains(c));
    call.give_list(parts.filter(|part| !part.is_empty()))
}

/// `split(text, separator)`: nothing that is empty. With `leading` or `trailing` only at the first or last one; `notrim`,
/// `leading_notrim` and `trailing_notrim` keep what is empty.
pub(super) fn split<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let (text, separator, option) = (call.text(0)?, call.text(1)?, call.option(2)?.unwrap_or("trim"));
    let keeps_empty = option.ends_with("notrim");
    let kept = |part: &&str| keeps_empty || !part.is_empty();
    let once = match option {
        "trim" | "notrim" if separator.is_empty() => None,
        "trim" | "notrim" => return call.give_list(text.split(separator).filter(kept)),
        "leading" | "leading_notrim" => text.split_once(separator),
        "trailing" | "trailing_notrim" => text.rsplit_once(separator),
        _ => {
            return Err(call.senseless("knows `notrim`, `leading`, `leading_notrim`, `trailing` and `trailing_notrim`"));
        }
    };
    match once.filter(|_| !separator.is_empty()) {
        Some((before, after)) => call.give_list([before, after].into_iter().filter(kept)),
        None => call.give_list([text].into_iter().filter(kept)),
    }
}

/// `join_to_string(list)` with a comma and a space, or `join_to_string(separator, list)`.
pub(super) fn join_to_string<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let (separator, items) = match call.values.len() {
        1 => (", ", call.list(0)?),
        _ => (call.text(0)?, call.list(1)?),
    };
    let texts = items.iter().map(Value::to_text).collect::<Result<Vec<_>, _>>()?;
    call.budget.spend_text(separator.len().saturating_mul(items.len()))?;
    call.give(texts.join(separator))
}

/// Whether a value is null, an empty text or an empty list.
pub(super) fn is_empty_val<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let value = call.value(0)?;
    let is_empty_list = matches!(value, Value::List(items) if items.is_empty());
    Ok((value.is_blank() || is_empty_list).into())
}
