//! What went wrong, and whose fault it is: the server's or the way's to it, or what a client sent or a document holds.

use mongodb::error::{CommandError, Error, ErrorKind};

use crate::auth::{ProviderError, Reason};
use crate::net::deepest_cause;

/// The server's own time limit for a question is over.
const MAX_TIME_EXPIRED: i32 = 50;
/// What a server says that is in no state to be asked, or will not be asked by us: all logins fail alike.
const IN_TROUBLE: [i32; 21] = [
    6,     // HostUnreachable
    7,     // HostNotFound
    11,    // UserNotFound
    13,    // Unauthorized
    18,    // AuthenticationFailed
    24,    // LockTimeout
    89,    // NetworkTimeout
    91,    // ShutdownInProgress
    133,   // FailedToSatisfyReadPreference
    134,   // ReadConcernMajorityNotAvailableYet
    146,   // ExceededMemoryLimit
    189,   // PrimarySteppedDown
    262,   // ExceededTimeLimit
    391,   // ReauthenticationRequired
    462,   // IngressRequestRateLimitExceeded
    8000,  // AtlasError
    9001,  // SocketException
    10107, // NotWritablePrimary
    11600, // InterruptedAtShutdown
    11602, // InterruptedDueToReplStateChange
    13435, // NotPrimaryNoSecondaryOk
];

/// What the driver says.
pub(super) fn failed(error: &Error) -> ProviderError {
    match &*error.kind {
        ErrorKind::Command(answer) => answered(answer),
        ErrorKind::Authentication { message, .. } => unavailable(format!("the server does not let us in: {message}")),
        ErrorKind::InvalidResponse { message, .. } => ProviderError::new(
            Reason::BackendBadResponse,
            format!("the answer is not understood: {message}"),
        ),
        ErrorKind::Bson(why) => ProviderError::new(
            Reason::BackendBadResponse,
            format!("the answer is not understood: {why}"),
        ),
        ErrorKind::Io(why) => unavailable(deepest_cause(&**why)),
        _ => unavailable(error.kind.to_string()),
    }
}

fn answered(answer: &CommandError) -> ProviderError {
    let CommandError {
        code,
        code_name,
        message,
        ..
    } = answer;
    let reason = match *code {
        MAX_TIME_EXPIRED => Reason::BackendTimeout,
        code if IN_TROUBLE.contains(&code) => Reason::BackendUnavailable,
        _ => Reason::BackendBadResponse,
    };
    ProviderError::new(reason, format!("the server answered {code_name} ({code}): {message}"))
}

fn unavailable(why: String) -> ProviderError {
    ProviderError::new(Reason::BackendUnavailable, why)
}
