//! Sessions of operators: what a cookie stands for, from memory, and how sessions are renewed and ended.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::AdminError;
use super::handle::{Admin, Caller, Intent};
use super::token::hash_of_cookie;
use crate::auth::Timestamp;
use crate::store::{AccountRecord, Command, NewSession, SecretHash, SessionRecord};

/// A session in use is noted at most so often, …
const RENEWED_EVERY: Duration = Duration::from_secs(5 * 60);
/// … and at least so many times before it would end.
const RENEWALS_IN_TIME: u32 = 4;
/// Characters that are kept of what a browser says of itself.
const LONGEST_AGENT: usize = 200;
/// Characters that are kept of an address.
const LONGEST_ADDRESS: usize = 64;

/// Where a browser is, and what it says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// As the node saw it, without the port.
    pub address: String,
    /// Its `User-Agent`; kept cut to 200 characters.
    pub agent: String,
}

/// What a cookie stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Whose session it is, as the account is now.
    pub account: Arc<AccountRecord>,
    /// The session's name where it may be seen: 16 hex digits that open nothing.
    pub session_id: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends, unless it is used before.
    pub expires_at: Timestamp,
}

impl SignedIn {
    /// Who asks: by the account's name, with the role it has now.
    pub fn caller(&self) -> Caller {
        Caller {
            id: self.account.name.clone(),
            role: self.account.role,
        }
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// 16 hex digits.
    pub id: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last found in use, to about five minutes.
    pub renewed_at: Timestamp,
    /// Where its browser is.
    pub address: String,
    /// What its browser says it is.
    pub agent: String,
}

/// Sessions whose renewal is being written: one write for each is enough.
#[derive(Default)]
pub(super) struct Renewals {
    running: Mutex<HashSet<SecretHash>>,
}

/// One of them, until it is dropped.
struct Renewal {
    all: Arc<Renewals>,
    hash: SecretHash,
}

impl Renewal {
    fn begin(all: &Arc<Renewals>, hash: SecretHash) -> Option<Self> {
        let is_new = all.running.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
        is_new.then(|| Self {
            all: Arc::clone(all),
            hash,
        })
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        let mut running = self.all.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.hash);
    }
}

impl Origin {
    /// As it is stored.
    pub(super) fn session(&self, hash: SecretHash) -> NewSession {
        NewSession {
            hash,
            address: beginning(&self.address, LONGEST_ADDRESS),
            agent: beginning(&self.agent, LONGEST_AGENT),
        }
    }
}

/// What browsers send is shown on pages and in logs, so it holds nothing that steers a terminal either.
fn beginning(text: &str, limit: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(limit)
        .collect()
}

impl Admin {
    /// What this cookie stands for; `None`: nothing (any more). From memory, so it needs no quorum: a node that is cut off goes on
    /// with the sessions it knows until they idle out.
    pub fn session(&self, cookie: &str) -> Option<SignedIn> {
        let session = self.open_session(cookie)?;
        let account = self.store.account(&session.account)?;
        Some(SignedIn {
            account,
            session_id: session.id(),
            opened_at: session.opened_at,
            expires_at: session.ends_at(&self.store.settings()),
        })
    }

    /// Notes that the session is in use, in the background and at most every five minutes. In vain without a quorum: the next
    /// request tries again.
    pub async fn renew(&self, cookie: &str) {
        let Some(session) = self.open_session(cookie) else {
            return;
        };
        if !self.is_due(&session) {
            return;
        }
        let Some(renewal) = Renewal::begin(&self.renewals, session.hash) else {
            return;
        };
        let admin = self.clone();
        tokio::spawn(async move {
            let _renewal = renewal;
            let command = Command::RenewSession {
                account: session.account.clone(),
                hash: session.hash,
            };
            if let Err(error) = admin.write(&by(&session.account), command).await {
                tracing::debug!(account = session.account, %error, "a session was not renewed");
            }
        });
    }

    /// Ends the session of this cookie on every node. One that has ended already is no error.
    pub async fn sign_out(&self, cookie: &str) -> Result<(), AdminError> {
        let stored = hash_of_cookie(cookie).and_then(|hash| self.store.session(&hash));
        let Some(session) = stored else { return Ok(()) };
        self.end(&by(&session.account), &session).await?;
        tracing::info!(account = session.account, address = session.address, "signed out");
        Ok(())
    }

    /// The open sessions of an account, the one opened last in front. From memory.
    pub fn sessions_of(&self, account: &str) -> Vec<SessionView> {
        self.open_sessions_of(account).map(|session| shown(&session)).collect()
    }

    /// Ends one session of an account, by its id.
    pub async fn end_session(&self, intent: &Intent, account: &str, session_id: &str) -> Result<(), AdminError> {
        let found = self
            .open_sessions_of(account)
            .find(|session| session.id() == session_id);
        let session = found.ok_or_else(|| AdminError::not_found("session", session_id))?;
        self.end(intent, &session).await?;
        let (account, address) = (&session.account, &session.address);
        tracing::info!(
            account,
            address,
            session = session_id,
            by = intent.by,
            "a session was ended"
        );
        Ok(())
    }

    /// Ends every session of the account that this cookie is signed in to, but this one.
    pub async fn end_other_sessions(&self, intent: &Intent, cookie: &str) -> Result<(), AdminError> {
        let session = self.open_session(cookie).ok_or_else(ended)?;
        let command = Command::EndOtherSessions {
            account: session.account.clone(),
            kept: session.hash,
        };
        self.write(intent, command).await?;
        let (account, address) = (&session.account, &session.address);
        tracing::info!(account, address, by = intent.by, "all other sessions were ended");
        Ok(())
    }

    async fn end(&self, intent: &Intent, session: &SessionRecord) -> Result<(), AdminError> {
        let command = Command::EndSession {
            account: session.account.clone(),
            hash: session.hash,
        };
        self.write(intent, command).await?;
        Ok(())
    }

    /// The session of this cookie, if time has not ended it.
    pub(super) fn open_session(&self, cookie: &str) -> Option<Arc<SessionRecord>> {
        let session = self.store.session(&hash_of_cookie(cookie)?)?;
        session
            .is_open(&self.store.settings(), self.clock.now())
            .then_some(session)
    }

    fn open_sessions_of(&self, account: &str) -> impl Iterator<Item = Arc<SessionRecord>> {
        let (settings, now) = (self.store.settings(), self.clock.now());
        let sessions = self.store.sessions_of(account).into_iter();
        sessions.filter(move |session| session.is_open(&settings, now))
    }

    fn is_due(&self, session: &SessionRecord) -> bool {
        let idle = self.store.settings().session_idle;
        let period = idle
            .checked_div(RENEWALS_IN_TIME)
            .unwrap_or_default()
            .min(RENEWED_EVERY);
        let since = self.clock.now().0.saturating_sub(session.renewed_at.0);
        Duration::from_millis(since) >= period
    }
}

/// What an account writes of its own accord.
pub(super) fn by(account: &str) -> Intent {
    Intent {
        by: account.to_owned(),
        ..Intent::default()
    }
}

/// The cookie stands for nothing any more.
pub(super) fn ended() -> AdminError {
    AdminError::Precondition("the session has ended: sign in again".into())
}

fn shown(session: &SessionRecord) -> SessionView {
    SessionView {
        id: session.id(),
        opened_at: session.opened_at,
        renewed_at: session.renewed_at,
        address: session.address.clone(),
        agent: session.agent.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn what_a_browser_says_is_cut_by_characters_and_steers_no_terminal() {
        let origin = Origin {
            address: "10.0.0.1".into(),
            agent: format!("a\u{1b}[31m\n{}", "é".repeat(300)),
        };
        let kept = origin.session([0; 32]);
        assert_eq!(kept.agent, format!("a[31m{}", "é".repeat(195)));
        assert_eq!(kept.address, "10.0.0.1");
    }
}
