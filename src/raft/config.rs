//! From our settings to openraft's.

use std::sync::Arc;

use openraft::{Config, SnapshotPolicy};

use super::error::ProposeError;
use super::settings::Settings;

/// How long a snapshot may take on its way, in milliseconds. Progress is watched by the transfer itself.
const SNAPSHOT_TRANSFER_MS: u64 = 600_000;

/// The checked configuration.
pub(super) fn config(settings: &Settings) -> Result<Arc<Config>, ProposeError> {
    let config = Config {
        cluster_name: "portcullis".to_owned(),
        heartbeat_interval: settings.heartbeat_ms,
        election_timeout_min: settings.election_min_ms,
        election_timeout_max: settings.election_max_ms,
        // A node that comes back from behind a cut must not depose a leader that is well.
        enable_pre_vote: Some(true),
        // A restarted leader has to be elected again: what it knew of its followers is gone.
        enable_leader_restore: Some(false),
        install_snapshot_timeout: SNAPSHOT_TRANSFER_MS,
        max_payload_entries: 1024,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(settings.snapshot_entries.max(1)),
        // Must cover what is written while a snapshot travels, or the follower needs the next one at once.
        max_in_snapshot_log_to_keep: settings.keep_entries,
        // Must be more than the distance between snapshots.
        replication_lag_threshold: settings.snapshot_entries.max(1).saturating_mul(2),
        // Purging is a commit of its own in the journal, so it is not done for every entry.
        purge_batch_size: (settings.keep_entries / 10).clamp(1, 1024),
        backoff: "50ms 100ms 200ms".to_owned(),
        ..Config::default()
    };
    config
        .validate()
        .map(Arc::new)
        .map_err(|why| ProposeError::Refused(format!("`raft` settings: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_settings_are_accepted() {
        assert!(config(&Settings::default()).is_ok());
    }

    #[test]
    fn an_election_timeout_below_the_heartbeat_is_refused() {
        let settings = Settings {
            election_min_ms: 100,
            ..Settings::default()
        };
        assert!(matches!(config(&settings), Err(ProposeError::Refused(_))));
    }
}
