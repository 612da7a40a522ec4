//! Certificates as servers want them: for loopback, and in files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::authority::{Authority, Pair};

impl Authority {
    /// For a server on `localhost` and `127.0.0.1`.
    pub fn local_server(&self) -> Result<Pair> {
        Ok(self.server(&["localhost", "127.0.0.1"])?)
    }
}

impl Pair {
    /// Writes both into a folder, under names that begin so; returns their paths.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (
            folder.join(format!("{name}.pem")),
            folder.join(format!("{name}-key.pem")),
        );
        fs::write(&certificate, &self.certificate)?;
        fs::write(&key, &self.key)?;
        // Servers refuse keys that others may read.
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        Ok((certificate, key))
    }
}
