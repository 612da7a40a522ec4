//! Fresh salts, and the base64 in which salts and hashes are written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::error::HashError;

/// Bytes of randomness in every salt.
pub(super) const BYTES: usize = 16;

/// A fresh salt for the families that take bytes.
pub(super) fn fresh() -> Result<[u8; BYTES], HashError> {
    let mut salt = [0; BYTES];
    getrandom::fill(&mut salt).map_err(|error| HashError::NoRandomness(error.to_string()))?;
    Ok(salt)
}

/// A fresh salt for the families whose salt is text in EMQX's files: 32 lower hexadecimal digits, hashed as they are read.
pub(super) fn fresh_text() -> Result<String, HashError> {
    Ok(hex::encode(fresh()?))
}

/// Base64 without padding, as PHC strings have it.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Back from [`to_base64`].
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, HashError> {
    STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| HashError::unusable("a part of it is not base64"))
}
