//! The keys of an authenticator, ready to check with: which of them may have signed a token, and whether one has.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;

use super::algorithm::Algorithm;
use super::public_key::PublicKey;
use super::token::Token;

/// Keys that are tried on one token.
pub(super) const MOST_TRIED: usize = 16;

/// One key with what it may be used for.
pub(super) struct Key {
    /// Its name, if it has one.
    kid: Option<String>,
    serves: Vec<(Algorithm, Verifier)>,
}

/// A key for one algorithm.
enum Verifier {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Key {
    /// A shared secret.
    pub(super) fn secret(secret: &[u8]) -> Self {
        let serves = [
            (Algorithm::Hs256, hmac::HMAC_SHA256),
            (Algorithm::Hs384, hmac::HMAC_SHA384),
            (Algorithm::Hs512, hmac::HMAC_SHA512),
        ];
        let ready = |(algorithm, hash)| (algorithm, Verifier::Secret(Box::new(hmac::Key::new(hash, secret))));
        Self {
            kid: None,
            serves: serves.map(ready).into(),
        }
    }

    /// A public key, maybe meant for one of its algorithms only.
    pub(super) fn public(key: &PublicKey, kid: Option<String>, only: Option<Algorithm>) -> Self {
        let meant = key
            .ready()
            .iter()
            .filter(|(algorithm, _)| only.is_none_or(|only| only == *algorithm));
        Self {
            kid,
            serves: meant
                .map(|(algorithm, ready)| (*algorithm, Verifier::Public(ready.clone())))
                .collect(),
        }
    }

    /// What checks signatures of that algorithm, if the key serves it.
    fn verifier(&self, wanted: Algorithm) -> Option<&Verifier> {
        let mut serves = self.serves.iter();
        serves.find_map(|(algorithm, verifier)| (*algorithm == wanted).then_some(verifier))
    }
}

impl Verifier {
    fn accepts(&self, token: &Token<'_>) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, token.signed, &token.signature).is_ok(),
            Self::Public(key) => key.verify_sig(token.signed, &token.signature).is_ok(),
        }
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
        let named = self.0.iter().filter(|key| match (wanted, key.kid.as_deref()) {
            (None, _) => true,
            (Some(_), None) => !by_name,
            (Some(wanted), Some(kid)) => kid == wanted,
        });
        let mut signed = Signer::Unknown;
        for verifier in named.filter_map(|key| key.verifier(algorithm)).take(MOST_TRIED) {
            if verifier.accepts(token) {
                return Signer::Ours;
            }
            signed = Signer::Other;
        }
        signed
    }
}
