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
    /// Whether it asks somebody beyond the node, who may be out of reach.
    pub asks_elsewhere: bool,
}

/// Who decides about the clients of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decides {
    /// Authenticators of its own.
    Own,
    /// Those of the chain `global`, because it has none of its own.
    Global,
    /// Nobody: none is enabled, and every client gets this answer.
    Nobody(NoAuthenticator),
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
            asks_elsewhere: backends::asks_elsewhere(&record),
            record: AuthenticatorRecord { settings, ..record },
            warnings,
        }
    }

    /// Who decides about the clients of a chain. From memory.
    pub fn decides(&self, chain: &str) -> Decides {
        who_decides(&self.store.authenticators(), chain, self.to_everybody())
    }

    /// Who would, were this authenticator switched off.
    pub fn decides_without(&self, key: &AuthenticatorKey) -> Decides {
        let mut all = self.store.authenticators();
        let switched_off = all.iter_mut().filter(|record| record.key == *key);
        switched_off.for_each(|record| record.enabled = false);
        who_decides(&all, &key.chain, self.to_everybody())
    }

    /// Who would, were this authenticator deleted: a chain goes with its last one.
    pub fn decides_after(&self, deleted: &AuthenticatorKey) -> Decides {
        let mut all = self.store.authenticators();
        all.retain(|record| record.key != *deleted);
        who_decides(&all, &deleted.chain, self.to_everybody())
    }

    fn to_everybody(&self) -> NoAuthenticator {
        self.store.settings().no_authenticator
    }

    /// A warning, if everybody is let in through the chain that decides for this name.
    pub(super) fn openness_of(&self, chain: &str) -> Option<String> {
        let is_open = self.decides(chain) == Decides::Nobody(NoAuthenticator::Allow);
        is_open.then(|| everybody_through(deciding(&self.store.authenticators(), chain)))
    }

    /// A warning for each chain that lets everybody in.
    pub(super) fn open_chains(&self) -> Vec<String> {
        let open = self.unasked_where(NoAuthenticator::Allow).into_iter();
        open.map(|chain| everybody_through(&chain)).collect()
    }

    /// The chains that deny everybody.
    pub(super) fn closed_chains(&self) -> Vec<String> {
        self.unasked_where(NoAuthenticator::Deny)
    }

    /// The chains in which nobody is asked, if this is what their clients get.
    fn unasked_where(&self, answer: NoAuthenticator) -> Vec<String> {
        if self.to_everybody() == answer {
            unasked_among(&self.store.authenticators())
        } else {
            Vec::new()
        }
    }
}

fn who_decides(all: &[AuthenticatorRecord], chain: &str, to_everybody: NoAuthenticator) -> Decides {
    let deciding = deciding(all, chain);
    if !is_asked(all, deciding) {
        Decides::Nobody(to_everybody)
    } else if deciding == chain {
        Decides::Own
    } else {
        Decides::Global
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
fn unasked_among(all: &[AuthenticatorRecord]) -> Vec<String> {
    let mut chains = vec![GLOBAL_CHAIN];
    for record in all {
        let chain = record.key.chain.as_str();
        if !chains.contains(&chain) {
            chains.push(chain);
        }
    }
    chains.retain(|chain| !is_asked(all, chain));
    chains.into_iter().map(str::to_owned).collect()
}

fn everybody_through(chain: &str) -> String {
    format!(
        "EVERYBODY IS LET IN through chain `{chain}`: no authenticator of it is enabled, and the cluster setting \
         `no_authenticator` is allow"
    )
}

#[cfg(test)]
mod tests {
    use super::{AuthenticatorRecord, Decides, NoAuthenticator, deciding, is_asked, unasked_among, who_decides};
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
        assert_eq!(unasked_among(&all), ["tcp:own"]);
        assert!(is_asked(&all, "global") && !is_asked(&all, "tcp:own"));
    }

    #[test]
    fn a_cluster_without_authenticators_is_open() {
        assert_eq!(unasked_among(&[]), ["global"]);
        assert_eq!(unasked_among(&[one("tcp:own", "c", true)]), ["global"]);
    }

    #[test]
    fn a_listener_without_a_chain_of_its_own_is_decided_by_the_global_one() {
        let all = [one("tcp:own", "c", false)];
        assert_eq!(deciding(&all, "tcp:own"), "tcp:own");
        assert_eq!(deciding(&all, "ssl:other"), "global");
    }

    #[test]
    fn who_decides_depends_on_who_is_asked_and_on_whether_there_is_such_a_chain() {
        let (allow, deny) = (NoAuthenticator::Allow, NoAuthenticator::Deny);
        let global = one("global", "a", true);
        let mine = |enabled| one("tcp:own", "c", enabled);
        for (all, expected) in [
            (vec![global.clone(), mine(true)], Decides::Own),
            (vec![global.clone()], Decides::Global),
            // It is there, so `global` does not decide for it.
            (vec![global, mine(false)], Decides::Nobody(deny)),
            (vec![mine(false)], Decides::Nobody(deny)),
            (vec![], Decides::Nobody(deny)),
        ] {
            assert_eq!(who_decides(&all, "tcp:own", deny), expected, "{all:?}");
        }
        assert_eq!(who_decides(&[], "global", allow), Decides::Nobody(allow));
    }
}
