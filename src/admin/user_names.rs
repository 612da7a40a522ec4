//! Names as they are kept. A SCRAM database keeps them as SASLprep makes them, because that is how they are looked up at a login.

use std::borrow::Cow;

use super::error::AdminError;
use super::handle::Admin;
use super::user_checks::{authenticator_or_builtin, checked_key, fault_of_user_id};
use crate::auth::{AuthenticatorKey, UserDirectory as _, UserKey};
use crate::hash::saslprep;

/// A new user's name as its database keeps it, or why it can be nobody's.
pub(super) fn kept_name(user_id: &str, is_scram: bool) -> Result<Cow<'_, str>, String> {
    if let Some(fault) = fault_of_user_id(user_id) {
        return Err(fault);
    }
    if !is_scram {
        return Ok(Cow::Borrowed(user_id));
    }
    let kept = saslprep(user_id)?;
    match fault_of_user_id(&kept) {
        None => Ok(kept),
        Some(fault) => Err(format!("{fault}, also as SASLprep (RFC 4013) makes it")),
    }
}

/// The name that SASLprep makes of this one, if it is another.
fn other_name(user_id: &str) -> Option<String> {
    let prepared = saslprep(user_id).ok()?;
    (prepared != user_id).then(|| prepared.into_owned())
}

impl Admin {
    /// The user that is meant by a name as it was typed.
    pub(super) async fn addressed(
        &self,
        chain: &str,
        authenticator: &str,
        user_id: &str,
    ) -> Result<UserKey, AdminError> {
        let mut key = checked_key(chain, authenticator, user_id)?;
        let owner = authenticator_or_builtin(chain, authenticator);
        let mut names = self.as_kept(&owner, vec![key.user_id.clone()]).await?;
        key.user_id = names.pop().unwrap_or(key.user_id);
        Ok(key)
    }

    /// The names under which these users are kept: a name that nobody has in a SCRAM database stands there for what SASLprep makes
    /// of it. One that somebody has is that user's, however it is written.
    pub(super) async fn as_kept(
        &self,
        owner: &AuthenticatorKey,
        mut names: Vec<String>,
    ) -> Result<Vec<String>, AdminError> {
        let others: Vec<_> = names.iter().map(|name| other_name(name)).collect();
        if others.iter().all(Option::is_none) {
            return Ok(names);
        }
        self.confirm().await?;
        if !self.keeps_scram(owner) {
            return Ok(names);
        }
        for (name, other) in names.iter_mut().zip(others) {
            if let Some(other) = other
                && self.store.user(&owner.chain, &owner.id, name).is_none()
            {
                *name = other;
            }
        }
        Ok(names)
    }

    fn keeps_scram(&self, owner: &AuthenticatorKey) -> bool {
        self.algorithm_of(owner).is_ok_and(|algorithm| algorithm.is_scram())
    }
}

#[cfg(test)]
mod tests {
    use super::{kept_name, other_name};

    #[test]
    fn only_a_scram_database_prepares_its_names() {
        assert_eq!(kept_name("\u{2168}", false).as_deref(), Ok("\u{2168}"));
        assert_eq!(kept_name("\u{2168}", true).as_deref(), Ok("IX"));
        assert_eq!(kept_name("ann, \"b\"", true).as_deref(), Ok("ann, \"b\""));
        assert!(kept_name("\u{202e}ann", false).is_ok());
        let why = kept_name("\u{202e}ann", true).unwrap_err();
        assert!(why.contains("SASLprep") && !why.contains("ann"), "{why}");
        assert!(kept_name("\u{ad}", true).unwrap_err().starts_with("is empty"));
    }

    #[test]
    fn a_name_that_grows_past_the_bound_is_refused() {
        // One character of three bytes becomes eighteen characters.
        let name = "\u{fdfa}".repeat(100);
        assert!(kept_name(&name, false).is_ok());
        assert!(kept_name(&name, true).unwrap_err().contains("512 bytes"));
        for name in ["", "a\nb", &"x".repeat(513)] {
            assert!(kept_name(name, true).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_name_stands_for_another_only_if_it_is_not_prepared() {
        assert_eq!(other_name("ann"), None);
        assert_eq!(other_name("zo\u{eb}"), None);
        assert_eq!(other_name("zoe\u{308}").as_deref(), Some("zo\u{eb}"));
        assert_eq!(other_name("\u{202e}ann"), None);
    }
}
