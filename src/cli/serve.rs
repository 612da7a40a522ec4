//! `portcullis serve`: one node, from its configuration to its exit code.

use std::path::Path;
use std::process::ExitCode;

use crate::node::{self, NodeError};
use crate::{config, telemetry};

/// The configuration cannot be used (`EX_CONFIG`): no use in starting again.
const BAD_CONFIGURATION: u8 = 78;
/// The node ran and cannot go on (`EX_SOFTWARE`): a supervisor may start it again.
const FAILED: u8 = 70;

/// Runs the node that the file describes, until it is asked to stop.
pub(super) fn run(config: &Path) -> ExitCode {
    let settings = match config::load(config) {
        Ok(settings) => settings,
        Err(why) => return bad_configuration(&why),
    };
    if let Err(why) = telemetry::start(&settings.telemetry) {
        return bad_configuration(&why);
    }
    match node::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(NodeError::Start(_)) => ExitCode::FAILURE,
        Err(NodeError::Failed(_)) => ExitCode::from(FAILED),
    }
}

/// Said without the log, which does not run yet.
fn bad_configuration(why: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(BAD_CONFIGURATION)
}
