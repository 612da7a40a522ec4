//! Removing built-in users: one, or many in one change.

use std::collections::BTreeSet;

use super::error::{AdminError, violation};
use super::handle::{Admin, Intent};
use super::user_checks::{authenticator_or_builtin, fault_of_stored_user_id};
use crate::store::{Command, Reply};

/// Names of one deletion.
const MOST_DELETED: usize = 1000;

/// What became of a deletion of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsersDeleted {
    /// Users that are gone.
    pub deleted: u64,
    /// Names that nobody had.
    pub missing: u64,
    /// From which revision on they are gone.
    pub revision: u64,
}

impl Admin {
    /// Removes a user; returns the revision from which on it is gone.
    pub async fn delete_user(
        &self,
        intent: &Intent,
        chain: &str,
        authenticator: &str,
        user_id: &str,
    ) -> Result<u64, AdminError> {
        let key = self.addressed(chain, authenticator, user_id).await?;
        let command = Command::DeleteUser {
            key,
            if_revision: intent.if_revision,
        };
        Ok(self.write(intent, command).await?.revision)
    }

    /// Removes many users in one change. A name that comes twice counts once; names that nobody has are counted and are no error.
    pub async fn delete_users(
        &self,
        intent: &Intent,
        (chain, authenticator): (&str, &str),
        user_ids: Vec<String>,
    ) -> Result<UsersDeleted, AdminError> {
        let owner = authenticator_or_builtin(chain, authenticator);
        let user_ids = self.as_kept(&owner, checked_names(user_ids)?).await?;
        let command = Command::DeleteUsers {
            chain: owner.chain,
            authenticator: owner.id,
            user_ids: once(user_ids),
        };
        let outcome = self.write(intent, command).await?;
        match outcome.reply {
            Reply::UsersDeleted { deleted, missing } => Ok(UsersDeleted {
                deleted,
                missing,
                revision: outcome.revision,
            }),
            // The request id is that of another write of this operator, which is not done again.
            _ => Err(AdminError::Precondition(format!(
                "request `{}` was another change, at revision {}",
                intent.request_id, outcome.revision
            ))),
        }
    }
}

/// The names of users to be deleted, each once.
fn checked_names(user_ids: Vec<String>) -> Result<Vec<String>, AdminError> {
    if user_ids.is_empty() || user_ids.len() > MOST_DELETED {
        let why = format!("must be 1 to {MOST_DELETED} names, not {}", user_ids.len());
        return Err(AdminError::invalid("user_ids", why));
    }
    let faults = user_ids.iter().enumerate().filter_map(|(at, user_id)| {
        let fault = fault_of_stored_user_id(user_id)?;
        Some(violation(format!("user_ids[{at}]"), fault))
    });
    AdminError::unless_empty(faults.collect())?;
    Ok(once(user_ids))
}

fn once(user_ids: Vec<String>) -> Vec<String> {
    let once: BTreeSet<_> = user_ids.into_iter().collect();
    once.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{AdminError, checked_names};

    #[test]
    fn one_to_a_thousand_names_can_be_deleted_and_each_counts_once() {
        let names = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(
            checked_names(vec!["b".into(), "a".into(), "b".into()]).unwrap(),
            ["a", "b"]
        );
        assert_eq!(checked_names(names(1000)).unwrap().len(), 1000);
        for wrong in [names(0), names(1001)] {
            assert!(matches!(checked_names(wrong), Err(AdminError::Invalid(_))));
        }
    }

    #[test]
    fn every_name_that_cannot_be_deleted_is_told_by_its_place() {
        let names = ["a", "", "an older\nname", "b\0c"].map(str::to_owned).to_vec();
        match checked_names(names) {
            Err(AdminError::Invalid(violations)) => {
                let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
                assert_eq!(fields, ["user_ids[1]", "user_ids[3]"]);
            }
            other => panic!("{other:?}"),
        }
    }
}
