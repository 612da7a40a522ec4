//! The last good key set on this node's disk: a node that starts while the issuer is down goes on with it. Public keys only.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::jwk_set::JwkSet;
use crate::auth::{AuthenticatorKey, Timestamp};

/// More than a set that was fetched can need, so that a wrong file does not fill the memory.
const LONGEST: u64 = 1024 * 1024;

/// What the name of a file of ours is made of: others in that folder are other backends'. One that is being written has one more
/// ending.
const PREFIX: &str = "jwks-";
const ENDING: &str = ".json";
const UNFINISHED: &str = ".new";

/// Removes the files of authenticators that are not among these. Blocks.
pub(in crate::backends) fn remove_others(folder: &Path, declared: &[AuthenticatorKey]) -> io::Result<()> {
    let names: BTreeSet<_> = declared.iter().map(name_of).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let finished = name.strip_suffix(UNFINISHED).unwrap_or(name);
        let is_ours = finished.starts_with(PREFIX) && finished.ends_with(ENDING);
        if is_ours && !names.contains(finished) {
            removed(&entry.path())?;
        }
    }
    Ok(())
}

/// The names of chains and authenticators may not be names of files.
fn name_of(key: &AuthenticatorKey) -> String {
    let digest = Sha256::digest(format!("{}\0{}", key.chain, key.id));
    let name = hex::encode(digest.get(..16).unwrap_or_default());
    format!("{PREFIX}{name}{ENDING}")
}

/// Whether or not it was there.
fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The file of one authenticator.
#[derive(Clone)]
pub(super) struct KeptFile {
    path: PathBuf,
    /// Keys of another address are none of this authenticator's.
    address: String,
}

/// A set with when it was fetched.
pub(super) struct Kept {
    pub(super) set: JwkSet,
    pub(super) fetched_at: Timestamp,
    pub(super) etag: Option<String>,
}

impl KeptFile {
    /// In that folder.
    pub(super) fn of(folder: &Path, key: &AuthenticatorKey, address: &str) -> Self {
        Self {
            path: folder.join(name_of(key)),
            address: address.to_owned(),
        }
    }

    /// What was kept for this address, if anything was. Blocks.
    pub(super) fn read(&self) -> Result<Option<Kept>, String> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut text = Vec::new();
        file.take(LONGEST)
            .read_to_end(&mut text)
            .map_err(|error| error.to_string())?;
        let document: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if document.get("endpoint").and_then(Value::as_str) != Some(&self.address) {
            return Ok(None);
        }
        let fetched_at = document
            .get("fetched_at")
            .and_then(Value::as_u64)
            .ok_or("it has no time")?;
        Ok(Some(Kept {
            set: JwkSet::parse(&text)?,
            fetched_at: Timestamp(fetched_at),
            etag: document.get("etag").and_then(Value::as_str).map(str::to_owned),
        }))
    }

    /// Replaces what was kept, whole or not at all. Blocks.
    pub(super) fn write(&self, kept: &Kept) -> io::Result<()> {
        let mut document = kept.set.to_json();
        if let Some(members) = document.as_object_mut() {
            let about = [
                ("endpoint", json!(self.address)),
                ("fetched_at", json!(kept.fetched_at.0)),
                ("etag", json!(kept.etag)),
            ];
            members.extend(about.map(|(name, value)| (name.to_owned(), value)));
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push(UNFINISHED);
        let beside = PathBuf::from(beside);
        // A leftover could have another mode, which opening it would keep.
        removed(&beside)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(document.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        self.path
            .parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}
