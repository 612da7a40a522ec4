//! Fresh salts.

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
