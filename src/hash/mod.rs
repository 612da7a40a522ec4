//! Password hashing: one file per family, one catalog. Knows nothing of users.

mod algorithm;
mod argon2;
mod bcrypt;
mod digest;
mod encoded;
mod error;
mod fields;
mod foreign;
mod hasher;
mod md5_crypt;
mod parts;
mod pbkdf2;
mod salt;
mod scrypt;
mod sha_crypt;

pub use self::algorithm::Algorithm;
pub use self::argon2::{Argon2id, Preset};
pub use self::bcrypt::Bcrypt;
pub use self::digest::{Digest, SaltPosition, SaltedDigest};
pub use self::encoded::{name_of, says_what_it_is};
pub use self::error::{HashError, Invalid};
pub use self::foreign::weakness;
pub use self::hasher::{Hasher, Settings};
pub use self::pbkdf2::{MacFun, Pbkdf2};
