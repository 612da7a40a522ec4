//! Random secrets that are shown once: cookies of sessions and tokens of the setup. Only the SHA-256 of their bytes is ever stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::error::AdminError;
use crate::store::SecretHash;

const BYTES: usize = 32;
/// So that a leaked one is recognised for what it is.
const SETUP_PREFIX: &str = "pcs_";

/// What a browser shows that is signed in: 43 characters of base64url. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Cookie(Zeroizing<String>);

/// What makes the first account, once: `pcs_` and 43 characters of base64url. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct SetupToken(Zeroizing<String>);

impl Cookie {
    /// The cookie itself, for the browser alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl SetupToken {
    /// The token itself, for the one who asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for SetupToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A new cookie with what is stored of it.
pub(super) fn fresh_cookie() -> Result<(Cookie, SecretHash), AdminError> {
    let (text, hash) = fresh("")?;
    Ok((Cookie(text), hash))
}

/// A new setup token with what is stored of it.
pub(super) fn fresh_setup_token() -> Result<(SetupToken, SecretHash), AdminError> {
    let (text, hash) = fresh(SETUP_PREFIX)?;
    Ok((SetupToken(text), hash))
}

/// What is stored of that cookie; `None`: it is none.
pub(super) fn hash_of_cookie(cookie: &str) -> Option<SecretHash> {
    hash_of(cookie)
}

/// What is stored of that setup token; `None`: it is none. Whoever copies it from a terminal may take blanks along.
pub(super) fn hash_of_setup_token(token: &str) -> Option<SecretHash> {
    hash_of(token.trim().strip_prefix(SETUP_PREFIX)?)
}

/// Whether both are the same; takes the same time wherever they differ.
pub(super) fn is_same(one: &SecretHash, other: &SecretHash) -> bool {
    one.ct_eq(other).into()
}

fn fresh(prefix: &str) -> Result<(Zeroizing<String>, SecretHash), AdminError> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| AdminError::Internal(format!("the machine gives no random bytes: {error}")))?;
    let mut text = Zeroizing::new(prefix.to_owned());
    URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
    Ok((text, Sha256::digest(bytes.as_slice()).into()))
}

fn hash_of(text: &str) -> Option<SecretHash> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()).ok()?;
    (length == BYTES).then(|| Sha256::digest(bytes.as_slice()).into())
}

#[cfg(test)]
mod tests {
    use super::{fresh_cookie, fresh_setup_token, hash_of_cookie, hash_of_setup_token, is_same};

    #[test]
    fn a_secret_leads_to_what_is_stored_of_it() {
        let (cookie, hash) = fresh_cookie().unwrap();
        assert_eq!(
            (cookie.reveal().len(), hash_of_cookie(cookie.reveal())),
            (43, Some(hash))
        );
        let (token, hash) = fresh_setup_token().unwrap();
        assert_eq!(hash_of_setup_token(&format!(" {}\n", token.reveal())), Some(hash));
        assert!(!is_same(&hash, &fresh_setup_token().unwrap().1));
    }

    #[test]
    fn neither_passes_for_the_other_nor_anything_else_for_one_of_them() {
        let (cookie, token) = (fresh_cookie().unwrap().0, fresh_setup_token().unwrap().0);
        assert_eq!(hash_of_cookie(token.reveal()), None);
        assert_eq!(hash_of_setup_token(cookie.reveal()), None);
        let longer = format!("{}A", cookie.reveal());
        for text in [
            "",
            "AAAA",
            &cookie.reveal()[1..],
            &longer,
            &"A".repeat(1000),
            &"+".repeat(43),
        ] {
            assert_eq!(hash_of_cookie(text), None, "{text}");
        }
    }

    #[test]
    fn neither_can_be_printed() {
        let printed = format!("{:?} {:?}", fresh_cookie().unwrap().0, fresh_setup_token().unwrap().0);
        assert_eq!(printed, "*** ***");
    }
}
