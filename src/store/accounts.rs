//! Operators who sign in with a password, and their sessions, as data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::operators::Role;
use crate::auth::{ClusterSettings, PasswordRecord, Timestamp};

/// What is kept of a random secret that is shown once: its SHA-256.
pub type SecretHash = [u8; 32];

/// An operator who signs in with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// As it was given; another that differs by case alone is the same.
    pub name: String,
    /// What it may do; never `Client`.
    pub role: Role,
    /// What protects it.
    pub password: PasswordRecord,
    /// Raft index of its last change.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When its password was set.
    pub password_changed_at: Timestamp,
    /// Raft index at which its password was set.
    pub password_revision: u64,
}

/// An account as it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    /// 1 to 64 ASCII letters, digits and `._@-`, beginning with a letter or a digit.
    pub name: String,
    /// What it may do; never `Client`.
    pub role: Role,
    /// What protects it.
    pub password: PasswordRecord,
}

/// What to change of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChange {
    /// What it may do from now on, in its open sessions too.
    pub role: Option<Role>,
    /// A new password. Its sessions end.
    pub password: Option<PasswordRecord>,
    /// All but this one.
    pub kept_session: Option<SecretHash>,
}

/// A session as it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSession {
    /// Of the cookie's random bytes.
    pub hash: SecretHash,
    /// Where the browser is, as the node saw it.
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
}

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Of the cookie's random bytes.
    pub hash: SecretHash,
    /// Whose it is: the account's name.
    pub account: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last found in use.
    pub renewed_at: Timestamp,
    /// Where the browser is, as the node saw it.
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
    /// Its password was given once more, which counts until then.
    pub confirmed_until: Option<Timestamp>,
}

impl SessionRecord {
    /// Its name where it may be seen: it opens nothing.
    pub fn id(&self) -> String {
        session_id(&self.hash)
    }

    /// When it ends, unless it is renewed before.
    pub fn ends_at(&self, settings: &ClusterSettings) -> Timestamp {
        let idle = later(self.renewed_at, settings.session_idle);
        idle.min(later(self.opened_at, settings.session_lifetime))
    }

    /// Whether it counts at that time.
    pub fn is_open(&self, settings: &ClusterSettings, at: Timestamp) -> bool {
        at < self.ends_at(settings)
    }

    /// Whether its password was given once more lately.
    pub fn is_confirmed(&self, at: Timestamp) -> bool {
        self.confirmed_until.is_some_and(|until| at < until)
    }
}

/// The token by which the first account can be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupOffer {
    /// Of the token's random bytes.
    pub token_hash: SecretHash,
    /// It counts before that time.
    pub expires_at: Timestamp,
}

/// Longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// In whose name the nodes themselves write.
const RESERVED: &str = "system";

/// Why an account cannot have that name. It stands in addresses of pages and in command lines, so it holds nothing that means
/// something there.
pub fn fault_of_account_name(name: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if name.len() > LONGEST_NAME || !begins_well || !name.bytes().all(is_plain) {
        Some(
            "must be 1 to 64 letters, digits, dots, underscores, hyphens and at signs, and begin with a letter or a digit",
        )
    } else if name.eq_ignore_ascii_case(RESERVED) {
        Some("is the one in which the nodes themselves write")
    } else {
        None
    }
}

/// The first eight bytes of the hash, in hex.
pub(super) fn session_id(hash: &SecretHash) -> String {
    hex::encode(hash.first_chunk::<8>().map_or(&[][..], |head| head))
}

/// That time and so much more.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    Timestamp(at.0.saturating_add(by))
}

#[cfg(test)]
mod tests {
    use super::{ClusterSettings, Duration, SessionRecord, Timestamp, fault_of_account_name};

    #[test]
    fn a_name_means_nothing_in_an_address_or_a_command_line() {
        for name in ["a", "Ann.Lee_2@example-1.org", "0", &"a".repeat(64)] {
            assert_eq!(fault_of_account_name(name), None, "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "-x",
            "@a",
            "a b",
            "a/b",
            "a%",
            "é",
            "a\0",
            "System",
            &"a".repeat(65),
        ] {
            assert!(fault_of_account_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_session_ends_when_it_idles_and_in_any_case_in_the_end() {
        let settings = ClusterSettings {
            session_idle: Duration::from_secs(10),
            session_lifetime: Duration::from_secs(60),
            ..ClusterSettings::default()
        };
        let opened = SessionRecord {
            hash: [0xab; 32],
            account: "ann".into(),
            opened_at: Timestamp(1000),
            renewed_at: Timestamp(1000),
            address: String::new(),
            agent: String::new(),
            confirmed_until: None,
        };
        assert_eq!(opened.id(), "abababababababab");
        assert!(opened.is_open(&settings, Timestamp(10_999)) && !opened.is_open(&settings, Timestamp(11_000)));
        let used = SessionRecord {
            renewed_at: Timestamp(55_000),
            ..opened
        };
        assert!(used.is_open(&settings, Timestamp(60_999)) && !used.is_open(&settings, Timestamp(61_000)));
    }
}
