//! `PORTCULLIS__ROOM__KEY` variables, laid over the file.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::keys::{Problem, suggestion};

/// What each variable of ours begins with, and what parts the names in it.
const PREFIX: &str = "PORTCULLIS__";
const SEPARATOR: &str = "__";

/// Which variable gave which key.
pub(super) type Origins = BTreeMap<String, String>;

/// Lays the variables over `table`. `shape`, the serialised defaults, says what there is and what is text.
pub(super) fn overlay(
    table: &mut Table,
    shape: &Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> (Origins, Vec<Problem>) {
    let (mut origins, mut problems) = (Origins::new(), Vec::new());
    for (variable, raw) in variables {
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let path: Vec<String> = rest.split(SEPARATOR).map(str::to_ascii_lowercase).collect();
        let key = path.join(".");
        match kind(shape, &path).and_then(|kind| put(table, &path, value(&raw, kind))) {
            Ok(()) => {}
            Err(why) => problems.push(Problem::new(key.clone(), why)),
        }
        origins.insert(key, variable);
    }
    (origins, problems)
}

/// The default value at a path, as an example of what belongs there.
fn kind<'a>(shape: &'a Table, path: &[String]) -> Result<&'a Value, String> {
    static TEXT: Value = Value::String(String::new());
    let mut table = shape;
    let mut names = path.iter().peekable();
    while let Some(name) = names.next() {
        // A table that is empty by default is a map from names to text.
        if table.is_empty() && names.peek().is_none() {
            return Ok(&TEXT);
        }
        match table.get(name) {
            None => return Err(suggestion(name, table)),
            Some(Value::Table(inner)) => table = inner,
            Some(value) if names.peek().is_none() => return Ok(value),
            Some(_) => return Err(format!("`{name}` is a value and has no keys below it")),
        }
    }
    Err("is a table: name one of its keys".into())
}

/// Text is taken as it is; everything else as TOML, and what is no TOML is left to the type check to complain about.
fn value(raw: &str, kind: &Value) -> Value {
    if kind.is_str() {
        return Value::String(raw.to_owned());
    }
    let parsed = toml::from_str::<Table>(&format!("value = {raw}")).ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(raw.to_owned()))
}

fn put(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((last, above)) = path.split_last() else {
        return Ok(());
    };
    let mut table = table;
    for name in above {
        let inner = table.entry(name.clone()).or_insert_with(|| Value::Table(Table::new()));
        table = inner
            .as_table_mut()
            .ok_or_else(|| format!("`{name}` must be a table in the file"))?;
    }
    table.insert(last.clone(), value);
    Ok(())
}
