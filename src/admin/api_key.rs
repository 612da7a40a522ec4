//! API keys: `pck_<id>_<secret>`. Only SHA-256 of the secret is ever stored.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::error::AdminError;

const PREFIX: &str = "pck_";
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// A key as it is shown once. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// The key itself, for the one who asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A key just made, with what is stored of it.
pub(super) struct FreshKey {
    pub(super) id: String,
    pub(super) secret_hash: [u8; 32],
    pub(super) key: ApiKey,
}

/// A new key from the machine's random source.
pub(super) fn fresh() -> Result<FreshKey, AdminError> {
    let mut id = [0; ID_BYTES];
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(&mut id)
        .and_then(|()| getrandom::fill(secret.as_mut_slice()))
        .map_err(|error| AdminError::Internal(format!("the machine gives no random bytes: {error}")))?;
    let id = hex::encode(id);
    let secret = Zeroizing::new(hex::encode(secret.as_slice()));
    let secret_hash = hash_of(&secret);
    let key = ApiKey(Zeroizing::new(format!("{PREFIX}{id}_{}", secret.as_str())));
    Ok(FreshKey { id, secret_hash, key })
}

/// The id and the secret half of a presented key.
pub(super) fn split(api_key: &str) -> Option<(&str, &str)> {
    api_key.strip_prefix(PREFIX)?.split_once('_')
}

/// Whether the secret is the one whose hash is stored; takes the same time wherever they differ.
pub(super) fn is_secret_of(secret: &str, stored: &[u8; 32]) -> bool {
    hash_of(secret).ct_eq(stored).into()
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{fresh, is_secret_of, split};

    #[test]
    fn a_fresh_key_matches_what_is_stored_of_it() {
        let made = fresh().unwrap();
        let (id, secret) = split(made.key.reveal()).unwrap();
        assert_eq!((id, id.len()), (made.id.as_str(), 12));
        assert!(is_secret_of(secret, &made.secret_hash));
        assert!(!is_secret_of(&secret[1..], &made.secret_hash));
    }

    #[test]
    fn two_keys_share_nothing() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one.id, other.id);
        assert_ne!(one.secret_hash, other.secret_hash);
    }

    #[test]
    fn a_key_cannot_be_printed() {
        assert_eq!(format!("{:?}", fresh().unwrap().key), "***");
    }

    #[test]
    fn what_is_no_key_is_not_split() {
        for text in ["", "pck_", "pck_abc", "Bearer pck_a_b", "a_b"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
