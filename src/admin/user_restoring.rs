//! Users who were deleted by mistake: remembered whole by whoever deletes them, and put back.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::AdminError;
use super::handle::{Admin, Intent};
use super::user_checks::user_key;
use crate::auth::{AuthenticatorKey, UserDirectory as _, UserKey};
use crate::store::{Command, NewUser};

/// A user with what protects it. Its `Debug` is its name alone.
#[derive(Clone, Serialize, Deserialize)]
pub struct RememberedUser {
    key: UserKey,
    user: NewUser,
}

impl fmt::Debug for RememberedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RememberedUser").field(&self.key.user_id).finish()
    }
}

impl RememberedUser {
    /// Its name.
    pub fn user_id(&self) -> &str {
        &self.key.user_id
    }
}

impl Admin {
    /// A user as this node knows it, to be put back later.
    pub fn remember_user(&self, owner: &AuthenticatorKey, user_id: &str) -> Result<RememberedUser, AdminError> {
        let key = user_key(&owner.chain, &owner.id, user_id);
        let record = self.store.user(&key.chain, &key.authenticator, &key.user_id);
        let record = record.ok_or_else(|| AdminError::not_found("user", user_id))?;
        let user = NewUser {
            password: record.password.clone(),
            is_superuser: record.is_superuser,
            disabled: record.disabled,
            expires_at: record.expires_at,
            attributes: record.attributes.clone(),
        };
        Ok(RememberedUser { key, user })
    }

    /// Puts a user back. Refused if there is one of that name by now.
    pub async fn restore_user(&self, intent: &Intent, remembered: RememberedUser) -> Result<u64, AdminError> {
        let RememberedUser { key, user } = remembered;
        Ok(self.write(intent, Command::CreateUser { key, user }).await?.revision)
    }
}
