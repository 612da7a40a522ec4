//! Accounts: operators who sign in with a password, beside those who show a key.

use std::sync::Arc;

use super::error::{AdminError, violation};
use super::handle::{Admin, Intent};
use super::paging::{Page, page_of};
use crate::auth::{PasswordRecord, Secret};
use crate::backends::Violation;
use crate::hash::{Algorithm, Preset};
use crate::store::{AccountChange, AccountRecord, Command, NewAccount, Role, fault_of_account_name};

/// How passwords of accounts are kept. Unknown names cost the same, so whoever changes this has to make older records dear too.
pub(super) const ALGORITHM: Algorithm = Algorithm::Argon2id(Preset::Default.parameters());

const SHORTEST_PASSWORD: usize = 12;
const LONGEST_PASSWORD: usize = 1024;

/// What to change of an account.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    /// What it may do, from its next request on.
    pub role: Option<Role>,
    /// A new password, which ends all its sessions.
    pub password: Option<Secret>,
}

impl Admin {
    /// Every account, by name.
    pub async fn list_accounts(
        &self,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<Arc<AccountRecord>>, AdminError> {
        self.confirm().await?;
        page_of(self.store.accounts(), page_size, page_token)
    }

    /// One account, however its name is written.
    pub async fn get_account(&self, name: &str) -> Result<Arc<AccountRecord>, AdminError> {
        self.confirm().await?;
        self.known_account(name)
    }

    /// Makes an account. Errors: a name that is taken, whatever its case; a name, role or password that cannot be.
    pub async fn create_account(
        &self,
        intent: &Intent,
        name: &str,
        role: Role,
        password: Secret,
    ) -> Result<Arc<AccountRecord>, AdminError> {
        let mut violations = Vec::new();
        check_name(name, &mut violations);
        check_role(role, &mut violations);
        check_password("password", &password, &mut violations);
        AdminError::unless_empty(violations)?;
        let account = NewAccount {
            name: name.to_owned(),
            role,
            password: self.protect_account(&password).await?,
        };
        self.write(intent, Command::CreateAccount { account }).await?;
        tracing::info!(account = name, ?role, by = intent.by, "account made");
        self.known_account(name)
    }

    /// Changes what the patch names. Refused if nobody would be left who may make accounts and keys.
    pub async fn update_account(
        &self,
        intent: &Intent,
        name: &str,
        patch: AccountPatch,
    ) -> Result<Arc<AccountRecord>, AdminError> {
        let AccountPatch { role, password } = patch;
        let mut violations = Vec::new();
        if let Some(role) = role {
            check_role(role, &mut violations);
        }
        if let Some(password) = &password {
            check_password("password", password, &mut violations);
        }
        if role.is_none() && password.is_none() {
            violations.push(violation(
                "update_mask",
                "names nothing, and nothing to change is given",
            ));
        }
        AdminError::unless_empty(violations)?;
        let is_new_password = password.is_some();
        let password = match password {
            Some(password) => Some(self.protect_account(&password).await?),
            None => None,
        };
        let change = AccountChange {
            role,
            password,
            kept_session: None,
        };
        let command = Command::UpdateAccount {
            name: name.to_owned(),
            change,
            if_revision: intent.if_revision,
        };
        self.write(intent, command).await?;
        tracing::info!(
            account = name,
            ?role,
            is_new_password,
            by = intent.by,
            "account changed"
        );
        self.known_account(name)
    }

    /// Removes an account and ends its sessions; the revision of that. Refused for the last admin, keys counted.
    pub async fn delete_account(&self, intent: &Intent, name: &str) -> Result<u64, AdminError> {
        let command = Command::DeleteAccount {
            name: name.to_owned(),
            if_revision: intent.if_revision,
        };
        let revision = self.write(intent, command).await?.revision;
        tracing::info!(account = name, by = intent.by, "account deleted");
        Ok(revision)
    }

    /// A record of the password, as accounts keep it.
    pub(super) async fn protect_account(&self, password: &Secret) -> Result<PasswordRecord, AdminError> {
        let record = self.hasher.hash(&ALGORITHM, password.expose()).await?;
        Ok(PasswordRecord::new(record))
    }

    /// Every account as this node knows it, by name. From memory.
    pub fn accounts_here(&self) -> Vec<Arc<AccountRecord>> {
        self.store.accounts()
    }

    fn known_account(&self, name: &str) -> Result<Arc<AccountRecord>, AdminError> {
        self.store
            .account(name)
            .ok_or_else(|| AdminError::not_found("account", name))
    }
}

/// The store refuses the same, but knows of no other fault beside it.
pub(super) fn check_name(name: &str, violations: &mut Vec<Violation>) {
    violations.extend(fault_of_account_name(name).map(|fault| violation("name", fault)));
}

/// `field` is where it was given.
pub(super) fn check_password(field: &str, password: &Secret, violations: &mut Vec<Violation>) {
    if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.expose().len()) {
        let why = format!("must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} bytes");
        violations.push(violation(field, why));
    }
}

fn check_role(role: Role, violations: &mut Vec<Violation>) {
    if role == Role::Client {
        violations.push(violation("role", "must be VIEWER, EDITOR or ADMIN"));
    }
}
