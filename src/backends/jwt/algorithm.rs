//! The ways a token can be signed, and which kind of key each of them needs.

use jsonwebtoken::Algorithm as Primitive;

/// A kind of key. An algorithm belongs to exactly one, so a key can never be used for another kind's algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// A shared secret.
    Secret,
    /// RSA.
    Rsa,
    /// The curve P-256.
    P256,
    /// The curve P-384.
    P384,
    /// The curve Ed25519.
    Ed25519,
}

/// One way of signing (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    name: &'static str,
    kind: KeyKind,
    primitive: Primitive,
}

/// All of them. Names are compared as they are written: `hs256` is none of them.
const ALGORITHMS: [Algorithm; 13] = [
    Algorithm::of("HS256", KeyKind::Secret, Primitive::HS256),
    Algorithm::of("HS384", KeyKind::Secret, Primitive::HS384),
    Algorithm::of("HS512", KeyKind::Secret, Primitive::HS512),
    Algorithm::of("RS256", KeyKind::Rsa, Primitive::RS256),
    Algorithm::of("RS384", KeyKind::Rsa, Primitive::RS384),
    Algorithm::of("RS512", KeyKind::Rsa, Primitive::RS512),
    Algorithm::of("PS256", KeyKind::Rsa, Primitive::PS256),
    Algorithm::of("PS384", KeyKind::Rsa, Primitive::PS384),
    Algorithm::of("PS512", KeyKind::Rsa, Primitive::PS512),
    Algorithm::of("ES256", KeyKind::P256, Primitive::ES256),
    Algorithm::of("ES384", KeyKind::P384, Primitive::ES384),
    Algorithm::of("EdDSA", KeyKind::Ed25519, Primitive::EdDSA),
    // Its newer name (RFC 9864).
    Algorithm::of("Ed25519", KeyKind::Ed25519, Primitive::EdDSA),
];

impl Algorithm {
    const fn of(name: &'static str, kind: KeyKind, primitive: Primitive) -> Self {
        Self { name, kind, primitive }
    }

    /// The algorithm of that name, if there is one.
    pub(super) fn named(name: &str) -> Option<Self> {
        ALGORITHMS.into_iter().find(|algorithm| algorithm.name == name)
    }

    /// As it is written in a token.
    pub(super) const fn name(self) -> &'static str {
        self.name
    }

    /// The kind of key it needs.
    pub(super) const fn kind(self) -> KeyKind {
        self.kind
    }

    /// Whether both are the same under two names.
    pub(super) fn is(self, other: Self) -> bool {
        self.primitive == other.primitive
    }

    /// What the library calls it.
    pub(super) const fn primitive(self) -> Primitive {
        self.primitive
    }
}
