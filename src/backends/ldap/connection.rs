//! One connection to a directory, and the two things that it is asked.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchOptions, StdStream};
use tokio_util::task::AbortOnDropHandle;

use super::entry::Entry;
use super::relay::{Protection, Relay};
use super::result::nonsense;
use crate::auth::{ProviderError, Reason};
use crate::backends::idle::Trouble;

/// As many entries as are needed to know that there are too many.
pub(super) const MOST_ENTRIES: usize = 2;
/// Where the library would look for a socket, if it had not been given one.
const ITS_OWN: &str = "ldapi:///";

/// A connection.
pub(super) struct Connection {
    ldap: Ldap,
    relay: Relay,
    /// Who was caught in nonsense once is not asked again.
    is_spoilt: bool,
    _driver: AbortOnDropHandle<()>,
}

/// What a search came to.
pub(super) struct Searched {
    pub(super) entries: Vec<Entry>,
    pub(super) result: LdapResult,
}

impl Connection {
    /// Connects, as nobody yet.
    pub(super) async fn open(host: &str, port: u16, protection: &Protection) -> Result<Self, ProviderError> {
        let (relay, stream) = Relay::open(host, port, protection).await?;
        let unusable = |why: &dyn std::error::Error| ProviderError::new(Reason::BackendUnavailable, why.to_string());
        let stream = stream.into_std().map_err(|why| unusable(&why))?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(stream));
        let (driver, ldap) = LdapConnAsync::with_settings(settings, ITS_OWN)
            .await
            .map_err(|why| unusable(&why))?;
        let driver = tokio::spawn(async move {
            // Its end shows in the answers that do not come, and the relay knows the cause.
            let _end = driver.drive().await;
        });
        Ok(Self {
            ldap,
            relay,
            is_spoilt: false,
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    /// Whether another question can be asked.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_spoilt && self.relay.ended().is_none()
    }

    /// Says who is speaking. An empty name or password would be taken for nobody's, and welcomed: whoever calls this has refused them.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<LdapResult, Trouble> {
        let bound = guarded(self.ldap.simple_bind(dn, password)).await;
        self.told(bound)
    }

    /// Searches the whole tree below `base`. References to other servers are passed over.
    pub(super) async fn search(
        &mut self,
        base: &str,
        filter: &str,
        attributes: &[String],
    ) -> Result<Searched, Trouble> {
        let searched = guarded(self.found(base, filter, attributes)).await;
        let (tags, result) = self.told(searched)?;
        if tags.len() > MOST_ENTRIES {
            return Err(self.spoilt("the directory sends more entries than it was asked for"));
        }
        let entries: Option<Vec<_>> = tags.into_iter().map(Entry::read).collect();
        match entries {
            Some(entries) => Ok(Searched { entries, result }),
            None => Err(self.spoilt("the directory sent an entry that is none")),
        }
    }

    async fn found(
        &mut self,
        base: &str,
        filter: &str,
        attributes: &[String],
    ) -> Result<(Vec<ldap3::asn1::StructureTag>, LdapResult), LdapError> {
        let options = SearchOptions::new().sizelimit(MOST_ENTRIES.try_into().unwrap_or(i32::MAX));
        let search = self.ldap.with_search_options(options);
        let mut stream = search
            .streaming_search(base, Scope::Subtree, filter, attributes)
            .await?;
        let mut entries = Vec::new();
        while let Some(item) = stream.next().await? {
            if !item.is_ref() && !item.is_intermediate() {
                entries.push(item.0);
            }
            // It was asked for fewer, and may go on for ever.
            if entries.len() > MOST_ENTRIES {
                break;
            }
        }
        Ok((entries, stream.finish().await))
    }

    /// The answer, or why there is none, which the relay knows better than the library.
    fn told<T>(&mut self, answer: Option<Result<T, LdapError>>) -> Result<T, Trouble> {
        let why = match answer {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(why)) => why,
            None => return Err(self.spoilt("the directory's answer makes no sense")),
        };
        self.is_spoilt = true;
        Err(match self.relay.ended() {
            Some(ended) if ended.reason == Reason::BackendUnavailable => Trouble::Lost(ended.detail.clone()),
            Some(ended) => Trouble::Failed(ended.clone()),
            None => Trouble::Lost(format!("the directory's answer broke off: {why}")),
        })
    }

    fn spoilt(&mut self, why: &str) -> Trouble {
        self.is_spoilt = true;
        Trouble::Failed(nonsense(why))
    }
}

/// The library panics at messages that are not what they must be: that is the directory's doing, and ends nothing but the question.
async fn guarded<T>(answer: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(answer).catch_unwind().await.ok()
}
