//! The ways a token can be signed.

/// One way of signing (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

/// All of them. Names are compared as they are written: `hs256` is none of them.
const NAMES: [(&str, Algorithm); 14] = [
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("ES512", Algorithm::Es512),
    ("EdDSA", Algorithm::EdDsa),
    // Its newer name (RFC 9864).
    ("Ed25519", Algorithm::EdDsa),
];

impl Algorithm {
    /// The algorithm of that name, if there is one.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES
            .into_iter()
            .find_map(|(known, algorithm)| (known == name).then_some(algorithm))
    }

    /// As it is written in a token.
    pub(super) fn name(self) -> &'static str {
        let found = NAMES.into_iter().find(|(_, algorithm)| *algorithm == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether whoever checks a signature could have made it.
    pub(super) const fn is_by_secret(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}
