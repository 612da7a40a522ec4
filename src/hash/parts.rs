//! What stored texts are made of: numbers within bounds, and the dialects of base64.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::error::{HashError, Invalid};

/// Bytes of the longest salt that is taken. Nobody makes longer ones, and each check has to hash it.
pub(super) const MAX_SALT: usize = 256;

/// Some pad, some do not.
const INDIFFERENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The digits of crypt(3).
const CRYPT_DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A salt made elsewhere, as the caller gave it.
pub(super) fn bounded_salt(salt: &str) -> Result<&str, Invalid> {
    if salt.len() > MAX_SALT {
        return Err(Invalid::new("salt", format!("must have at most {MAX_SALT} bytes")));
    }
    Ok(salt)
}

/// A number in decimal digits, and nothing but digits, within bounds.
pub(super) fn number(text: &str, bounds: &RangeInclusive<u32>) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    bounds.contains(&number).then_some(number)
}

/// A number after its name: `m=19456`.
pub(super) fn named_number(text: &str, name: &str, bounds: &RangeInclusive<u32>) -> Option<u32> {
    number(text.strip_prefix(name)?.strip_prefix('=')?, bounds)
}

/// The parts between dollar signs, exactly so many.
pub(super) fn split<const N: usize>(text: &str) -> Option<[&str; N]> {
    let parts: Vec<_> = text.splitn(N + 1, '$').collect();
    parts.try_into().ok()
}

/// Base64 without padding, as PHC strings have it.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Back from [`to_base64`].
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, HashError> {
    STANDARD_NO_PAD.decode(text).map_err(|_| not_base64())
}

/// Base64 as others write it: padded or not, and a `.` for the `+`, as passlib does.
pub(super) fn from_foreign_base64(text: &str) -> Result<Vec<u8>, HashError> {
    INDIFFERENT.decode(text.replace('.', "+")).map_err(|_| not_base64())
}

fn not_base64() -> HashError {
    HashError::unusable("a part of it is not base64")
}

/// A digest in the digits of crypt(3), which takes its bytes in an order of its own, three at a time, lowest bits first.
pub(super) fn to_crypt_digits(digest: &[u8], order: &[usize]) -> String {
    let mut digits = String::new();
    for group in order.chunks(3) {
        let byte = |place: &usize| u32::from(digest.get(*place).copied().unwrap_or_default());
        let mut bits = group.iter().rev().fold(0, |bits, place| bits << 8 | byte(place));
        for _ in 0..=group.len() {
            digits.extend(CRYPT_DIGITS.get(bits as usize % 64).map(|digit| char::from(*digit)));
            bits /= 64;
        }
    }
    digits
}

/// Whether a text can be a digest of so many bytes in those digits.
pub(super) fn are_crypt_digits(text: &str, bytes: usize) -> bool {
    text.len() == (bytes * 8).div_ceil(6) && text.bytes().all(|digit| CRYPT_DIGITS.contains(&digit))
}

#[cfg(test)]
mod tests {
    use super::{from_foreign_base64, named_number, number, split};

    #[test]
    fn only_digits_within_bounds_are_a_number() {
        assert_eq!(number("007", &(1..=7)), Some(7));
        for not in ["", "+7", "-7", " 7", "7 ", "8", "0", "4294967297", "٧"] {
            assert_eq!(number(not, &(1..=7)), None, "{not}");
        }
        assert_eq!(named_number("m=7", "m", &(1..=7)), Some(7));
        assert_eq!(named_number("t=7", "m", &(1..=7)), None);
    }

    #[test]
    fn a_text_of_other_parts_is_not_split() {
        assert_eq!(split("a$b$"), Some(["a", "b", ""]));
        assert_eq!(split::<3>("a$b"), None);
        assert_eq!(split::<2>("a$b$c"), None);
    }

    #[test]
    fn base64_is_read_as_others_write_it() {
        for text in ["+/A=", "+/A", "./A", "./A="] {
            assert_eq!(from_foreign_base64(text), Ok(vec![0xfb, 0xf0]), "{text}");
        }
        assert!(from_foreign_base64("+/B=").is_err());
    }
}
