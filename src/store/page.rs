//! Listing users: a bounded scan of sled in the order of names.

use std::sync::{Arc, Mutex, PoisonError};

use super::blocks::Walk;
use super::error::StoreError;
use super::memory::View;
use super::{key, value};
use crate::auth::{AuthenticatorKey, UserKey, UserRecord};

/// Users looked at for one page. A filter that matches little gives a short page and a place to go on.
const SCAN_LIMIT: usize = 20_000;

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub struct UserQuery {
    /// Whose.
    pub chain: String,
    /// Whose.
    pub authenticator: String,
    /// Names that begin so.
    pub prefix: String,
    /// Names with this within.
    pub contains: String,
    /// Only (or no) superusers.
    pub is_superuser: Option<bool>,
    /// Names after this one; empty: from the first.
    pub after: String,
    /// At most so many.
    pub limit: usize,
}

impl UserQuery {
    /// Whose users they are.
    pub fn owner(&self) -> AuthenticatorKey {
        AuthenticatorKey {
            chain: self.chain.clone(),
            id: self.authenticator.clone(),
        }
    }
}

/// One page of users, ascending.
#[derive(Clone, Debug, Default)]
pub struct UserPage {
    /// The users.
    pub users: Vec<(UserKey, Arc<UserRecord>)>,
    /// Whether there may be more. With a filter a page can be short, even empty, and still have more behind it.
    pub more: bool,
    /// Where the next page begins (its `after`), if there may be more.
    pub next_after: String,
    /// How many there are in all with that prefix; `None` with another filter, or if nobody asked.
    pub total: Option<u64>,
}

/// Reads one page, and counts what it is a page of.
pub(super) fn read(view: &View, query: &UserQuery) -> Result<UserPage, StoreError> {
    let group = key::users_of(&query.chain, &query.authenticator);
    let prefix = key::user(&query.chain, &query.authenticator, &query.prefix);
    let total = match (
        query.contains.is_empty() && query.is_superuser.is_none(),
        query.prefix.is_empty(),
    ) {
        (true, true) => Some(view.users.count_of(&group)),
        (true, false) => Some(view.last_count.of(view, &group, &prefix)?),
        (false, _) => None,
    };
    let page = scan(view, &group, &prefix, query)?;
    Ok(UserPage { total, ..page })
}

/// Reads one page and counts nothing: for whoever reads them all.
pub(super) fn read_uncounted(view: &View, query: &UserQuery) -> Result<UserPage, StoreError> {
    let group = key::users_of(&query.chain, &query.authenticator);
    let prefix = key::user(&query.chain, &query.authenticator, &query.prefix);
    scan(view, &group, &prefix, query)
}

/// The last count of a prefix. Counting takes as long as reading all of them, and whoever reads page after page asks for it with
/// each: it holds until somebody comes or goes.
#[derive(Default)]
pub(super) struct LastCount(Mutex<Option<Counted>>);

struct Counted {
    prefix: Vec<u8>,
    arrivals: u64,
    total: u64,
}

impl LastCount {
    fn of(&self, view: &View, group: &[u8], prefix: &[u8]) -> Result<u64, StoreError> {
        let arrivals = view.users.arrivals();
        if let Some(last) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
            && (last.prefix.as_slice(), last.arrivals) == (prefix, arrivals)
        {
            return Ok(last.total);
        }
        let total = count(view, group, prefix)?;
        // Sled changes before the number does, so a count that saw half of a change is forgotten with the other half.
        if view.users.arrivals() == arrivals {
            let counted = Counted {
                prefix: prefix.to_vec(),
                arrivals,
                total,
            };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(counted);
        }
        Ok(total)
    }
}

fn count(view: &View, group: &[u8], prefix: &[u8]) -> Result<u64, StoreError> {
    let mut count = 0;
    for record in Walk::new(&view.generation, group, prefix.to_vec()) {
        if !record?.0.starts_with(prefix) {
            break;
        }
        count += 1;
    }
    Ok(count)
}

fn scan(view: &View, group: &[u8], prefix: &[u8], query: &UserQuery) -> Result<UserPage, StoreError> {
    let mut after = key::user(&query.chain, &query.authenticator, &query.after);
    let from = if !query.after.is_empty() && after.as_slice() >= prefix {
        after.push(0);
        after
    } else {
        prefix.to_vec()
    };
    let mut page = UserPage::default();
    for (seen, record) in Walk::new(&view.generation, group, from).enumerate() {
        let (key, bytes) = record?;
        if !key.starts_with(prefix) {
            break;
        }
        if page.users.len() == query.limit || seen == SCAN_LIMIT {
            page.more = true;
            break;
        }
        let name = key::name_after(&key, group).ok_or_else(|| StoreError::damaged("user", "its name is no text"))?;
        name.clone_into(&mut page.next_after);
        if name.contains(&query.contains) {
            let record: UserRecord = value::decode("user", &bytes)?;
            if query.is_superuser.is_none_or(|wanted| wanted == record.is_superuser) {
                page.users.push((user_key(query, name), Arc::new(record)));
            }
        }
    }
    Ok(page)
}

fn user_key(query: &UserQuery, name: &str) -> UserKey {
    let (chain, authenticator) = (query.chain.clone(), query.authenticator.clone());
    UserKey {
        chain,
        authenticator,
        user_id: name.to_owned(),
    }
}
