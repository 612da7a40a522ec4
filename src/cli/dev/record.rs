//! `dev.json`: what a development cluster remembers of itself, for its restart and for scripts.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::cli::private_file::PrivateFile;

/// What is in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    /// The nodes in their order.
    pub(super) nodes: Vec<NodeRecord>,
    /// The key that `init` gave.
    pub(super) admin_api_key: String,
    /// What makes the first account of the dashboard; empty once there is one.
    #[serde(default)]
    pub(super) setup_token: String,
    /// The demo user's password.
    pub(super) demo_password: String,
    /// Whether the nodes of this run are all ready.
    #[serde(default)]
    pub(super) ready: bool,
}

/// One node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NodeRecord {
    /// Its id.
    pub(super) id: u64,
    /// Its process.
    pub(super) pid: u32,
    /// host:port of each listener.
    pub(super) grpc: String,
    /// Of its peers'.
    pub(super) peer: String,
    /// Of its web face.
    pub(super) http: String,
}

impl Record {
    /// The record of an earlier run, if there was one.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let file = path(folder);
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .with_context(|| format!("cannot use `{}`", file.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read `{}`", file.display())),
        }
    }

    /// Writes it for the owner alone, whole or not at all: it holds the only copy of the admin key.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let file = path(folder);
        self.replace(&file)
            .with_context(|| format!("cannot write `{}`", file.display()))
    }

    fn replace(&self, file: &Path) -> anyhow::Result<()> {
        let mut out = PrivateFile::create(file)?;
        out.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        out.write_all(b"\n")?;
        Ok(out.keep()?)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("dev.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_the_owner_can_read_the_record_and_it_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Record::read(folder.path()).unwrap().is_none());
        let record = Record {
            nodes: vec![],
            admin_api_key: "pck_a_b".into(),
            setup_token: "pcs_c".into(),
            demo_password: "c".into(),
            ready: true,
        };
        record.write(folder.path()).unwrap();
        assert_eq!(
            fs::metadata(path(folder.path())).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(Record::read(folder.path()).unwrap().unwrap().admin_api_key, "pck_a_b");
    }
}
