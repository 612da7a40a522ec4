//! What directories say at the end of an answer (RFC 4511, appendix A), and what it means here.

use ldap3::LdapResult;

use crate::auth::{ProviderError, Reason};

pub(super) const SUCCESS: u32 = 0;
pub(super) const TIME_LIMIT_EXCEEDED: u32 = 3;
pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
pub(super) const REFERRAL: u32 = 10;
pub(super) const NO_SUCH_OBJECT: u32 = 32;
pub(super) const INVALID_CREDENTIALS: u32 = 49;
pub(super) const BUSY: u32 = 51;
pub(super) const UNAVAILABLE: u32 = 52;

/// A result that decides nothing.
pub(super) fn failed(result: &LdapResult) -> ProviderError {
    let reason = match result.rc {
        BUSY | UNAVAILABLE => Reason::BackendUnavailable,
        TIME_LIMIT_EXCEEDED => Reason::BackendTimeout,
        _ => Reason::BackendBadResponse,
    };
    let why = if result.rc == REFERRAL {
        "the directory refers to another one, which is not followed".to_owned()
    } else {
        format!("the directory answers {}", told(result))
    };
    ProviderError::new(reason, why)
}

/// Code, name and what the directory adds, without the DN that it repeats: that may hold what clients sent.
pub(super) fn told(result: &LdapResult) -> String {
    let shown = result.to_string();
    let code = shown.split(", dn:").next().unwrap_or_default();
    if result.text.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {}", result.text)
    }
}

/// An answer that cannot be right.
pub(super) fn nonsense(why: impl Into<String>) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}
