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
mod machine;
mod md5_crypt;
mod memory;
mod parts;
mod pbkdf2;
mod pool;
mod salt;
mod scram;
mod scrypt;
mod settings;
mod sha_crypt;
mod stored;

pub use self::algorithm::Algorithm;
pub use self::argon2::{Argon2id, Preset};
pub use self::bcrypt::Bcrypt;
pub use self::digest::{Digest, SaltPosition, SaltedDigest};
pub use self::encoded::{name_of, says_what_it_is};
pub use self::error::{HashError, Invalid};
pub use self::foreign::weakness;
pub use self::hasher::Hasher;
pub use self::pbkdf2::{MacFun, Pbkdf2};
pub use self::pool::Figures;
pub use self::scram::{Scram, ScramHash, ScramRecord, saslprep, scram_client_proof};
pub use self::settings::Settings;
pub use self::stored::Stored;
