//! Keys that do not exist, with the one that was probably meant; and where in the file a key stands.

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::words::nearest;

/// Something wrong: which key, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Dotted path of the key.
    pub(super) key: String,
    /// What is wrong and what would be right.
    pub(super) why: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            why: why.into(),
        }
    }
}

/// Every key of `given` that `shape`, the serialised defaults, does not have.
pub(super) fn unknown(given: &Table, shape: &Table) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(given, shape, "", &mut problems);
    problems
}

fn walk(given: &Table, shape: &Table, below: &str, problems: &mut Vec<Problem>) {
    // A table that is empty by default is a map whose keys the user chooses.
    if shape.is_empty() {
        return;
    }
    for (name, value) in given {
        let path = join(below, name);
        match (shape.get(name), value) {
            (None, _) => problems.push(Problem::new(path, suggestion(name, shape))),
            (Some(Value::Table(inner_shape)), Value::Table(inner)) => walk(inner, inner_shape, &path, problems),
            (Some(_), _) => {}
        }
    }
}

fn join(below: &str, name: &str) -> String {
    if below.is_empty() {
        name.to_owned()
    } else {
        format!("{below}.{name}")
    }
}

/// What to say of a key that is not in this table.
pub(super) fn suggestion(name: &str, table: &Table) -> String {
    let known: Vec<&str> = table.keys().map(String::as_str).collect();
    let list = known.join(", ");
    match nearest(name, &known) {
        Some(near) => format!("there is no such key; did you mean `{near}`? (here: {list})"),
        None => format!("there is no such key (here: {list})"),
    }
}

/// The line of a key, or of the nearest table above it that the file has.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut found = None;
    for segment in key.split('.') {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == segment) else {
            break;
        };
        found = Some(line_at(text, name.span().start));
        let DeValue::Table(inner) = value.get_ref() else { break };
        table = inner;
    }
    found
}

/// Lines count from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_on_its_line() {
        let text = "[node]\nid = 1\n\n[api]\nlisten = 'x'\n";
        assert_eq!(line_of(text, "api.listen"), Some(5));
        assert_eq!(line_of(text, "api.advertise"), Some(4));
        assert_eq!(line_of(text, "raft.heartbeat_ms"), None);
    }
}
