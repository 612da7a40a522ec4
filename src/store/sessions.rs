//! The sessions as a request looks them up: by the hash of its cookie, in memory. Kept one by one, because they come and go more
//! often than anything declared.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::accounts::{SecretHash, SessionRecord};
use super::error::StoreError;
use super::{key, value};

/// Every session that is stored, ended by time or not.
#[derive(Default)]
pub(super) struct Sessions {
    by_hash: RwLock<HashMap<SecretHash, Arc<SessionRecord>>>,
}

impl Sessions {
    /// Takes what is stored under that key now.
    pub(super) fn set(&self, key: &[u8], new: Option<&[u8]>) -> Result<(), StoreError> {
        let hash = key::session_hash(key).ok_or_else(|| StoreError::damaged("session", "its key holds no hash"))?;
        let new = new
            .map(|bytes| value::decode::<SessionRecord>("session", bytes))
            .transpose()?;
        let mut sessions = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        match new {
            Some(session) => drop(sessions.insert(hash, Arc::new(session))),
            None => drop(sessions.remove(&hash)),
        }
        Ok(())
    }

    pub(super) fn get(&self, hash: &SecretHash) -> Option<Arc<SessionRecord>> {
        let sessions = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        sessions.get(hash).cloned()
    }

    /// Those of one account, the one opened last in front.
    pub(super) fn of(&self, account: &str) -> Vec<Arc<SessionRecord>> {
        let sessions = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let theirs = sessions
            .values()
            .filter(|session| session.account.eq_ignore_ascii_case(account));
        let mut theirs: Vec<_> = theirs.cloned().collect();
        drop(sessions);
        theirs.sort_by_key(|session| Reverse((session.opened_at, session.hash)));
        theirs
    }
}
