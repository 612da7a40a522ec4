//! One line in the log for each denied login, sampled under load, with as much of a user's name as the settings allow.

use std::sync::Mutex;
use std::sync::PoisonError;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use serde::{Deserialize, Serialize};

use crate::auth::{Credentials, Decision, Instant, Reason};

/// How user names stand in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Names {
    /// As they are.
    #[default]
    Plain,
    /// As a hash that is the same for a name as long as the node runs.
    Hashed,
    /// Not at all.
    Off,
}

/// The denials of this node.
pub(crate) struct Denials {
    names: Names,
    key: Key,
    per_second: u32,
    second: Mutex<Second>,
}

/// What was logged and left out within one second.
#[derive(Default)]
struct Second {
    at: u64,
    logged: u32,
    left_out: u64,
}

impl Denials {
    /// `key`: random, for the hashes of names.
    pub(crate) fn new(names: Names, per_second: u32, key: &[u8; 32]) -> Self {
        Self {
            names,
            key: Key::new(HMAC_SHA256, key),
            per_second,
            second: Mutex::default(),
        }
    }

    /// Logs it, or counts it among those left out.
    pub(super) fn log(&self, credentials: &Credentials, decision: &Decision, reason: Reason, now: Instant) {
        let Some(left_out) = self.admit(now) else { return };
        let authenticator = decision.authenticator.as_str();
        let decided = decision.steps.iter().find(|step| step.authenticator == authenticator);
        let detail = decided.map_or("", |step| step.detail.as_str());
        let took = decision.steps.iter().map(|step| step.took).sum::<std::time::Duration>();
        let steps: Vec<_> = decision
            .steps
            .iter()
            .filter(|step| step.verdict.was_asked())
            .map(|step| {
                let reason = step.reason.map_or("", Reason::name);
                format!("{}: {:?} {reason} {:.1?}", step.authenticator, step.verdict, step.took)
            })
            .collect();
        tracing::info!(
            username = self.name(&credentials.username),
            client_id = self.name(&credentials.client_id),
            listener = credentials.listener,
            peer_host = credentials.peer_host,
            reason = reason.name(),
            detail,
            authenticator,
            steps = steps.join("; "),
            ?took,
            left_out,
            "login denied"
        );
    }

    /// How many were left out since the last one, if there is room for one more.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.at != now.second() {
            second.at = now.second();
            second.logged = 0;
        }
        if self.per_second > 0 && second.logged >= self.per_second {
            second.left_out += 1;
            return None;
        }
        second.logged += 1;
        Some(std::mem::take(&mut second.left_out))
    }

    fn name(&self, name: &str) -> String {
        match self.names {
            Names::Plain => loggable(name).to_owned(),
            Names::Hashed if name.is_empty() => String::new(),
            Names::Hashed => {
                let tag = sign(&self.key, name.as_bytes());
                hex::encode(tag.as_ref().get(..8).unwrap_or_default())
            }
            Names::Off => String::new(),
        }
    }
}

/// A user name as the log may have it. One that is a token (see `from` of `jwt`) would let in whoever reads it: its header is a JSON
/// object, which in base64 begins with these letters.
fn loggable(username: &str) -> &str {
    let is_token = username.starts_with("ey") && username.matches('.').count() == 2;
    if is_token { "(a token)" } else { username }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Denials, Names, loggable};
    use crate::auth::{Clock as _, TestClock};

    #[test]
    fn so_many_are_logged_in_a_second_and_the_next_line_counts_the_others() {
        let (denials, clock) = (Denials::new(Names::Plain, 2, &[0; 32]), TestClock::at(5000));
        let admitted: Vec<_> = (0..5).map(|_| denials.admit(clock.instant())).collect();
        assert_eq!(admitted, [Some(0), Some(0), None, None, None]);
        clock.advance(Duration::from_secs(1));
        assert_eq!(denials.admit(clock.instant()), Some(3));
        let all = Denials::new(Names::Plain, 0, &[0; 32]);
        assert!((0..1000).all(|_| all.admit(clock.instant()) == Some(0)));
    }

    #[test]
    fn a_hashed_name_is_the_same_each_time_and_tells_nothing() {
        let denials = Denials::new(Names::Hashed, 0, &[1; 32]);
        let name = denials.name("ann");
        assert_eq!(name, denials.name("ann"));
        assert!(name.len() == 16 && name != denials.name("bob") && !name.contains("ann"));
        assert_ne!(name, Denials::new(Names::Hashed, 0, &[2; 32]).name("ann"));
        assert_eq!(Denials::new(Names::Off, 0, &[1; 32]).name("ann"), "");
    }

    #[test]
    fn a_token_is_not_logged_as_a_name() {
        assert_eq!(loggable("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"), "(a token)");
        for name in ["", "ada", "eyre", "eyre.j", "a.b.c"] {
            assert_eq!(loggable(name), name);
        }
    }
}
