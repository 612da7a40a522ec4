//! The composition root: builds every room in order, stops them in reverse. CONTRACT STUB.

use crate::config::Settings;

/// Runs a node until SIGTERM or SIGINT; an error is already logged and means a non-zero exit.
pub fn run(_settings: Settings) -> Result<(), String> {
    todo!()
}
