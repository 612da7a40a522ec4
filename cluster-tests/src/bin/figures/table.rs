//! The one table that is printed.

use std::fmt;

/// Rows as they are measured.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    ours: String,
    beside: String,
    ratio: String,
    aim: String,
}

impl Table {
    /// A figure beside its yardstick; the ratio is ours to the yardstick.
    pub(crate) fn compare(&mut self, what: &str, unit: &str, ours: f64, beside: f64, aim: &str) {
        self.push(Row {
            what: format!("{what} [{unit}]"),
            ours: shown(ours),
            beside: shown(beside),
            ratio: format!("{:.2}", ours / beside),
            aim: aim.into(),
        });
    }

    /// A figure by itself.
    pub(crate) fn state(&mut self, what: &str, unit: &str, ours: f64, aim: &str) {
        self.push(Row {
            what: format!("{what} [{unit}]"),
            ours: shown(ours),
            beside: String::new(),
            ratio: String::new(),
            aim: aim.into(),
        });
    }

    /// Told at once too: the whole takes minutes.
    fn push(&mut self, row: Row) {
        eprintln!("{row}");
        self.rows.push(row);
    }
}

fn shown(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            ours,
            beside,
            ratio,
            aim,
        } = self;
        write!(f, "{what:<58} {ours:>10} {beside:>10} {ratio:>6}  {aim}")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ("figure", "portcullis", "beside", "ratio", "aim");
        writeln!(
            f,
            "{:<58} {:>10} {:>10} {:>6}  {}",
            head.0, head.1, head.2, head.3, head.4
        )?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
