//! A file held back until it is known to be sound: encoded, so that it takes little more than its own size.

use std::collections::VecDeque;

use super::batch::Batch;
use super::stages::Batches;
use crate::admin::error::AdminError;

/// Batches that wait until the whole file was read.
pub(super) struct Held {
    batches: VecDeque<(Batch, Vec<u8>)>,
    bytes: usize,
    most_bytes: usize,
}

impl Held {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            bytes: 0,
            most_bytes,
        }
    }

    /// Holds a batch back, or refuses the file.
    pub(super) fn push(&mut self, mut batch: Batch) -> Result<(), AdminError> {
        let users = std::mem::take(&mut batch.users);
        let encoded = postcard::to_stdvec(&users).map_err(broken)?;
        self.bytes += encoded.len();
        if self.bytes > self.most_bytes {
            return Err(AdminError::TooLarge {
                what: "what `all_or_nothing` must hold in memory until the file was read".into(),
                limit: self.most_bytes,
            });
        }
        self.batches.push_back((batch, encoded));
        Ok(())
    }

    /// Nothing of it will be stored.
    pub(super) fn forget(&mut self) {
        self.batches.clear();
        self.bytes = 0;
    }

    fn pop(&mut self) -> Result<Option<Batch>, AdminError> {
        let Some((mut batch, encoded)) = self.batches.pop_front() else {
            return Ok(None);
        };
        batch.users = postcard::from_bytes(&encoded).map_err(broken)?;
        Ok(Some(batch))
    }
}

fn broken(error: postcard::Error) -> AdminError {
    AdminError::Internal(format!("rows cannot be held in memory: {error}"))
}

/// Where batches come from.
pub(super) enum Supply {
    File(Batches),
    Held(Held),
}

impl Supply {
    pub(super) async fn next(&mut self) -> Result<Option<Batch>, AdminError> {
        match self {
            Self::File(batches) => Ok(batches.next().await),
            Self::Held(held) => held.pop(),
        }
    }

    /// After the last batch: whether they were all of the file.
    pub(super) async fn end(self) -> Result<(), AdminError> {
        match self {
            Self::File(batches) => batches.end().await,
            Self::Held(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Batch;
    use super::{AdminError, Held};
    use crate::auth::PasswordRecord;
    use crate::store::NewUser;

    fn batch(first_row: u64) -> Batch {
        let user = NewUser {
            password: PasswordRecord::new("$hash$"),
            is_superuser: true,
            disabled: true,
            expires_at: None,
            attributes: [("a".to_owned(), "b".to_owned())].into(),
        };
        Batch {
            first_row,
            rows: 1,
            users: vec![(format!("user-{first_row}"), user)],
            ..Batch::default()
        }
    }

    #[test]
    fn what_is_held_comes_back_as_it_was() {
        let mut held = Held::new(1000);
        held.push(batch(1)).unwrap();
        held.push(batch(2)).unwrap();
        for first_row in [1, 2] {
            let back = held.pop().unwrap().unwrap();
            assert_eq!((back.first_row, back.rows), (first_row, 1));
            assert_eq!(back.users, batch(first_row).users);
        }
        assert!(held.pop().unwrap().is_none());
    }

    #[test]
    fn more_than_can_be_held_is_refused_with_the_limit() {
        let mut held = Held::new(30);
        held.push(batch(1)).unwrap();
        assert!(matches!(
            held.push(batch(2)),
            Err(AdminError::TooLarge { limit: 30, .. })
        ));
        held.forget();
        assert!(held.push(batch(3)).is_ok());
    }
}
