//! What a name may look like: it becomes part of a key whose parts are told apart by NUL.

use super::invalid;
use crate::store::command::{Envelope, Refusal};

/// Longest name of anything, in bytes.
const MAX_NAME: usize = 1024;

/// Longest `request_id`, in bytes.
const MAX_REQUEST_ID: usize = 256;

pub(super) fn check(field: &str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(invalid(field, "is empty"));
    }
    check_text(field, name, MAX_NAME)
}

/// Who asks and under which id is kept too, so it is bounded before anything else happens.
pub(super) fn check_envelope(envelope: &Envelope) -> Result<(), Refusal> {
    check_text("by", &envelope.by, MAX_NAME)?;
    check_text("request_id", &envelope.request_id, MAX_REQUEST_ID)
}

/// What is kept beside a name may be empty.
pub(super) fn check_note(field: &str, text: &str) -> Result<(), Refusal> {
    check_text(field, text, MAX_NAME)
}

fn check_text(field: &str, text: &str, limit: usize) -> Result<(), Refusal> {
    if text.len() > limit {
        return Err(invalid(
            field,
            format!("has {} bytes, the limit is {limit}", text.len()),
        ));
    }
    if text.contains('\0') {
        return Err(invalid(field, "holds a NUL"));
    }
    Ok(())
}
