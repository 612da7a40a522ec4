//! Operators: who administers Portcullis, and the keys they use.

use std::sync::Arc;

use super::api_key::{self, ApiKey, FreshKey};
use super::error::{AdminError, violation};
use super::handle::{Admin, Caller, Intent};
use super::paging::{Page, page_of};
use crate::store::{Command, OperatorRecord, Role};

const LONGEST_NAME: usize = 128;
/// Compared against when there is no such operator, so that guessing ids takes as long as guessing secrets.
const NOBODY: [u8; 32] = [0; 32];

/// An operator just made, with the key that is shown once.
#[derive(Clone, Debug)]
pub struct OperatorCreated {
    /// The operator.
    pub operator: Arc<OperatorRecord>,
    /// Its key.
    pub api_key: ApiKey,
}

impl Admin {
    /// Whose key this is (`pck_<id>_<secret>`); compared in constant time. From memory.
    pub fn caller_of(&self, api_key: &str) -> Option<Caller> {
        let (id, secret) = api_key::split(api_key)?;
        let operator = self.store.operator(id);
        let stored = operator.as_ref().map_or(&NOBODY, |operator| &operator.secret_hash);
        if !api_key::is_secret_of(secret, stored) {
            return None;
        }
        operator.map(|operator| Caller {
            id: operator.id.clone(),
            role: operator.role,
        })
    }

    /// Every operator, by id.
    pub async fn list_operators(
        &self,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<Arc<OperatorRecord>>, AdminError> {
        self.confirm().await?;
        page_of(self.store.operators(), page_size, page_token)
    }

    /// What people call whoever made a change: an account's name is its id, a key has a name beside it. From memory.
    pub fn name_of(&self, by: &str) -> String {
        self.store
            .operator(by)
            .map_or_else(|| by.to_owned(), |key| format!("{} (key {})", key.name, key.id))
    }

    /// Every operator as this node knows it, by id. From memory.
    pub fn operators_here(&self) -> Vec<Arc<OperatorRecord>> {
        self.store.operators()
    }

    /// Makes an operator and its key.
    pub async fn create_operator(
        &self,
        intent: &Intent,
        name: &str,
        role: Role,
    ) -> Result<OperatorCreated, AdminError> {
        check_name(name)?;
        let fresh = api_key::fresh()?;
        let outcome = self.write(intent, command_for(&fresh, name, role)).await?;
        match self.store.operator(&fresh.id) {
            Some(operator) => Ok(OperatorCreated {
                operator,
                api_key: fresh.key,
            }),
            // A repeated request is applied once: the key made for this repetition opens nothing.
            None if !intent.request_id.is_empty() && self.store.applied().index >= outcome.revision => {
                Err(AdminError::AlreadyExists {
                    kind: "request".into(),
                    name: intent.request_id.clone(),
                })
            }
            None => Ok(self.as_written(fresh, name, role, intent, outcome.revision)),
        }
    }

    /// Removes an operator: its key opens nothing any more on a node that has heard of it.
    pub async fn delete_operator(&self, intent: &Intent, id: &str) -> Result<u64, AdminError> {
        if id.is_empty() {
            return Err(AdminError::invalid("id", "must not be empty"));
        }
        let command = Command::DeleteOperator {
            id: id.into(),
            if_revision: intent.if_revision,
        };
        Ok(self.write(intent, command).await?.revision)
    }

    fn as_written(&self, fresh: FreshKey, name: &str, role: Role, intent: &Intent, revision: u64) -> OperatorCreated {
        let operator = OperatorRecord {
            id: fresh.id,
            name: name.into(),
            role,
            secret_hash: fresh.secret_hash,
            revision,
            created_at: self.clock.now(),
            created_by: intent.by.clone(),
        };
        OperatorCreated {
            operator: Arc::new(operator),
            api_key: fresh.key,
        }
    }
}

/// The command that makes this key known.
fn command_for(fresh: &FreshKey, name: &str, role: Role) -> Command {
    Command::CreateOperator {
        id: fresh.id.clone(),
        name: name.into(),
        role,
        secret_hash: fresh.secret_hash,
    }
}

fn check_name(name: &str) -> Result<(), AdminError> {
    let mut violations = Vec::new();
    if name.trim().is_empty() {
        violations.push(violation("name", "must not be empty"));
    }
    if name.len() > LONGEST_NAME {
        violations.push(violation("name", format!("has more than {LONGEST_NAME} bytes")));
    }
    if name.chars().any(char::is_control) {
        violations.push(violation("name", "must not contain control characters"));
    }
    AdminError::unless_empty(violations)
}

#[cfg(test)]
mod tests {
    use super::{AdminError, check_name};

    #[test]
    fn every_fault_of_a_name_is_told() {
        assert_eq!(check_name("ann"), Ok(()));
        let Err(AdminError::Invalid(violations)) = check_name(&"\n".repeat(200)) else {
            panic!("accepted")
        };
        assert_eq!(violations.len(), 3);
    }
}
