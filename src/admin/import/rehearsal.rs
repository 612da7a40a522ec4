//! A dry run: what an import would do, counted against the users there are.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher as _, Hash};

use super::batch::Counts;
use crate::admin::error::AdminError;
use crate::auth::{PasswordRecord, UserRecord};
use crate::store::{NewUser, OnConflict};

/// Users as the import would leave them, by fingerprint: the names themselves would take too much memory.
pub(super) struct Rehearsal {
    on_conflict: OnConflict,
    most_rows: u64,
    hasher: RandomState,
    /// What the import would have written.
    written: HashMap<u64, u64>,
}

impl Rehearsal {
    pub(super) fn new(on_conflict: OnConflict, most_rows: u64) -> Self {
        Self {
            on_conflict,
            most_rows,
            hasher: RandomState::new(),
            written: HashMap::new(),
        }
    }

    /// Counts one row.
    pub(super) fn count(
        &mut self,
        tally: &mut Counts,
        user_id: &str,
        user: &NewUser,
        stored: Option<&UserRecord>,
    ) -> Result<(), AdminError> {
        let new = self.fingerprint_of_new(user);
        let stored = stored.map(|stored| self.fingerprint_of_stored(stored));
        let is_full = self.written.len() as u64 >= self.most_rows;
        match (self.written.entry(self.hasher.hash_one(user_id)), stored) {
            (Entry::Vacant(_), Some(_)) if self.on_conflict == OnConflict::Skip => tally.skipped += 1,
            // A row that this import would have written is replaced by a later one, whatever becomes of others.
            (Entry::Occupied(mut before), _) => {
                let same = before.insert(new) == new;
                *(if same {
                    &mut tally.unchanged
                } else {
                    &mut tally.replaced
                }) += 1;
            }
            (Entry::Vacant(_), _) if is_full => {
                let why = format!("remembers at most {} users: import the file in parts", self.most_rows);
                return Err(AdminError::invalid("dry_run", why));
            }
            (Entry::Vacant(place), stored) => {
                place.insert(new);
                match stored {
                    Some(stored) if stored == new => tally.unchanged += 1,
                    Some(_) => tally.replaced += 1,
                    None => tally.created += 1,
                }
            }
        }
        Ok(())
    }

    fn fingerprint_of_new(&self, user: &NewUser) -> u64 {
        let rest = (user.is_superuser, user.disabled, user.expires_at, &user.attributes);
        self.fingerprint(&user.password, rest)
    }

    fn fingerprint_of_stored(&self, user: &UserRecord) -> u64 {
        let rest = (user.is_superuser, user.disabled, user.expires_at, &user.attributes);
        self.fingerprint(&user.password, rest)
    }

    fn fingerprint(&self, password: &PasswordRecord, rest: impl Hash) -> u64 {
        self.hasher.hash_one((password.expose(), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, NewUser, OnConflict, PasswordRecord, Rehearsal, UserRecord};
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

    /// Created, replaced, unchanged, skipped.
    fn counted(on_conflict: OnConflict) -> [u64; 4] {
        let (mut rehearsal, mut tally) = (Rehearsal::new(on_conflict, 10), Counts::default());
        for (user_id, password, there) in [
            ("new", "a", None),
            ("new", "b", None),
            ("new", "b", None),
            ("old", "a", Some("a")),
            ("old", "b", Some("a")),
        ] {
            let stored = there.map(stored);
            rehearsal
                .count(&mut tally, user_id, &new_user(password), stored.as_ref())
                .unwrap();
        }
        [tally.created, tally.replaced, tally.unchanged, tally.skipped]
    }

    #[test]
    fn duplicates_within_the_file_count_as_the_users_they_find() {
        assert_eq!(counted(OnConflict::Replace), [1, 2, 2, 0]);
    }

    #[test]
    fn users_that_were_there_before_the_import_are_skipped_if_asked() {
        assert_eq!(counted(OnConflict::Skip), [1, 1, 1, 2]);
    }

    #[test]
    fn more_users_than_can_be_remembered_are_refused() {
        let (mut rehearsal, mut tally) = (Rehearsal::new(OnConflict::Replace, 1), Counts::default());
        let mut count = |user_id| rehearsal.count(&mut tally, user_id, &new_user("a"), None);
        assert!(count("one").is_ok());
        assert!(count("one").is_ok());
        assert!(count("two").is_err());
    }
}
