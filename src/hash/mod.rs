//! Password hashing: one file per family, one catalog. Knows nothing of users.

mod algorithm;
mod argon2;
mod bcrypt;
mod digest;
mod encoded;
mod error;
mod fields;
mod hasher;
mod pbkdf2;
mod salt;
mod weakness;

pub use self::algorithm::Algorithm;
pub use self::argon2::{Argon2id, Preset};
pub use self::bcrypt::Bcrypt;
pub use self::digest::{Digest, SaltPosition, SaltedDigest};
pub use self::encoded::name_of;
pub use self::error::{HashError, Invalid};
pub use self::hasher::{Hasher, Settings};
pub use self::pbkdf2::{MacFun, Pbkdf2};
pub use self::weakness::weakness;
