//! Connections that wait for the next question.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A few connections of one kind. Whoever takes one gives it back only after a whole answer.
pub(super) struct Idle<T> {
    kept: Mutex<Vec<T>>,
    most: usize,
}

impl<T> Idle<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            kept: Mutex::new(Vec::new()),
            most,
        }
    }

    /// The one that was used last: it is the least likely to have ended meanwhile.
    pub(super) fn take(&self) -> Option<T> {
        self.kept().pop()
    }

    pub(super) fn keep(&self, connection: T) {
        let mut kept = self.kept();
        if kept.len() < self.most {
            kept.push(connection);
        }
    }

    /// Closes all of them.
    pub(super) fn clear(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, Vec<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
