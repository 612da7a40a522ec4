//! Functions of MQTT topics.

use super::call::{Answer, Call};
use crate::backends::expression::value::Value;

/// Whether a topic is one of those that a filter with `+` and `#` means.
pub(super) fn topic_match<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    Ok(matches(&call.any_text(0)?, &call.any_text(1)?).into())
}

fn matches(topic: &str, filter: &str) -> bool {
    // A wildcard at the front does not reach into the server's own topics.
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut words, mut patterns) = (topic.split('/'), filter.split('/'));
    loop {
        match (words.next(), patterns.next()) {
            (_, Some("#")) | (None, None) => return true,
            (Some(_), Some("+")) => {}
            (Some(word), Some(pattern)) if word == pattern => {}
            _ => return false,
        }
    }
}

/// The levels of a topic.
pub(super) fn topic_split<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    call.give_list(call.any_text(0)?.split('/'))
}

/// `topic_join(levels)`, or `topic_join(parent, level)`.
pub(super) fn topic_join<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    if call.values.len() == 1 {
        let levels = call
            .list(0)?
            .iter()
            .map(Value::to_text)
            .collect::<Result<Vec<_>, _>>()?;
        return call.give(levels.join("/"));
    }
    let (parent, level) = (call.any_text(0)?, call.any_text(1)?);
    match &*parent {
        "" => Err(call.senseless("needs a parent that is not empty")),
        parent if parent.ends_with('/') => call.give([parent, &level].concat()),
        parent => call.give([parent, "/", &level].concat()),
    }
}
