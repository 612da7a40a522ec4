//! Field masks: which fields of an update count.

use crate::admin::{AdminError, Violation};

/// The fields that an update names; empty: those that are set.
#[derive(Debug)]
pub(crate) struct Mask<'a> {
    paths: &'a [String],
}

impl<'a> Mask<'a> {
    /// Refuses fields that cannot be updated, all at once.
    pub(crate) fn new(paths: &'a [String], known: &[&str]) -> Result<Self, AdminError> {
        let unknown = paths.iter().filter(|path| !known.contains(&path.as_str()));
        let violations: Vec<_> = unknown.map(|path| not_updatable(path, known)).collect();
        if violations.is_empty() {
            Ok(Self { paths })
        } else {
            Err(AdminError::Invalid(violations))
        }
    }

    /// The value, if the mask names the field, or names none and it is set.
    pub(crate) fn take<T>(&self, field: &str, is_set: bool, value: T) -> Option<T> {
        let named = if self.paths.is_empty() {
            is_set
        } else {
            self.paths.iter().any(|path| path == field)
        };
        named.then_some(value)
    }
}

fn not_updatable(path: &str, known: &[&str]) -> Violation {
    let why = format!("`{path}` cannot be updated; what can is {}", known.join(", "));
    Violation {
        field: "update_mask".into(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminError, Mask};

    const KNOWN: [&str; 2] = ["disabled", "password"];

    #[test]
    fn a_named_field_counts_even_if_it_is_not_set() {
        let paths = ["disabled".to_owned()];
        let mask = Mask::new(&paths, &KNOWN).unwrap();
        assert_eq!(mask.take("disabled", false, false), Some(false));
        assert_eq!(mask.take("password", true, "x"), None);
    }

    #[test]
    fn without_a_mask_the_set_fields_count() {
        let mask = Mask::new(&[], &KNOWN).unwrap();
        assert_eq!(mask.take("disabled", false, false), None);
        assert_eq!(mask.take("password", true, "x"), Some("x"));
    }

    #[test]
    fn unknown_fields_are_refused_together() {
        let paths = ["hash", "disabled", "revision"].map(str::to_owned);
        match Mask::new(&paths, &KNOWN) {
            Err(AdminError::Invalid(violations)) => assert_eq!(violations.len(), 2),
            other => panic!("{other:?}"),
        }
    }
}
