//! Public keys: read from PEM or JWK as numbers, judged and made ready once, written for keeping as JWK.

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::algorithm::Algorithm;

/// RSA moduli shorter than this are no protection; longer ones than the other cost too much to check.
const LEAST_RSA_BITS: usize = 2048;
const MOST_RSA_BITS: usize = 8192;
/// Longer exponents only make a signature slow to check.
const MOST_EXPONENT_BITS: usize = 33;
/// What an uncompressed point of a curve begins with.
const UNCOMPRESSED: u8 = 4;
/// What RSA serves.
const OF_RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::Ps384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::Ps512, &RSA_PSS_2048_8192_SHA512),
];
/// Ed25519 works modulo this, 2^255 - 19, little-endian as keys are. A key that is not below it is another spelling of one that is.
const ED25519_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};
/// The points of Ed25519 by which a signature fits many messages: those whose order divides 8, without their sign.
const OF_LOW_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// A public key that may be used, ready for every algorithm that it serves. That it serves no other is what keeps a key from being
/// used for another kind's algorithms.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    numbers: Numbers,
    ready: Arc<[(Algorithm, ParsedPublicKey)]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Numbers {
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
    P521,
}

impl Curve {
    /// By its name in a JWK.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "P-256" => Ok(Self::P256),
            "P-384" => Ok(Self::P384),
            "P-521" => Ok(Self::P521),
            _ => Err("its curve is none of P-256, P-384, P-521".to_owned()),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Bytes of a coordinate.
    const fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The one algorithm that its points serve.
    fn algorithm(self) -> (Algorithm, &'static dyn VerificationAlgorithm) {
        match self {
            Self::P256 => (Algorithm::Es256, &ECDSA_P256_SHA256_FIXED),
            Self::P384 => (Algorithm::Es384, &ECDSA_P384_SHA384_FIXED),
            Self::P521 => (Algorithm::Es512, &ECDSA_P521_SHA512_FIXED),
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
        let is_none = || "its modulus or exponent is none that RSA can have".to_owned();
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !is_odd(n) || !is_odd(e) || e == [1] || bits_of(e) > MOST_EXPONENT_BITS {
            return Err(is_none());
        }
        let components = RsaPublicKeyComponents { n, e };
        let ready: Result<_, _> = OF_RSA
            .into_iter()
            .map(|(algorithm, parameters)| Ok((algorithm, components.to_parsed_public_key(parameters)?)))
            .collect();
        Ok(Self {
            numbers: Numbers::Rsa {
                n: n.to_vec(),
                e: e.to_vec(),
            },
            ready: ready.map_err(|_: aws_lc_rs::error::KeyRejected| is_none())?,
        })
    }

    /// A point of a curve, as PEM holds it.
    pub(super) fn ec(curve: Curve, point: &[u8]) -> Result<Self, String> {
        if point.first() != Some(&UNCOMPRESSED) || point.len() != 1 + 2 * curve.size() {
            return Err(format!("it is no uncompressed point of {}", curve.name()));
        }
        let (algorithm, verification) = curve.algorithm();
        let ready = ParsedPublicKey::new(verification, point)
            .map_err(|_| format!("its coordinates are no point of {}", curve.name()))?;
        Ok(Self {
            numbers: Numbers::Ec {
                curve,
                point: point.to_vec(),
            },
            ready: Arc::new([(algorithm, ready)]),
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

    /// An Ed25519 key. One that is no point at all is not told from others here, and no signature ever fits it.
    pub(super) fn ed25519(x: &[u8]) -> Result<Self, String> {
        let mut unsigned: [u8; 32] = x.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
        let [.., last] = &mut unsigned;
        *last &= 0x7f;
        if OF_LOW_ORDER.contains(&hex::encode(unsigned).as_str()) {
            return Err("it is a point of low order".to_owned());
        }
        if unsigned.iter().rev().ge(ED25519_PRIME.iter().rev()) {
            return Err("it is no Ed25519 key: its number is too large".to_owned());
        }
        let ready = ParsedPublicKey::new(&ED25519, x).map_err(|_| "it is no Ed25519 key")?;
        Ok(Self {
            numbers: Numbers::Ed25519 { x: x.to_vec() },
            ready: Arc::new([(Algorithm::EdDsa, ready)]),
        })
    }

    /// The algorithms that it serves, and itself ready for each of them.
    pub(super) fn ready(&self) -> &[(Algorithm, ParsedPublicKey)] {
        &self.ready
    }

    /// Its members as a JWK, the private ones being unknown here.
    pub(super) fn to_jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.numbers {
            Numbers::Rsa { n, e } => json!({"kty": "RSA", "n": encode(n), "e": encode(e)}),
            Numbers::Ec { curve, point } => {
                let (x, y) = point
                    .get(1..)
                    .and_then(|both| both.split_at_checked(curve.size()))
                    .unwrap_or_default();
                json!({"kty": "EC", "crv": curve.name(), "x": encode(x), "y": encode(y)})
            }
            Numbers::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)}),
        }
    }
}

impl PartialEq for PublicKey {
    /// What it serves follows from its numbers.
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for PublicKey {}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bits_of(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len() * 8 - leading
}
