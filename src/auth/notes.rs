//! What happens while an authenticator is asked, noted for an operator who wants a login explained.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::{Clock, Instant};

/// Notes of what happens on the way to a verdict, free of secrets. Of an ordinary login nobody wants any: then each costs a look at
/// an option, and what it would say is never made.
#[derive(Clone, Default)]
pub struct Notes(Option<Arc<Pad>>);

struct Pad {
    clock: Arc<dyn Clock>,
    /// In the order they begin. One that is not finished is empty.
    lines: Mutex<Vec<String>>,
}

/// Something that takes time. Dropped before its end, it was given up.
#[must_use]
pub struct Timing<'a>(Option<Running<'a>>);

struct Running<'a> {
    pad: &'a Pad,
    what: &'static str,
    line: usize,
    begun: Instant,
}

impl Notes {
    /// Notes that somebody wants to read.
    pub fn wanted(clock: Arc<dyn Clock>) -> Self {
        Self(Some(Arc::new(Pad {
            clock,
            lines: Mutex::default(),
        })))
    }

    /// Notes something.
    pub fn note(&self, what: impl FnOnce() -> String) {
        if let Some(pad) = &self.0 {
            let line = what();
            pad.lines().push(line);
        }
    }

    /// Notes how long something takes that begins now: `what`, and the time.
    pub fn time(&self, what: &'static str) -> Timing<'_> {
        Timing(self.0.as_deref().map(|pad| {
            let mut lines = pad.lines();
            lines.push(String::new());
            Running {
                pad,
                what,
                line: lines.len() - 1,
                begun: pad.clock.instant(),
            }
        }))
    }

    /// Adds what was noted to a detail of the verdict, and begins anew.
    pub fn added_to(&self, detail: String) -> String {
        let Some(pad) = &self.0 else { return detail };
        let noted = std::mem::take(&mut *pad.lines());
        let told = std::iter::once(detail).chain(noted).filter(|line| !line.is_empty());
        told.collect::<Vec<_>>().join("; ")
    }
}

impl Pad {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timing<'_> {
    /// It has come to its end.
    pub fn end(self) {
        let what = self.0.as_ref().map_or("", |running| running.what);
        self.end_as(|took| format!("{what} {took:.1?}"));
    }

    /// It has come to its end, and there is more to say of it than how long it took.
    pub fn end_as(mut self, say: impl FnOnce(Duration) -> String) {
        if let Some(running) = self.0.take() {
            running.end(say);
        }
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            let what = running.what;
            running.end(|took| format!("{what} {took:.1?}, and was given up"));
        }
    }
}

impl Running<'_> {
    fn end(self, say: impl FnOnce(Duration) -> String) {
        let told = say(self.pad.clock.instant().since(self.begun));
        if let Some(line) = self.pad.lines().get_mut(self.line) {
            *line = told;
        }
    }
}

/// They are for operators who ask for them, and not for the log.
impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "wanted" } else { "unwanted" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Notes;
    use crate::auth::TestClock;

    #[test]
    fn what_happens_is_told_in_the_order_it_begins_with_its_time() {
        let clock = Arc::new(TestClock::at(1000));
        let notes = Notes::wanted(clock.clone());
        let asking = notes.time("asked");
        clock.advance(Duration::from_millis(30));
        notes.note(|| "no row".to_owned());
        asking.end();
        let hashing = notes.time("hashed");
        clock.advance(Duration::from_millis(5));
        hashing.end_as(|took| format!("hashed {took:?} or so"));
        assert_eq!(
            notes.added_to("wrong".to_owned()),
            "wrong; asked 30.0ms; no row; hashed 5ms or so"
        );
        assert_eq!(notes.added_to(String::new()), "");
    }

    #[test]
    fn what_does_not_come_to_its_end_is_told_too() {
        let clock = Arc::new(TestClock::at(1000));
        let notes = Notes::wanted(clock.clone());
        let waiting = notes.time("waited for its turn");
        clock.advance(Duration::from_secs(2));
        drop(waiting);
        assert_eq!(
            notes.added_to(String::new()),
            "waited for its turn 2.0s, and was given up"
        );
    }

    #[test]
    fn notes_that_nobody_wants_are_not_made() {
        let notes = Notes::default();
        notes.note(|| panic!("nobody wants it"));
        notes.time("asked").end_as(|_| panic!("nobody wants it"));
        assert_eq!(notes.added_to("detail".to_owned()), "detail");
    }
}
