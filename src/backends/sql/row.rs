//! The one row that is read of an answer.

use serde_json::{Map, Value};

use crate::auth::{ProviderError, Reason};

/// Rows that are read and thrown away after the first, so that the connection can serve on. Of more than these nobody reads the rest.
pub(in crate::backends) const MOST_ROWS: usize = 16;

/// What a query answers, as far as it is read.
#[derive(Default)]
pub(in crate::backends) struct Rows {
    pub(in crate::backends) first: Option<Map<String, Value>>,
    /// How many were seen.
    pub(in crate::backends) seen: usize,
}

/// A row that is being read.
#[derive(Default)]
pub(in crate::backends) struct Row(Map<String, Value>);

impl Row {
    /// Adds a column. One that cannot be read makes the whole row unreadable.
    pub(in crate::backends) fn add(&mut self, name: &str, value: Result<Value, String>) -> Result<(), ProviderError> {
        let value = value.map_err(|why| nonsense(format!("the column `{name}` {why}")))?;
        match self.0.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(nonsense(format!("the query has two columns `{name}`"))),
        }
    }

    /// What it holds.
    pub(in crate::backends) fn fields(self) -> Map<String, Value> {
        self.0
    }
}

fn nonsense(why: String) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}

/// A moment as it is understood everywhere else; what lies before 1970 is over, and no more than that.
pub(in crate::backends) fn seconds(since_1970: i64) -> Value {
    Value::from(since_1970.max(0))
}
