//! What backends may use of a node.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The settings of this room.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder with the secrets that authenticators name as `file:NAME`; empty: `secrets` in the node's own folder.
    pub secrets_dir: PathBuf,
}

impl Settings {
    /// The folder in force.
    pub fn secrets_dir(&self, data_dir: &Path) -> PathBuf {
        if self.secrets_dir.as_os_str().is_empty() {
            data_dir.join("secrets")
        } else {
            self.secrets_dir.clone()
        }
    }
}
