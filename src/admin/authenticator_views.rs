//! Authenticators as an operator sees them: secrets hidden, and what is allowed but unwise told beside.

use super::authenticator_settings::{hide, schema_of};
use super::authenticators::key_of;
use super::error::AdminError;
use super::handle::{Admin, Intent};
use super::paging::{Page, page_of};
use crate::auth::{AuthenticatorFeed as _, AuthenticatorKey, AuthenticatorRecord, GLOBAL_CHAIN, NoAuthenticator};
use crate::backends::{self, BackendInfo};

/// An authenticator with its secrets hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorView {
    /// As it is declared.
    pub record: AuthenticatorRecord,
    /// What is allowed but unwise about it.
    pub warnings: Vec<String>,
    /// What its kind is called.
    pub title: &'static str,
    /// Whether users of it live in the cluster.
    pub keeps_users: bool,
}

impl Admin {
    /// The authenticators of a chain, or of all chains, in the order they are asked.
    pub async fn list_authenticators(
        &self,
        chain: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<AuthenticatorView>, AdminError> {
        self.confirm().await?;
        page_of(self.in_order(chain), page_size, page_token)
    }

    /// One authenticator.
    pub async fn get_authenticator(&self, chain: &str, id: &str) -> Result<AuthenticatorView, AdminError> {
        let key = key_of(chain, id)?;
        self.confirm().await?;
        Ok(self.shown(self.declared(&key)?))
    }

    /// Every kind of authenticator there is, with the schema of its settings.
    pub fn list_backends(&self) -> &'static [BackendInfo] {
        backends::kinds()
    }

    /// The names of the chains, `global` first. From memory.
    pub fn chains(&self) -> Vec<String> {
        let mut names = vec![GLOBAL_CHAIN.to_owned()];
        for record in self.store.authenticators() {
            if !names.contains(&record.key.chain) {
                names.push(record.key.chain);
            }
        }
        names
    }

    /// One authenticator as this node knows it. From memory.
    pub fn authenticator_here(&self, key: &AuthenticatorKey) -> Result<AuthenticatorView, AdminError> {
        Ok(self.shown(self.declared(key)?))
    }

    /// The authenticator with its secrets, from memory.
    pub(super) fn declared(&self, key: &AuthenticatorKey) -> Result<AuthenticatorRecord, AdminError> {
        self.store
            .authenticator(key)
            .ok_or_else(|| AdminError::not_found("authenticator", &key.id))
    }

    pub(super) fn in_order(&self, chain: &str) -> Vec<AuthenticatorView> {
        let all = self.store.authenticators().into_iter();
        all.filter(|record| chain.is_empty() || record.key.chain == chain)
            .map(|record| self.shown(record))
            .collect()
    }

    /// The authenticator as this node has it; as it was written, if it has vanished since or has not arrived here yet.
    pub(super) fn authenticator_after(
        &self,
        written: AuthenticatorRecord,
        revision: u64,
        intent: &Intent,
    ) -> AuthenticatorView {
        match self.store.authenticator(&written.key) {
            Some(record) if record.revision >= revision => self.shown(record),
            _ => self.shown(AuthenticatorRecord {
                revision,
                updated_at: self.clock.now(),
                updated_by: intent.by.clone(),
                ..written
            }),
        }
    }

    fn shown(&self, record: AuthenticatorRecord) -> AuthenticatorView {
        let mut warnings = backends::warnings(&record);
        // An enabled one keeps its chain from being open.
        warnings.extend((!record.enabled).then(|| self.openness_of(&record.key.chain)).flatten());
        let schema = schema_of(&record.mechanism, &record.backend);
        let settings = hide(&record.settings, schema);
        AuthenticatorView {
            title: backends::kind(&record.mechanism, &record.backend).map_or("Unknown kind", |kind| kind.title),
            keeps_users: backends::password_algorithm(&record).is_some(),
            record: AuthenticatorRecord { settings, ..record },
            warnings,
        }
    }

    /// A warning, if the chain that decides for this name lets everybody in.
    pub(super) fn openness_of(&self, chain: &str) -> Option<String> {
        let may_be_open = self.store.settings().no_authenticator == NoAuthenticator::Allow;
        let all = may_be_open.then(|| self.store.authenticators())?;
        let chain = deciding(&all, chain);
        (!is_asked(&all, chain)).then(|| everybody_through(chain))
    }

    /// A warning for each chain that lets everybody in.
    pub(super) fn open_chains(&self) -> Vec<String> {
        if self.store.settings().no_authenticator == NoAuthenticator::Deny {
            return Vec::new();
        }
        open_among(&self.store.authenticators())
            .into_iter()
            .map(everybody_through)
            .collect()
    }
}

/// The chain itself, or `global` if there is no such chain.
fn deciding<'a>(all: &[AuthenticatorRecord], chain: &'a str) -> &'a str {
    if all.iter().any(|record| record.key.chain == chain) {
        chain
    } else {
        GLOBAL_CHAIN
    }
}

fn is_asked(all: &[AuthenticatorRecord], chain: &str) -> bool {
    all.iter().any(|record| record.key.chain == chain && record.enabled)
}

/// `global` always decides for some listener, whether it exists or not.
fn open_among(all: &[AuthenticatorRecord]) -> Vec<&str> {
    let mut chains = vec![GLOBAL_CHAIN];
    for record in all {
        let chain = record.key.chain.as_str();
        if !chains.contains(&chain) {
            chains.push(chain);
        }
    }
    chains.retain(|chain| !is_asked(all, chain));
    chains
}

fn everybody_through(chain: &str) -> String {
    format!(
        "EVERYBODY IS LET IN through chain `{chain}`: no authenticator of it is enabled, and the cluster setting \
         `no_authenticator` is allow"
    )
}

#[cfg(test)]
mod tests {
    use super::{AuthenticatorRecord, deciding, is_asked, open_among};
    use crate::auth::{AuthenticatorKey, OnFailure};

    fn one(chain: &str, id: &str, enabled: bool) -> AuthenticatorRecord {
        AuthenticatorRecord {
            key: AuthenticatorKey {
                chain: chain.into(),
                id: id.into(),
            },
            mechanism: "password_based".into(),
            backend: "built_in_database".into(),
            enabled,
            settings: "{}".into(),
            precondition: String::new(),
            on_failure: OnFailure::Deny,
            timeout: Default::default(),
            revision: 1,
            updated_at: Default::default(),
            updated_by: String::new(),
        }
    }

    #[test]
    fn a_chain_is_open_when_none_of_its_authenticators_is_enabled() {
        let all = [
            one("global", "a", true),
            one("global", "b", false),
            one("tcp:own", "c", false),
        ];
        assert_eq!(open_among(&all), ["tcp:own"]);
        assert!(is_asked(&all, "global") && !is_asked(&all, "tcp:own"));
    }

    #[test]
    fn a_cluster_without_authenticators_is_open() {
        assert_eq!(open_among(&[]), ["global"]);
        assert_eq!(open_among(&[one("tcp:own", "c", true)]), ["global"]);
    }

    #[test]
    fn a_listener_without_a_chain_of_its_own_is_decided_by_the_global_one() {
        let all = [one("tcp:own", "c", false)];
        assert_eq!(deciding(&all, "tcp:own"), "tcp:own");
        assert_eq!(deciding(&all, "ssl:other"), "global");
    }
}
