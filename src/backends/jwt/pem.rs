//! Public keys out of PEM: `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 5280) and `RSA PUBLIC KEY` (PKCS #1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::public_key::{Curve, PublicKey};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;

/// Object identifiers, as they are encoded.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// Every public key of a text that holds one PEM section or several.
pub(super) fn public_keys(text: &str) -> Result<Vec<PublicKey>, String> {
    let mut keys = Vec::new();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        let label = line
            .strip_prefix("-----BEGIN ")
            .and_then(|rest| rest.strip_suffix("-----"))
            .ok_or("is not PEM: give the text of the key itself, from `-----BEGIN PUBLIC KEY-----` on")?;
        let end = format!("-----END {label}-----");
        let mut body = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => body.push_str(line),
                None => return Err(format!("has a section `{label}` without its end")),
            }
        }
        let der = STANDARD
            .decode(&body)
            .map_err(|_| format!("has a section `{label}` that is not base64"))?;
        keys.push(public_key(label, &der)?);
    }
    if keys.is_empty() {
        return Err("holds no key".to_owned());
    }
    Ok(keys)
}

fn public_key(label: &str, der: &[u8]) -> Result<PublicKey, String> {
    let key = match label {
        "PUBLIC KEY" => subject_key(der),
        "RSA PUBLIC KEY" => rsa_key(der),
        label if label.ends_with("PRIVATE KEY") => {
            return Err(
                "holds a private key; only public keys belong here, and this one should be replaced".to_owned(),
            );
        }
        _ => return Err(format!("has a section `{label}`; known are PUBLIC KEY, RSA PUBLIC KEY")),
    };
    key.ok_or_else(|| "holds a key that cannot be read".to_owned())?
        .map_err(|why| format!("holds a key that cannot be used: {why}"))
}

/// A key that was read and is judged; `None` if it cannot be read.
type Judged = Option<Result<PublicKey, String>>;

fn subject_key(der: &[u8]) -> Judged {
    let mut outer = Der(Der(der).only(SEQUENCE)?);
    let mut algorithm = Der(outer.take(SEQUENCE)?);
    // The bits are whole bytes, so none of the last is unused.
    let (unused, key) = outer.only_next(BIT_STRING)?.split_first()?;
    if *unused != 0 {
        return None;
    }
    match algorithm.take(OBJECT_ID)? {
        RSA => rsa_key(key),
        ED25519 => Some(PublicKey::ed25519(key)),
        EC => Some(match algorithm.take(OBJECT_ID)? {
            P256 => PublicKey::ec(Curve::P256, key),
            P384 => PublicKey::ec(Curve::P384, key),
            P521 => PublicKey::ec(Curve::P521, key),
            _ => Err("its curve is none of P-256, P-384, P-521".to_owned()),
        }),
        _ => Some(Err("it is none of RSA, EC, Ed25519".to_owned())),
    }
}

fn rsa_key(der: &[u8]) -> Judged {
    let mut numbers = Der(Der(der).only(SEQUENCE)?);
    let n = numbers.take(INTEGER)?;
    let e = numbers.only_next(INTEGER)?;
    Some(PublicKey::rsa(n, e))
}

/// What is left of a DER encoding.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, which must be of that kind.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81 | 0x82 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(content)
    }

    /// The same, with nothing after it.
    fn only_next(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.take(tag).filter(|_| self.0.is_empty())
    }

    fn only(mut self, tag: u8) -> Option<&'a [u8]> {
        self.only_next(tag)
    }
}
