//! One connection to a directory, and the two things that it is asked.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchOptions, StdStream};
use tokio_util::task::AbortOnDropHandle;

use super::entry::Entry;
use super::relay::{Protection, Relay};
use crate::auth::{ProviderError, Reason};

/// As many entries as are needed to know that there are too many.
pub(super) const MOST_ENTRIES: usize = 2;
/// Where the library would look for a socket, if it had not been given one.
const ITS_OWN: &str = "ldapi:///";

/// A connection. An error of its methods means that it is of no use any more.
pub(super) struct Connection {
    ldap: Ldap,
    relay: Relay,
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
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    /// Whether it has ended while nobody used it.
    pub(super) fn is_closed(&mut self) -> bool {
        self.relay.ended().is_some() || self.ldap.is_closed()
    }

    /// Says who is speaking. An empty name or password would be taken for nobody's, and welcomed: whoever calls this has refused them.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<LdapResult, ProviderError> {
        let bound = guarded(self.ldap.simple_bind(dn, password)).await;
        self.told(bound)
    }

    /// Searches the whole tree below `base`. References to other servers are passed over.
    pub(super) async fn search(
        &mut self,
        base: &str,
        filter: &str,
        attributes: &[String],
    ) -> Result<Searched, ProviderError> {
        let searched = guarded(self.found(base, filter, attributes)).await;
        let (tags, result) = self.told(searched)?;
        if tags.len() > MOST_ENTRIES {
            return Err(nonsense("the directory sends more entries than it was asked for"));
        }
        let entries: Option<Vec<_>> = tags.into_iter().map(Entry::read).collect();
        match entries {
            Some(entries) => Ok(Searched { entries, result }),
            None => Err(nonsense("the directory sent an entry that is none")),
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
    fn told<T>(&self, answer: Option<Result<T, LdapError>>) -> Result<T, ProviderError> {
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(why)) => Err(match self.relay.ended() {
                Some(ended) => ended.clone(),
                None => ProviderError::new(
                    Reason::BackendUnavailable,
                    format!("the directory's answer broke off: {why}"),
                ),
            }),
            None => Err(nonsense("the directory's answer makes no sense")),
        }
    }
}

/// The library panics at messages that are not what they must be: that is the directory's doing, and ends nothing but the question.
async fn guarded<T>(answer: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(answer).catch_unwind().await.ok()
}

fn nonsense(why: &str) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}
