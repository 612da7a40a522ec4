//! Functions that take something off the ends of a text, or put something there.

use super::call::{Answer, Call};
use crate::backends::expression::budget::LONGEST_VALUE;
use crate::backends::expression::trouble::Trouble;

pub(super) fn trim<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let is_trimmed = trimmed(call)?;
    call.give(call.text(0)?.trim_matches(is_trimmed))
}

pub(super) fn ltrim<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let is_trimmed = trimmed(call)?;
    call.give(call.text(0)?.trim_start_matches(is_trimmed))
}

pub(super) fn rtrim<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let is_trimmed = trimmed(call)?;
    call.give(call.text(0)?.trim_end_matches(is_trimmed))
}

/// White space, unless the call names characters.
fn trimmed<'c>(call: &Call<'c, '_>) -> Result<impl Fn(char) -> bool + use<'c>, Trouble> {
    let named = call.option(1)?;
    // Each character of the text may be looked for among all of them.
    call.budget
        .spend(call.text(0)?.len().saturating_mul(named.map_or(0, str::len)))?;
    Ok(move |c: char| named.map_or_else(|| c.is_whitespace(), |named| named.contains(c)))
}

pub(super) fn rm_prefix<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let text = call.text(0)?;
    call.give(text.strip_prefix(call.text(1)?).unwrap_or(text))
}

/// `pad(text, length)`, and optionally `trailing`, `leading` or `both`, and optionally with what.
pub(super) fn pad<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let text = call.text(0)?;
    let missing = call.size(1)?.saturating_sub(text.chars().count());
    let filling = call.option(3)?.unwrap_or(" ");
    let before = match call.option(2)?.unwrap_or("trailing") {
        "trailing" => 0,
        "leading" => missing,
        "both" => missing / 2,
        _ => return Err(call.senseless("knows `trailing`, `leading` and `both`")),
    };
    // Repeating is what makes much of little, so it is paid before.
    let bytes = missing.saturating_mul(filling.len()).saturating_add(text.len());
    call.budget.spend_text(bytes.min(LONGEST_VALUE + 1))?;
    call.give([&filling.repeat(before), text, &filling.repeat(missing - before)].concat())
}
