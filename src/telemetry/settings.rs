//! What can be set of logging.

use serde::{Deserialize, Serialize};

/// What is logged, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A level, or directives as in `RUST_LOG`.
    pub log: String,
    /// `text` or `json`.
    pub format: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log: "info".into(),
            format: "text".into(),
        }
    }
}
