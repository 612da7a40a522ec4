//! Built-in users: list, get, update.

use std::collections::BTreeMap;

use super::error::AdminError;
use super::handle::{Admin, Intent};
use super::paging::{name_before, page_size, token_after};
use super::passwords::NewPassword;
use super::user_checks::{authenticator_or_builtin, check_attributes, owner_of, user_key};
use crate::auth::{AuthenticatorKey, Timestamp, UserDirectory as _, UserKey, UserRecord};
use crate::hash;
use crate::store::{Command, UserChange, UserPage, UserQuery};

/// A user as it is shown: everything but what protects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Whose, and its name.
    pub key: UserKey,
    /// Bypasses authorization at the caller's.
    pub is_superuser: bool,
    /// Switched off.
    pub disabled: bool,
    /// After this instant it never logs in.
    pub expires_at: Option<Timestamp>,
    /// Handed to the caller.
    pub attributes: BTreeMap<String, String>,
    /// The name of what protects it.
    pub hash: String,
    /// Raft index of its last change.
    pub revision: u64,
    /// Wall time of its last change.
    pub updated_at: Timestamp,
}

/// Which users to list. Empty text: the default, or no filter.
#[derive(Clone, Debug, Default)]
pub struct UserListRequest {
    /// Empty: `global`.
    pub chain: String,
    /// Empty: the built-in database.
    pub authenticator: String,
    /// Names that begin so.
    pub prefix: String,
    /// Names with this within.
    pub contains: String,
    /// Only (or no) superusers.
    pub is_superuser: Option<bool>,
    /// 0: the default.
    pub page_size: i32,
    /// From the page before.
    pub page_token: String,
}

/// One page of users, ascending by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserList {
    /// The users.
    pub users: Vec<User>,
    /// Where the next page begins; empty: there is none.
    pub next_page_token: String,
    /// How many there are in all; 0 where it is not known.
    pub total_size: u64,
}

/// What to change of a user.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// A new password.
    pub password: Option<NewPassword>,
    /// Superuser or not.
    pub is_superuser: Option<bool>,
    /// On or off.
    pub disabled: Option<bool>,
    /// `Some(None)` takes the expiry away.
    pub expires_at: Option<Option<Timestamp>>,
    /// Replaced whole.
    pub attributes: Option<BTreeMap<String, String>>,
}

impl UserPatch {
    fn is_empty(&self) -> bool {
        let Self {
            password,
            is_superuser,
            disabled,
            expires_at,
            attributes,
        } = self;
        password.is_none()
            && is_superuser.is_none()
            && disabled.is_none()
            && expires_at.is_none()
            && attributes.is_none()
    }
}

impl User {
    fn of(key: UserKey, record: &UserRecord) -> Self {
        Self {
            key,
            is_superuser: record.is_superuser,
            disabled: record.disabled,
            expires_at: record.expires_at,
            attributes: record.attributes.clone(),
            hash: hash::name_of(record.password.expose()).to_owned(),
            revision: record.revision,
            updated_at: record.updated_at,
        }
    }
}

impl Admin {
    /// A page of users.
    pub async fn list_users(&self, request: UserListRequest) -> Result<UserList, AdminError> {
        let query = self.query_of(request)?;
        self.confirm().await?;
        self.algorithm_of(&query.owner())?;
        let page = self.on_disk(move |store| Ok(store.users(&query)?)).await?;
        Ok(shown(page))
    }

    /// A page of users as this node knows them, without their number. Asks no quorum.
    pub async fn users_here(&self, request: UserListRequest) -> Result<UserList, AdminError> {
        let query = self.query_of(request)?;
        self.algorithm_of(&query.owner())?;
        let page = self.on_disk(move |store| Ok(store.users_uncounted(&query)?)).await?;
        Ok(shown(page))
    }

    fn query_of(&self, request: UserListRequest) -> Result<UserQuery, AdminError> {
        let mut violations = Vec::new();
        let limit = page_size(request.page_size, &mut violations);
        let after = name_before(&request.page_token, &mut violations);
        AdminError::unless_empty(violations)?;
        let owner = authenticator_or_builtin(&request.chain, &request.authenticator);
        Ok(UserQuery {
            chain: owner.chain,
            authenticator: owner.id,
            prefix: request.prefix,
            contains: request.contains,
            is_superuser: request.is_superuser,
            after,
            limit,
        })
    }

    /// One user.
    pub async fn get_user(&self, chain: &str, authenticator: &str, user_id: &str) -> Result<User, AdminError> {
        let key = self.addressed(chain, authenticator, user_id).await?;
        self.confirm().await?;
        self.user_at(key)
    }

    /// One user as this node knows it. Asks no quorum.
    pub fn user_here(&self, owner: &AuthenticatorKey, user_id: &str) -> Result<User, AdminError> {
        self.declared(owner)?;
        self.user_at(user_key(&owner.chain, &owner.id, user_id))
    }

    fn user_at(&self, key: UserKey) -> Result<User, AdminError> {
        let record = self.store.user(&key.chain, &key.authenticator, &key.user_id);
        let record = record.ok_or_else(|| AdminError::not_found("user", &key.user_id))?;
        Ok(User::of(key, &record))
    }

    /// How many users an authenticator has. From memory.
    pub fn count_users(&self, owner: &AuthenticatorKey) -> u64 {
        self.store.users_of(owner)
    }

    /// Changes what the patch names of a user.
    pub async fn update_user(
        &self,
        intent: &Intent,
        (chain, authenticator, user_id): (&str, &str, &str),
        patch: UserPatch,
    ) -> Result<User, AdminError> {
        let key = self.addressed(chain, authenticator, user_id).await?;
        self.confirm().await?;
        let algorithm = self.algorithm_of(&owner_of(&key))?;
        let before = self.store.user(&key.chain, &key.authenticator, &key.user_id);
        let before = before.ok_or_else(|| AdminError::not_found("user", user_id))?;
        let change = self.checked_change(patch, &algorithm).await?;
        let command = Command::UpdateUser {
            key: key.clone(),
            change: change.clone(),
            if_revision: intent.if_revision,
        };
        let outcome = self.write(intent, command).await?;
        Ok(self.user_after(key, outcome.revision, |revision, at| {
            changed(&before, change, revision, at)
        }))
    }

    async fn checked_change(&self, patch: UserPatch, algorithm: &hash::Algorithm) -> Result<UserChange, AdminError> {
        if patch.is_empty() {
            return Err(AdminError::invalid("update_mask", "names nothing to change"));
        }
        let mut violations = Vec::new();
        if let Some(attributes) = &patch.attributes {
            check_attributes(attributes, &mut violations);
        }
        let password = patch
            .password
            .and_then(|password| password.check(algorithm, &mut violations));
        AdminError::unless_empty(violations)?;
        let password = match password {
            Some(checked) => Some(self.protect(checked).await?),
            None => None,
        };
        Ok(UserChange {
            password,
            is_superuser: patch.is_superuser,
            disabled: patch.disabled,
            expires_at: patch.expires_at,
            attributes: patch.attributes,
        })
    }

    /// The user as this node has it; as it was written, if it has vanished since or has not arrived here yet.
    pub(super) fn user_after(
        &self,
        key: UserKey,
        revision: u64,
        as_written: impl FnOnce(u64, Timestamp) -> UserRecord,
    ) -> User {
        match self.store.user(&key.chain, &key.authenticator, &key.user_id) {
            Some(record) if record.revision >= revision => User::of(key, &record),
            _ => User::of(key, &as_written(revision, self.clock.now())),
        }
    }
}

fn shown(page: UserPage) -> UserList {
    // The store says where to go on: a filtered page can be empty and still have more behind it.
    let next_page_token = if page.more {
        token_after(&page.next_after)
    } else {
        String::new()
    };
    let total_size = page.total.unwrap_or(0);
    let users = page
        .users
        .into_iter()
        .map(|(key, record)| User::of(key, &record))
        .collect();
    UserList {
        users,
        next_page_token,
        total_size,
    }
}

fn changed(before: &UserRecord, change: UserChange, revision: u64, updated_at: Timestamp) -> UserRecord {
    UserRecord {
        password: change.password.unwrap_or_else(|| before.password.clone()),
        is_superuser: change.is_superuser.unwrap_or(before.is_superuser),
        disabled: change.disabled.unwrap_or(before.disabled),
        expires_at: change.expires_at.unwrap_or(before.expires_at),
        attributes: change.attributes.unwrap_or_else(|| before.attributes.clone()),
        revision,
        updated_at,
    }
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, UserChange, UserPatch, UserRecord, changed};
    use crate::auth::PasswordRecord;

    fn ann() -> UserRecord {
        UserRecord {
            password: PasswordRecord::new("old"),
            is_superuser: false,
            disabled: true,
            expires_at: Some(Timestamp(5)),
            attributes: [("tenant".to_owned(), "a".to_owned())].into(),
            revision: 3,
            updated_at: Timestamp(1),
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let change = UserChange {
            is_superuser: Some(true),
            ..UserChange::default()
        };
        let after = changed(&ann(), change, 9, Timestamp(7));
        assert_eq!(
            after,
            UserRecord {
                is_superuser: true,
                revision: 9,
                updated_at: Timestamp(7),
                ..ann()
            }
        );
    }

    #[test]
    fn a_change_can_take_the_expiry_away() {
        let change = UserChange {
            expires_at: Some(None),
            ..UserChange::default()
        };
        assert_eq!(changed(&ann(), change, 9, Timestamp(7)).expires_at, None);
    }

    #[test]
    fn a_patch_that_clears_something_is_not_empty() {
        let patch = UserPatch {
            expires_at: Some(None),
            ..UserPatch::default()
        };
        assert!(!patch.is_empty());
        assert!(UserPatch::default().is_empty());
    }
}
