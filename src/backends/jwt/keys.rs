//! The keys of an authenticator, parsed once: which of them may have signed a token, and whether one has.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use super::algorithm::{Algorithm, KeyKind};
use super::public_key::PublicKey;
use super::token::Token;

/// Keys that are tried on one token.
pub(super) const MOST_TRIED: usize = 16;

/// One key with what it may be used for.
pub(super) struct Key {
    /// Its name, if it has one.
    kid: Option<String>,
    /// The one algorithm it is meant for, if it says so.
    only: Option<Algorithm>,
    kind: KeyKind,
    prepared: DecodingKey,
}

impl Key {
    /// A shared secret.
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self {
            kid: None,
            only: None,
            kind: KeyKind::Secret,
            prepared: DecodingKey::from_secret(secret),
        }
    }

    /// A public key.
    pub(super) fn public(key: &PublicKey, kid: Option<String>, only: Option<Algorithm>) -> Self {
        Self {
            kid,
            only,
            kind: key.kind(),
            prepared: key.prepared(),
        }
    }

    fn serves(&self, algorithm: Algorithm) -> bool {
        self.kind == algorithm.kind() && self.only.is_none_or(|only| only.is(algorithm))
    }

    fn verifies(&self, algorithm: Algorithm, token: &Token<'_>) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&algorithm.primitive(), &self.prepared)
            .is_ok_and(|verifier| verifier.verify(token.signed, &token.signature).is_ok())
    }
}

/// Who has signed a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    /// One of them has signed it.
    Ours,
    /// None of the keys that could have.
    Other,
    /// A key that is not here: of another kind, or of another name.
    Unknown,
}

/// All keys of an authenticator.
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Of these.
    pub(super) const fn of(keys: Vec<Key>) -> Self {
        Self(keys)
    }

    /// Whether a key bears this name, whatever it is for.
    pub(super) fn bears(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether one of them has signed the token. A `kid` selects the keys of that name; where none has it, the keys without a
    /// name are meant, as one that is set by hand is.
    pub(super) fn check(&self, token: &Token<'_>) -> Signer {
        let Some(algorithm) = token.algorithm else {
            return Signer::Unknown;
        };
        let wanted = token.kid.as_deref();
        let by_name = wanted.is_some_and(|kid| self.bears(kid));
        let fitting = self.0.iter().filter(|key| {
            let named = match (wanted, key.kid.as_deref()) {
                (None, _) => true,
                (Some(_), None) => !by_name,
                (Some(wanted), Some(kid)) => kid == wanted,
            };
            named && key.serves(algorithm)
        });
        let mut signed = Signer::Unknown;
        for key in fitting.take(MOST_TRIED) {
            if key.verifies(algorithm, token) {
                return Signer::Ours;
            }
            signed = Signer::Other;
        }
        signed
    }
}
