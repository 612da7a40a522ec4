//! How much one evaluation may do: counted in steps and bytes, not by a clock, so that the same login ends the same way everywhere.

use std::cell::Cell;

use super::trouble::Trouble;

/// Nodes evaluated plus bytes looked at or made. Typical expressions take some hundreds; all of it takes some milliseconds.
pub(super) const MOST_STEPS: usize = 1_000_000;
/// Bytes of one text that an expression makes.
pub(super) const LONGEST_VALUE: usize = 64 << 10;
/// Items of one list.
pub(super) const MOST_ITEMS: usize = 1024;

/// What is left for one evaluation.
pub(in crate::backends) struct Budget(Cell<usize>);

impl Budget {
    pub(in crate::backends) fn new() -> Self {
        Self(Cell::new(MOST_STEPS))
    }

    /// Takes so many steps, before they are made.
    pub(super) fn spend(&self, steps: usize) -> Result<(), Trouble> {
        let left = self.0.get().checked_sub(steps).ok_or_else(|| {
            self.0.set(0);
            Trouble::TooMuch(format!("it takes more than {MOST_STEPS} steps"))
        })?;
        self.0.set(left);
        Ok(())
    }

    /// Takes the steps for a text of so many bytes that is about to be made.
    pub(super) fn spend_text(&self, bytes: usize) -> Result<(), Trouble> {
        if bytes > LONGEST_VALUE {
            return Err(Trouble::TooMuch(format!(
                "a text would have more than {LONGEST_VALUE} bytes"
            )));
        }
        self.spend(bytes)
    }

    /// Takes the steps for a list of so many items that is about to be made.
    pub(super) fn spend_list(&self, items: usize) -> Result<(), Trouble> {
        if items > MOST_ITEMS {
            return Err(Trouble::TooMuch(format!(
                "a list would have more than {MOST_ITEMS} items"
            )));
        }
        self.spend(items)
    }

    /// Takes the step for one more item behind so many.
    pub(super) fn spend_item(&self, items: usize) -> Result<(), Trouble> {
        if items >= MOST_ITEMS {
            return self.spend_list(items + 1);
        }
        self.spend(1)
    }

    #[cfg(test)]
    pub(super) fn spent(&self) -> usize {
        MOST_STEPS - self.0.get()
    }
}
