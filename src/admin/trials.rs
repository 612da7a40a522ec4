//! Logins that operators try, on one node or on all of them: nothing is stored, logged or counted.

use std::time::Duration;

use super::attempts::Whose;
use super::authenticator_draft::AuthenticatorDraft;
use super::error::{AdminError, Obstacle, violation};
use super::handle::{Admin, TRIALS};
use crate::auth::{Attempt, Trial};
use crate::backends::Violation;
use crate::cluster::{Done, Errand};

/// A node may take so long.
const TRYING: Duration = Duration::from_secs(20);
/// Names of clients and of what they connect through.
const LONGEST_NAME: usize = 1024;
/// Names and passwords, which may be tokens.
const LONGEST_TOKEN: usize = 16 << 10;

/// What came of a login that was tried on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTrial {
    /// Which node.
    pub node: u64,
    /// What came of it, or why the node did not try.
    pub trial: Result<Trial, String>,
}

impl Admin {
    /// Tries a login on every node, or on one. A draft is asked in the place of the authenticator it changes. Whoever it is `by`
    /// has a limit, so that nobody looks for passwords this way.
    pub async fn try_login(
        &self,
        by: &str,
        mut attempt: Attempt,
        draft: Option<AuthenticatorDraft>,
        on: Option<u64>,
    ) -> Result<Vec<NodeTrial>, AdminError> {
        check(&attempt)?;
        let begun = self.trials.begin(&[Whose::Account(by)], self.clock.instant());
        begun.map_err(|retry_after| AdminError::Unavailable {
            obstacle: Obstacle::Overloaded,
            why: format!("{TRIALS} logins a minute can be tried"),
            retry_after,
            unknown: false,
        })?;
        attempt.draft = draft.map(|draft| self.checked_record(draft)).transpose()?;
        let errand = Errand::Try(Box::new(attempt));
        let done = self
            .cluster
            .to(|id| on.is_none_or(|one| one == id), errand, TRYING)
            .await;
        let shown = |(node, done)| NodeTrial {
            node,
            trial: match done {
                Done::Trial(trial) => Ok(*trial),
                Done::Failed(why) => Err(why),
                Done::Done | Done::Tried { .. } | Done::Told(_) => Err("the node did not try".to_owned()),
            },
        };
        Ok(done.into_iter().map(shown).collect())
    }
}

fn check(attempt: &Attempt) -> Result<(), AdminError> {
    let mut violations: Vec<Violation> = Vec::new();
    let mut at_most = |field: &str, bytes: usize, limit: usize| {
        if bytes > limit {
            violations.push(violation(field, format!("has {bytes} bytes, the limit is {limit}")));
        }
    };
    at_most("username", attempt.username.len(), LONGEST_TOKEN);
    at_most("password", attempt.password.as_ref().map_or(0, Vec::len), LONGEST_TOKEN);
    for (field, text) in [
        ("client_id", &attempt.client_id),
        ("listener", &attempt.listener),
        ("peer_host", &attempt.peer_host),
        ("cert_common_name", &attempt.cert_common_name),
        ("cert_subject", &attempt.cert_subject),
    ] {
        at_most(field, text.len(), LONGEST_NAME);
    }
    AdminError::unless_empty(violations)
}

#[cfg(test)]
mod tests {
    use super::{AdminError, Attempt, check};

    #[test]
    fn what_no_client_could_send_is_not_tried() {
        let attempt = Attempt {
            username: "a".repeat(20_000),
            listener: "l".repeat(2000),
            ..Attempt::default()
        };
        let Err(AdminError::Invalid(violations)) = check(&attempt) else {
            panic!("taken")
        };
        let fields: Vec<_> = violations.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["username", "listener"]);
        assert!(check(&Attempt::default()).is_ok());
    }
}
