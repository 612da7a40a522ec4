//! What a failure says: the message, each field at fault, the reason.

use std::fmt::Write as _;

use tonic_types::StatusExt as _;

/// The error as lines for standard error: the message first, then what the service knows beyond it.
pub(super) fn describe(error: &anyhow::Error) -> String {
    match error.downcast_ref::<tonic::Status>() {
        Some(status) => describe_status(status),
        None => format!("{error:#}"),
    }
}

fn describe_status(status: &tonic::Status) -> String {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.as_slice())
        .unwrap_or_default();
    let mut text = match status.message() {
        "" => status.code().description().to_owned(),
        // What follows are the violations in one line, for callers who read no details.
        message if !violations.is_empty() => message.split(": `").next().unwrap_or(message).to_owned(),
        message => message.to_owned(),
    };
    // Writing to a string cannot fail, so the results say nothing.
    for violation in violations {
        let _ = write!(text, "\n  `{}`: {}", violation.field, violation.description);
    }
    if let Some(info) = details.error_info() {
        let mut metadata: Vec<_> = info
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        metadata.sort();
        let _ = write!(text, "\n  reason: {}", info.reason);
        if !metadata.is_empty() {
            let _ = write!(text, " ({})", metadata.join(", "));
        }
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        let _ = write!(text, "\n  try again in {delay:?}");
    }
    if status.code() == tonic::Code::Unauthenticated {
        text.push_str("\n  an API key is given by the variable PORTCULLIS_API_KEY");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::describe;
    use std::collections::HashMap;
    use tonic_types::{ErrorDetails, StatusExt as _};

    #[test]
    fn a_status_is_told_with_its_fields_and_its_reason() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("settings.iterations", "must be at least 1");
        details.set_error_info(
            "REVISION_MISMATCH",
            "portcullis",
            HashMap::from([("revision".into(), "7".into())]),
        );
        let status = tonic::Status::with_error_details(tonic::Code::Aborted, "the object has changed", details);
        assert_eq!(
            describe(&anyhow::Error::from(status)),
            "the object has changed\n  `settings.iterations`: must be at least 1\n  reason: REVISION_MISMATCH (revision=7)"
        );
    }

    #[test]
    fn violations_are_told_once_and_one_a_line() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("id", "is long");
        details.add_bad_request_violation("timeout", "is short");
        let message = "invalid request: `id`: is long; `timeout`: is short";
        let status = tonic::Status::with_error_details(tonic::Code::InvalidArgument, message, details);
        assert_eq!(
            describe(&anyhow::Error::from(status)),
            "invalid request\n  `id`: is long\n  `timeout`: is short"
        );
    }

    #[test]
    fn an_error_of_our_own_is_told_with_what_led_to_it() {
        let error = anyhow::anyhow!("no such file").context("cannot read `users.csv`");
        assert_eq!(describe(&error), "cannot read `users.csv`: no such file");
    }
}
