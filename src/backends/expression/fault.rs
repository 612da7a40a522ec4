//! What is wrong with an expression, and where.

use std::fmt;

/// A place in an expression, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    /// In characters.
    pub(super) column: usize,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backends) struct Fault {
    place: Option<Place>,
    why: String,
}

impl Fault {
    /// Something at a place.
    pub(super) fn at(place: Place, why: impl Into<String>) -> Self {
        Self {
            place: Some(place),
            why: why.into(),
        }
    }

    /// Something that has no place.
    pub(super) fn whole(why: impl Into<String>) -> Self {
        Self {
            place: None,
            why: why.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(Place { line, column }) => write!(f, "line {line}, column {column}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}
