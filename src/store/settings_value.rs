//! The cluster's settings as they are stored. The first version knew nothing of sessions.

use std::time::Duration;

use serde::Deserialize;

use super::error::StoreError;
use super::value;
use crate::auth::{ClusterSettings, NoAuthenticator, Timestamp};

const WHAT: &str = "settings";
const FIRST: u8 = 1;
const PRESENT: u8 = 2;

/// Version 1.
#[derive(Deserialize)]
struct First {
    no_authenticator: NoAuthenticator,
    detailed_reasons: bool,
    max_staleness: Duration,
    revision: u64,
    updated_at: Timestamp,
    updated_by: String,
}

impl From<First> for ClusterSettings {
    fn from(first: First) -> Self {
        Self {
            no_authenticator: first.no_authenticator,
            detailed_reasons: first.detailed_reasons,
            max_staleness: first.max_staleness,
            revision: first.revision,
            updated_at: first.updated_at,
            updated_by: first.updated_by,
            ..Self::default()
        }
    }
}

pub(super) fn encode(settings: &ClusterSettings) -> Result<Vec<u8>, StoreError> {
    value::encode_as(PRESENT, settings)
}

pub(super) fn decode(bytes: &[u8]) -> Result<ClusterSettings, StoreError> {
    match bytes.first() {
        Some(&FIRST) => value::decode_as::<First>(FIRST, WHAT, bytes).map(Into::into),
        _ => value::decode_as(PRESENT, WHAT, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::{ClusterSettings, Duration, NoAuthenticator, Timestamp, decode, encode};

    fn settings() -> ClusterSettings {
        ClusterSettings {
            no_authenticator: NoAuthenticator::Deny,
            detailed_reasons: true,
            max_staleness: Duration::from_secs(90),
            revision: 7,
            updated_at: Timestamp(300),
            updated_by: "ann".into(),
            ..ClusterSettings::default()
        }
    }

    #[test]
    fn settings_of_the_first_version_are_read_with_the_defaults_of_what_is_new() {
        let stored = [1, 1, 1, 90, 0, 7, 0xac, 0x02, 3, b'a', b'n', b'n'];
        assert_eq!(decode(&stored).unwrap(), settings());
        assert!(decode(&stored[..11]).is_err());
    }

    #[test]
    fn settings_come_back_as_they_were_stored() {
        let changed = ClusterSettings {
            session_idle: Duration::from_secs(60),
            ..settings()
        };
        let stored = encode(&changed).unwrap();
        assert_eq!((stored[0], decode(&stored).unwrap()), (2, changed));
        assert!(decode(&[]).is_err() && decode(&[3, 1]).is_err());
    }
}
