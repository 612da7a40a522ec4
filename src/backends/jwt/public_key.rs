//! Public keys as numbers: read from PEM or JWK, judged once, written for keeping as JWK.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use super::algorithm::KeyKind;

/// RSA moduli shorter than this are no protection; longer ones than the other cost too much to check.
const LEAST_RSA_BITS: usize = 2048;
const MOST_RSA_BITS: usize = 8192;
/// Longer exponents only make a signature slow to check.
const MOST_EXPONENT_BITS: usize = 33;
/// What an uncompressed point of a curve begins with.
const UNCOMPRESSED: u8 = 4;

/// A public key that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point.
    Ec { curve: Curve, point: Vec<u8> },
    /// The 32 bytes of RFC 8032.
    Ed25519 { x: Vec<u8> },
}

/// The curves of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// By its name in a JWK.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "P-256" => Ok(Self::P256),
            "P-384" => Ok(Self::P384),
            _ => Err("its curve is none of P-256, P-384".to_owned()),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Bytes of a coordinate.
    const fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

impl PublicKey {
    /// An RSA key that is neither weak nor absurd.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, String> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = bits_of(n);
        if !(LEAST_RSA_BITS..=MOST_RSA_BITS).contains(&bits) {
            return Err(format!(
                "its modulus has {bits} bits; it must have from {LEAST_RSA_BITS} to {MOST_RSA_BITS}"
            ));
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !is_odd(n) || !is_odd(e) || e == [1] || bits_of(e) > MOST_EXPONENT_BITS {
            return Err("its modulus or exponent is none that RSA can have".to_owned());
        }
        Ok(Self::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    /// A point of a curve, as PEM holds it.
    pub(super) fn ec(curve: Curve, point: &[u8]) -> Result<Self, String> {
        if point.first() != Some(&UNCOMPRESSED) || point.len() != 1 + 2 * curve.size() {
            return Err(format!("it is no uncompressed point of {}", curve.name()));
        }
        Ok(Self::Ec {
            curve,
            point: point.to_vec(),
        })
    }

    /// The same by its coordinates, which a JWK writes with their leading zeros.
    pub(super) fn ec_at(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, String> {
        if x.len() != curve.size() || y.len() != curve.size() {
            return Err(format!(
                "a coordinate of {} has not {} bytes",
                curve.name(),
                curve.size()
            ));
        }
        Self::ec(curve, &[&[UNCOMPRESSED], x, y].concat())
    }

    /// An Ed25519 key.
    pub(super) fn ed25519(x: &[u8]) -> Result<Self, String> {
        if x.len() != 32 {
            return Err("an Ed25519 key has 32 bytes".to_owned());
        }
        // The points of low order let a signature fit many messages; the first two are the ones that are met.
        if x.iter().skip(1).all(|byte| *byte == 0) && x.first().is_some_and(|first| *first < 2) {
            return Err("it is a point of low order".to_owned());
        }
        Ok(Self::Ed25519 { x: x.to_vec() })
    }

    /// Which algorithms it serves.
    pub(super) const fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ec { curve: Curve::P256, .. } => KeyKind::P256,
            Self::Ec { curve: Curve::P384, .. } => KeyKind::P384,
            Self::Ed25519 { .. } => KeyKind::Ed25519,
        }
    }

    /// Ready to check signatures with.
    pub(super) fn prepared(&self) -> DecodingKey {
        match self {
            Self::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            Self::Ec { point, .. } => DecodingKey::from_ec_der(point),
            Self::Ed25519 { x } => DecodingKey::from_ed_der(x),
        }
    }

    /// Its members as a JWK, the private ones being unknown here.
    pub(super) fn to_jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa { n, e } => json!({"kty": "RSA", "n": encode(n), "e": encode(e)}),
            Self::Ec { curve, point } => {
                let (x, y) = point
                    .get(1..)
                    .and_then(|both| both.split_at_checked(curve.size()))
                    .unwrap_or_default();
                json!({"kty": "EC", "crv": curve.name(), "x": encode(x), "y": encode(y)})
            }
            Self::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)}),
        }
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bits_of(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len() * 8 - leading
}
