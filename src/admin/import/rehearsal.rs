//! A dry run: what an import would do, counted against the users there are.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::job::ImportProgress;
use crate::auth::{PasswordRecord, UserRecord};
use crate::store::{NewUser, OnConflict};

/// Users as the import would leave them, by fingerprint.
pub(super) struct Rehearsal {
    on_conflict: OnConflict,
    repeatable: bool,
    seen: HashMap<String, u64>,
}

impl Rehearsal {
    /// `repeatable`: whether a row can find its user just as it would leave it.
    pub(super) fn new(on_conflict: OnConflict, repeatable: bool) -> Self {
        Self {
            on_conflict,
            repeatable,
            seen: HashMap::new(),
        }
    }

    /// Counts one row.
    pub(super) fn count(
        &mut self,
        tally: &mut ImportProgress,
        user_id: &str,
        user: &NewUser,
        stored: Option<&UserRecord>,
    ) {
        let new = fingerprint_of_new(user);
        let before = self
            .seen
            .get(user_id)
            .copied()
            .or_else(|| stored.map(fingerprint_of_stored));
        match (before, self.on_conflict) {
            (None, _) => tally.created += 1,
            (Some(_), OnConflict::Skip) => {
                tally.skipped += 1;
                return;
            }
            (Some(before), OnConflict::Replace) if self.repeatable && before == new => tally.unchanged += 1,
            (Some(_), OnConflict::Replace) => tally.replaced += 1,
        }
        self.seen.insert(user_id.to_owned(), new);
    }
}

fn fingerprint_of_new(user: &NewUser) -> u64 {
    let rest = (user.is_superuser, user.disabled, user.expires_at, &user.attributes);
    fingerprint(&user.password, rest)
}

fn fingerprint_of_stored(user: &UserRecord) -> u64 {
    let rest = (user.is_superuser, user.disabled, user.expires_at, &user.attributes);
    fingerprint(&user.password, rest)
}

fn fingerprint(password: &PasswordRecord, rest: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    password.expose().hash(&mut hasher);
    rest.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{ImportProgress, NewUser, OnConflict, PasswordRecord, Rehearsal, UserRecord};
    use crate::auth::Timestamp;

    fn new_user(password: &str) -> NewUser {
        NewUser {
            password: PasswordRecord::new(password),
            is_superuser: false,
            disabled: false,
            expires_at: None,
            attributes: Default::default(),
        }
    }

    fn stored(password: &str) -> UserRecord {
        UserRecord {
            password: PasswordRecord::new(password),
            is_superuser: false,
            disabled: false,
            expires_at: None,
            attributes: Default::default(),
            revision: 1,
            updated_at: Timestamp(1),
        }
    }

    fn counted(on_conflict: OnConflict, repeatable: bool) -> ImportProgress {
        let (mut rehearsal, mut tally) = (Rehearsal::new(on_conflict, repeatable), ImportProgress::default());
        rehearsal.count(&mut tally, "new", &new_user("a"), None);
        rehearsal.count(&mut tally, "new", &new_user("b"), None);
        rehearsal.count(&mut tally, "old", &new_user("a"), Some(&stored("a")));
        rehearsal.count(&mut tally, "old", &new_user("b"), Some(&stored("a")));
        tally
    }

    #[test]
    fn duplicates_within_the_file_count_as_the_users_they_find() {
        let tally = counted(OnConflict::Replace, true);
        assert_eq!(
            (tally.created, tally.replaced, tally.unchanged, tally.skipped),
            (1, 2, 1, 0)
        );
    }

    #[test]
    fn users_that_exist_are_skipped_if_asked() {
        let tally = counted(OnConflict::Skip, true);
        assert_eq!(
            (tally.created, tally.replaced, tally.unchanged, tally.skipped),
            (1, 0, 0, 3)
        );
    }

    #[test]
    fn a_salted_password_never_finds_itself_unchanged() {
        let tally = counted(OnConflict::Replace, false);
        assert_eq!((tally.created, tally.replaced, tally.unchanged), (1, 3, 0));
    }
}
