//! What can be set of the dashboard.

use serde::{Deserialize, Serialize};

/// The pages for operators, on the HTTP listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether the pages are served.
    pub enabled: bool,
    /// The most bytes of a file of users that may be uploaded.
    pub max_upload_bytes: u64,
    /// Pages that may be open at once and be kept up to date.
    pub max_live_pages: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            max_upload_bytes: 100 * 1024 * 1024,
            max_live_pages: 1000,
        }
    }
}
