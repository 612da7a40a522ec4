//! Counts the rows as they are read: those that an earlier part of the import has settled are passed over.

use super::rows::{Fault, Fields, Line, Rules, Stop};
use crate::admin::error::AdminError;

/// Where the judged rows go.
pub(super) type Sink<'a> = dyn FnMut(Line) -> Result<(), Stop> + 'a;

/// Takes the rows of one file, in order.
pub(super) struct Intake<'a> {
    rules: Rules,
    resume_after: u64,
    rows: u64,
    sink: &'a mut Sink<'a>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(rules: Rules, resume_after: u64, sink: &'a mut Sink<'a>) -> Self {
        Self {
            rules,
            resume_after,
            rows: 0,
            sink,
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes one row. `read` takes it apart, or tells why it cannot and whose it is; only if it is still wanted.
    pub(super) fn row(
        &mut self,
        line: u64,
        read: impl FnOnce() -> Result<Fields, (String, Fault)>,
    ) -> Result<(), Stop> {
        self.rows += 1;
        if self.rows <= self.resume_after {
            return Ok(());
        }
        let judged = self.rules.judge(line, read())?;
        (self.sink)(judged)
    }

    /// After the last row: a file that ends before the point of resumption is another one.
    pub(super) fn end(self) -> Result<(), Stop> {
        if self.rows < self.resume_after {
            let why = format!("is {}, and the file has only {} rows", self.resume_after, self.rows);
            return Err(AdminError::invalid("resume_after_row", why).into());
        }
        Ok(())
    }
}
