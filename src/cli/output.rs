//! Standard output and standard error: tables for people, the protocol's JSON mapping for programs.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::args::Output;

/// What stands where there is nothing to show.
const NOTHING: &str = "-";

/// Prints text and a line end. Not `println!`, which panics when the reader has gone.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out
        .write_all(text.trim_end().as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    match written {
        // `portcullis … | head` has read what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Prints an answer as JSON, or as what `table` makes of it.
pub(super) fn show<M: Serialize>(output: Output, message: &M, table: impl FnOnce(&M) -> String) -> anyhow::Result<()> {
    match output {
        Output::Json => print_json(message),
        Output::Table => print(&table(message)),
    }
}

/// Prints a message in the protocol's JSON mapping.
pub(super) fn print_json<M: Serialize>(message: &M) -> anyhow::Result<()> {
    print(&json(message)?)
}

fn json<M: Serialize>(message: &M) -> anyhow::Result<String> {
    const UNREADABLE: &str = "cannot put the answer into JSON";
    let mut value = serde_json::to_value(message).context(UNREADABLE)?;
    settle_below(&mut value);
    serde_json::to_string_pretty(&value).context(UNREADABLE)
}

/// Fields of type `google.protobuf.Struct`: maps without an order, of numbers that are all floating.
const STRUCTS: [&str; 2] = ["settings", "settingsSchema"];

fn settle_below(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if STRUCTS.contains(&name.as_str()) {
                    settle(field);
                } else {
                    settle_below(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle_below),
        _ => {}
    }
}

/// The same object, printed the same each time: sorted by name, whole numbers without a fraction.
pub(super) fn settle(value: &mut Value) {
    value.sort_all_objects();
    make_whole(value);
}

fn make_whole(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Number(number) => {
            let whole = number
                .as_f64()
                .filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
            if let Some(whole) = whole.and_then(|number| format!("{number}").parse::<i64>().ok()) {
                *number = whole.into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Says on standard error what went wrong.
pub(super) fn complain(text: &str) {
    note(&format!("error: {text}"));
}

/// Says something on standard error that is not the answer. There is nobody to tell if that fails.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Says what is allowed but unwise, beside the answer.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        note(&format!("warning: {warning}"));
    }
}

/// A table: framed on a terminal, plain columns for everything else.
pub(super) fn table<R: IntoIterator<Item = String>>(
    header: impl IntoIterator<Item = impl Into<Cell>>,
    rows: impl IntoIterator<Item = R>,
) -> String {
    let mut table = styled();
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<Cell>>());
    for row in rows {
        table.add_row(row.into_iter().map(|cell| shown(&cell)));
    }
    table.trim_fmt()
}

/// One object: a line for each of its fields.
pub(super) fn fields<const N: usize>(fields: [(&str, String); N]) -> String {
    let mut table = styled();
    for (name, value) in fields {
        table.add_row([name.to_owned(), shown(&value)]);
    }
    table.trim_fmt()
}

fn styled() -> Table {
    let mut table = Table::new();
    if io::stdout().is_terminal() {
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_style(presets::NOTHING);
    }
    table
}

/// A cell as it may be shown: a user's name must not be able to steer the operator's terminal.
fn shown(text: &str) -> String {
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    text.chars()
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect()
}

/// `yes` or `no`.
pub(super) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// A moment, in UTC.
pub(super) fn moment(at: Option<&pbjson_types::Timestamp>) -> String {
    at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok())
        .map_or_else(String::new, |at| format!("{at:.0}"))
}

/// A span as a person would say it: `350us`, `12ms`, `4.2s`, `3h 5m`.
pub(super) fn span(span: Option<&pbjson_types::Duration>) -> String {
    span.and_then(|span| Duration::try_from(*span).ok())
        .map_or_else(String::new, humane)
}

fn humane(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_micros() < 1000 => format!("{}us", span.as_micros()),
        0 => format!("{}ms", span.as_millis()),
        1..60 => format!("{:.1}s", span.as_secs_f64()),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A size as a person would say it.
pub(super) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// `key=value` pairs, as they are typed.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    pairs
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let table = table(["user"], [["\u{1b}[2Jann\n".to_owned()]]);
        assert!(!table.contains('\u{1b}'));
        assert!(table.contains("[2Jann"));
    }

    #[test]
    fn settings_are_printed_the_same_each_time_and_their_whole_numbers_whole() {
        let message = serde_json::json!({
            "id": "x",
            "authenticators": [{ "settings": { "b": { "rounds": 10.0, "ratio": 0.5 }, "a": -3.0 }, "enabled": true }],
        });
        let printed: String = json(&message).unwrap().split_whitespace().collect();
        assert_eq!(
            printed,
            r#"{"id":"x","authenticators":[{"settings":{"a":-3,"b":{"ratio":0.5,"rounds":10}},"enabled":true}]}"#
        );
    }

    #[test]
    fn a_table_that_is_not_on_a_terminal_has_no_frame() {
        assert_eq!(
            fields([("node", "1".into()), ("role", String::new())]).lines().count(),
            2
        );
        assert!(!fields([("node", "1".into())]).contains('│'));
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        for (millis, said) in [
            (12, "12ms"),
            (4200, "4.2s"),
            (90_000, "1m 30s"),
            (11_100_000, "3h 5m"),
            (90_000_000, "1d 1h"),
        ] {
            assert_eq!(humane(Duration::from_millis(millis)), said);
        }
        assert_eq!(humane(Duration::from_micros(350)), "350us");
    }
}
