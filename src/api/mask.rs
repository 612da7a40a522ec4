//! Field masks: which fields of an update count.

use crate::admin::{AdminError, Violation};
use crate::words::nearest;

/// The fields that an update names; empty: those that are set.
#[derive(Debug)]
pub(crate) struct Mask<'a> {
    paths: &'a [String],
}

impl<'a> Mask<'a> {
    /// Refuses fields that cannot be updated, all at once.
    pub(crate) fn new(paths: &'a [String], known: &[&str]) -> Result<Self, AdminError> {
        let mut violations = Vec::new();
        let mask = Self::checked(paths, known, &mut violations);
        if violations.is_empty() {
            Ok(mask)
        } else {
            Err(AdminError::Invalid(violations))
        }
    }

    /// Notes the fields that cannot be updated, so that they are refused with what else is wrong.
    pub(crate) fn checked(paths: &'a [String], known: &[&str], violations: &mut Vec<Violation>) -> Self {
        let unknown = paths.iter().filter(|path| !known.contains(&path.as_str()));
        violations.extend(unknown.map(|path| not_updatable(path, known)));
        Self { paths }
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
    let meant = nearest(path, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let why = format!("`{path}` cannot be updated{meant}; what can is {}", known.join(", "));
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

    #[test]
    fn the_field_that_was_meant_is_suggested() {
        for path in ["disbled", "disabled.since"] {
            let Err(AdminError::Invalid(violations)) = Mask::new(&[path.to_owned()], &KNOWN) else {
                panic!("{path} was taken")
            };
            let why = &violations[0].why;
            assert!(why.contains("did you mean `disabled`?"), "{why}");
        }
    }
}
