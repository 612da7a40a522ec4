//! What can be set of this node's share in administration.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What operators may have done on this node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder of the files that may fill an authenticator at its beginning; empty: `bootstrap` in the data folder.
    pub bootstrap_dir: PathBuf,
}

impl Settings {
    /// The folder, for a node that keeps its data there.
    pub fn bootstrap_dir(&self, data_dir: &Path) -> PathBuf {
        if self.bootstrap_dir.as_os_str().is_empty() {
            data_dir.join("bootstrap")
        } else {
            self.bootstrap_dir.clone()
        }
    }
}
