//! The values of the one sled tree: a version byte, then postcard. And the sums that tell whether they are still what was written.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::{Applied, Payload};
use super::error::StoreError;
use super::{Envelope, Outcome};

/// Goes before every value. Another byte is another layout.
const VERSION: u8 = 1;

/// Larger values would leave sled's log for files that it never syncs.
pub(super) const MAX_VALUE: usize = 16 << 10;

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    encode_as(VERSION, value)
}

/// In another layout than the first one.
pub(super) fn encode_as<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![version]).map_err(|e| StoreError::damaged("a value to be written", e.to_string()))
}

pub(super) fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    decode_as(VERSION, what, bytes)
}

/// From another layout than the first one.
pub(super) fn decode_as<T: DeserializeOwned>(version: u8, what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    let Some(body) = bytes
        .split_first()
        .filter(|(first, _)| **first == version)
        .map(|(_, body)| body)
    else {
        return Err(StoreError::damaged(what, "its version is unknown"));
    };
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(StoreError::damaged(what, "there are bytes behind its end")),
        Err(e) => Err(StoreError::damaged(what, e.to_string())),
    }
}

/// How far the state has been applied, and what it must add up to. Written with every run, in the same batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// Which life of this node wrote it.
    pub incarnation: u64,
    pub index: u64,
    /// Empty: nothing has been applied yet.
    pub position: Bytes,
    pub membership: Bytes,
    pub state_hash: u64,
    /// How many users there are.
    pub users: u64,
    /// The fingerprints of all other keys and values, added up.
    pub contents: u64,
}

impl Meta {
    pub(super) fn applied(&self) -> Applied {
        Applied {
            index: self.index,
            position: self.position.clone(),
            membership: self.membership.clone(),
            state_hash: self.state_hash,
        }
    }

    /// Its bytes, with their own checksum: the sum over the contents cannot cover itself.
    pub(super) fn seal(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = encode(self)?;
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        Ok(bytes)
    }

    pub(super) fn unseal(bytes: &[u8]) -> Result<Self, StoreError> {
        match bytes.split_last_chunk::<4>() {
            Some((body, crc)) if crc32fast::hash(body) == u32::from_le_bytes(*crc) => decode("meta", body),
            _ => Err(StoreError::damaged("meta", "its checksum is wrong")),
        }
    }

    /// Takes a change of one key into the sums.
    pub(super) fn count(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        let sum = |value: Option<&[u8]>| value.map_or(0, |value| fingerprint(key, value));
        self.contents = self.contents.wrapping_sub(sum(old)).wrapping_add(sum(new));
        if key.first() == Some(&super::key::USERS) {
            self.users = self
                .users
                .wrapping_sub(u64::from(old.is_some()))
                .wrapping_add(u64::from(new.is_some()));
        }
    }

    /// Folds one more entry into the rolling hash, which depends on the log alone, not on how it was cut into runs.
    pub(super) fn fold(&mut self, index: u64, payload: &Payload, outcome: &Outcome) -> Result<(), StoreError> {
        let said = match payload {
            Payload::Blank => Said::Blank,
            Payload::Membership(bytes) => Said::Membership(bytes),
            Payload::Command(envelope) => Said::Command(envelope),
        };
        self.state_hash = short_hash(&[&encode(&(self.state_hash, index, said, outcome))?]);
        Ok(())
    }
}

/// What the rolling hash covers of an entry. The order of the variants is for ever.
#[derive(Serialize)]
enum Said<'a> {
    Blank,
    Membership(&'a Bytes),
    Command(&'a Envelope),
}

fn fingerprint(key: &[u8], value: &[u8]) -> u64 {
    short_hash(&[&(key.len() as u64).to_le_bytes(), key, value])
}

/// Of the parts as if they were one.
fn short_hash(parts: &[&[u8]]) -> u64 {
    let hashed = parts
        .iter()
        .fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
    let digest: [u8; 32] = hashed.finalize().into();
    digest.first_chunk::<8>().map_or(0, |head| u64::from_le_bytes(*head))
}
