//! The keys of the one sled tree: a byte for the table, then names parted by NUL, so that a scan goes in the order of names.

/// How far the state has been applied; a single value, and the only one that differs between nodes.
pub(super) const META: u8 = 0;
pub(super) const USERS: u8 = 1;
pub(super) const AUTHENTICATORS: u8 = 2;
/// The order of each chain.
pub(super) const CHAINS: u8 = 3;
pub(super) const OPERATORS: u8 = 4;
pub(super) const SETTINGS: u8 = 5;
/// Nodes that were removed for good.
pub(super) const RETIRED: u8 = 6;
/// What became of requests that carried an id.
pub(super) const REQUESTS: u8 = 7;
/// Which files have filled an authenticator at its beginning.
pub(super) const BOOTSTRAPS: u8 = 8;
/// The secret keys that all nodes share; a single value.
pub(super) const SHARED_KEYS: u8 = 9;
/// Operators who sign in with a password, by their folded names.
pub(super) const ACCOUNTS: u8 = 10;
/// Their sessions: the folded name, NUL, the hash of the cookie.
pub(super) const SESSIONS: u8 = 11;
/// The token that makes the first account; a single value.
pub(super) const SETUP: u8 = 12;
/// The last table.
pub(super) const LAST: u8 = SETUP;

pub(super) fn user(chain: &str, authenticator: &str, user_id: &str) -> Vec<u8> {
    let mut key = group_of(chain, authenticator, user_id.len());
    key.extend_from_slice(user_id.as_bytes());
    key
}

/// What the keys of an authenticator's users begin with.
pub(super) fn users_of(chain: &str, authenticator: &str) -> Vec<u8> {
    group_of(chain, authenticator, 0)
}

/// With room for so many bytes more.
fn group_of(chain: &str, authenticator: &str, more: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(chain.len() + authenticator.len() + 3 + more);
    key.push(USERS);
    key.extend_from_slice(chain.as_bytes());
    key.push(0);
    key.extend_from_slice(authenticator.as_bytes());
    key.push(0);
    key
}

pub(super) fn authenticator(chain: &str, id: &str) -> Vec<u8> {
    named_twice(AUTHENTICATORS, chain, id)
}

pub(super) fn bootstraps(chain: &str, authenticator: &str) -> Vec<u8> {
    named_twice(BOOTSTRAPS, chain, authenticator)
}

pub(super) fn chain(chain: &str) -> Vec<u8> {
    named(CHAINS, chain)
}

pub(super) fn operator(id: &str) -> Vec<u8> {
    named(OPERATORS, id)
}

pub(super) fn account(name: &str) -> Vec<u8> {
    named(ACCOUNTS, &folded(name))
}

/// What the keys of an account's sessions begin with.
pub(super) fn sessions_of(account: &str) -> Vec<u8> {
    let mut key = named(SESSIONS, &folded(account));
    key.push(0);
    key
}

pub(super) fn session(account: &str, hash: &[u8; 32]) -> Vec<u8> {
    let mut key = sessions_of(account);
    key.extend_from_slice(hash);
    key
}

/// The hash in the key of a session.
pub(super) fn session_hash(key: &[u8]) -> Option<[u8; 32]> {
    key.last_chunk::<32>().copied()
}

pub(super) fn setup() -> Vec<u8> {
    vec![SETUP]
}

/// Names of accounts are ASCII, and differ by more than their case.
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(super) fn settings() -> Vec<u8> {
    vec![SETTINGS]
}

pub(super) fn shared_keys() -> Vec<u8> {
    vec![SHARED_KEYS]
}

pub(super) fn retired(node_id: u64) -> Vec<u8> {
    numbered(RETIRED, node_id)
}

pub(super) fn request(index: u64) -> Vec<u8> {
    numbered(REQUESTS, index)
}

/// The prefix of a user's key that names its authenticator, `None` if this is no user's key.
pub(super) fn group(key: &[u8]) -> Option<&[u8]> {
    if key.first() != Some(&USERS) {
        return None;
    }
    let second = key.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(1)?.0;
    key.get(..=second)
}

/// The part of a key behind `prefix`, as text.
pub(super) fn name_after<'k>(key: &'k [u8], prefix: &[u8]) -> Option<&'k str> {
    std::str::from_utf8(key.strip_prefix(prefix)?).ok()
}

/// The number in the key of a retired node or a remembered request.
pub(super) fn number(key: &[u8]) -> Option<u64> {
    let digits: [u8; 8] = key.get(1..)?.try_into().ok()?;
    Some(u64::from_be_bytes(digits))
}

fn named(table: u8, name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 1);
    key.push(table);
    key.extend_from_slice(name.as_bytes());
    key
}

fn named_twice(table: u8, chain: &str, id: &str) -> Vec<u8> {
    let mut key = named(table, chain);
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key
}

fn numbered(table: u8, number: u64) -> Vec<u8> {
    let mut key = vec![table];
    key.extend_from_slice(&number.to_be_bytes());
    key
}
