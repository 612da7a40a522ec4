//! Why a password cannot be hashed, and why a setting or record cannot be used.

/// A setting or record that cannot be used: which field, and why. `field` is a path below `password_hash_algorithm`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {why}")]
pub struct Invalid {
    /// Path of the field; empty for the whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub why: String,
}

impl Invalid {
    /// A fault of one field.
    pub(super) fn new(field: &str, why: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            why: why.into(),
        }
    }
}

/// Why a hash could not be computed. No variant carries a password, a salt or a hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// The stored text is not one of ours.
    #[error("the stored hash cannot be used: {0}")]
    Unusable(String),
    /// The new password is longer than the algorithm can take in whole.
    #[error("the password is longer than the {limit} bytes that this algorithm takes")]
    TooLong {
        /// The most bytes it takes.
        limit: usize,
    },
    /// It takes more memory than hashing may take in all.
    #[error(
        "a hash of this kind takes {kib} KiB of memory, and `hash.memory_mib` leaves {limit_kib} KiB to all of them together"
    )]
    TooLarge {
        /// What one takes.
        kib: u32,
        /// What there is.
        limit_kib: u32,
    },
    /// The new password holds what its algorithm prohibits.
    #[error("the password {0}")]
    Prohibited(&'static str),
    /// The machine gives no random bytes for a salt.
    #[error("no random bytes for a salt: {0}")]
    NoRandomness(String),
    /// The pool has stopped.
    #[error("hashing has stopped")]
    Stopped,
}

impl HashError {
    /// A stored text that cannot be used.
    pub(super) fn unusable(why: impl Into<String>) -> Self {
        Self::Unusable(why.into())
    }
}
