//! Secret keys that all nodes share, and the PORT through which backends read them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::clock::Timestamp;

/// 32 random bytes. Wiped on drop; its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key([u8; 32]);

impl Key {
    /// Takes the bytes over.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The only way to see it.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A key under which the state of an exchange is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealingKey {
    /// Written into what it seals.
    pub id: u32,
    /// The key.
    pub key: Key,
    /// When it was drawn.
    pub since: Timestamp,
}

/// What all nodes share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedKeys {
    /// Newest first: the first one seals, every one opens.
    pub sealing: Vec<SealingKey>,
    /// From which users that do not exist get their salts. Never changes, or their salts would.
    pub decoy: Key,
}

/// PORT: the keys that all nodes share; `None` until the cluster has drawn them. From memory.
pub trait KeyRing: Send + Sync {
    /// As this node has them.
    fn shared_keys(&self) -> Option<Arc<SharedKeys>>;
}

#[cfg(test)]
mod tests {
    use super::{Key, SealingKey};
    use crate::auth::Timestamp;

    #[test]
    fn a_key_cannot_be_printed() {
        let key = SealingKey {
            id: 7,
            key: Key::new([0x41; 32]),
            since: Timestamp(0),
        };
        assert!(!format!("{key:?}").contains("65"));
    }
}
