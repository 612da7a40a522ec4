//! Keys of a SCRAM user that were made elsewhere, as a request or a row of a file gives them.

use crate::auth::{PasswordRecord, Secret};
use crate::hash::{self, Invalid, ScramHash, ScramRecord};

/// Instead of a password: with a salt they make its record. `None`: not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScramKeys {
    /// How often PBKDF2 was applied.
    pub iterations: Option<u32>,
    /// Base64.
    pub stored_key: Option<Secret>,
    /// Base64.
    pub server_key: Option<Secret>,
}

impl ScramKeys {
    /// The fields that are given, for those that cannot be.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("iterations", self.iterations.is_some()),
            ("stored_key", self.stored_key.is_some()),
            ("server_key", self.server_key.is_some()),
        ];
        fields
            .into_iter()
            .filter_map(|(field, is_given)| is_given.then_some(field))
    }

    /// The record that they and the salt (base64) make; every fault at once.
    pub(super) fn record(&self, hash: ScramHash, salt: &str) -> Result<PasswordRecord, Vec<Invalid>> {
        let keys = hash::ScramKeys {
            salt: salt.as_bytes(),
            iterations: self.iterations,
            stored_key: bytes(self.stored_key.as_ref()),
            server_key: bytes(self.server_key.as_ref()),
        };
        ScramRecord::from_keys(hash, keys).map(|record| PasswordRecord::new(record.encode()))
    }
}

fn bytes(key: Option<&Secret>) -> &[u8] {
    key.map_or(&[], Secret::expose)
}
