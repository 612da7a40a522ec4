//! What is at the bottom of an error.

use std::error::Error;

/// The deepest cause's words: what the operating system or a certificate check said, not "transport error".
pub fn deepest_cause(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
