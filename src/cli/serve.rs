//! `portcullis serve`: one node in the foreground.

use std::path::Path;
use std::process::ExitCode;

use super::output;

/// Runs the node that the file describes until it is told to stop.
pub(super) fn run(config: &Path) -> ExitCode {
    let outcome = crate::config::load(config)
        .map_err(|error| error.to_string())
        .and_then(crate::node::run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            output::complain(&why);
            ExitCode::FAILURE
        }
    }
}
