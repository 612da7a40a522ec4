//! The secret keys that all nodes share.

use super::{Circumstances, Done, check_revision};
use crate::auth::{Key, SealingKey, SharedKeys};
use crate::store::command::Reply;
use crate::store::key;
use crate::store::run::Run;

/// Sealing keys that still open: the newest, and enough older ones that no exchange under way is cut off by a rotation.
const KEPT: usize = 3;

pub(super) fn rotate(run: &mut Run<'_>, now: &Circumstances<'_>, newest: u32, sealing: &Key, decoy: &Key) -> Done {
    let stored: Option<SharedKeys> = run.get("shared keys", &key::shared_keys())?;
    let mut keys = stored.unwrap_or_else(|| SharedKeys {
        sealing: Vec::new(),
        decoy: decoy.clone(),
    });
    let actual = keys.sealing.first().map_or(0, |newest| newest.id);
    check_revision("sealing key", "newest", Some(u64::from(newest)), u64::from(actual))?;
    let drawn = SealingKey {
        id: actual.wrapping_add(1).max(1),
        key: sealing.clone(),
        since: now.at,
    };
    keys.sealing.insert(0, drawn);
    keys.sealing.truncate(KEPT);
    run.put("sealing", key::shared_keys(), &keys)?;
    Ok(Reply::Done)
}
