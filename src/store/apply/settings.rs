//! The cluster's settings, and the nodes that are gone for good.

use super::{Circumstances, Done, check_revision, invalid};
use crate::auth::ClusterSettings;
use crate::store::command::{Reply, SessionTimes, SettingsChange};
use crate::store::error::StoreError;
use crate::store::run::Run;
use crate::store::{key, settings_value};

pub(super) fn update(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    change: &SettingsChange,
    sessions: &SessionTimes,
    if_revision: Option<u64>,
) -> Done {
    let mut settings = read(run)?;
    check_revision("settings", "cluster", if_revision, settings.revision)?;
    for (field, duration) in [
        ("max_staleness", change.max_staleness),
        ("session_idle", sessions.idle),
        ("session_lifetime", sessions.lifetime),
    ] {
        if duration.is_some_and(|duration| duration.is_zero()) {
            return Err(invalid(field, "must be more than nothing").into());
        }
    }
    settings.no_authenticator = change.no_authenticator.unwrap_or(settings.no_authenticator);
    settings.detailed_reasons = change.detailed_reasons.unwrap_or(settings.detailed_reasons);
    settings.max_staleness = change.max_staleness.unwrap_or(settings.max_staleness);
    settings.session_idle = sessions.idle.unwrap_or(settings.session_idle);
    settings.session_lifetime = sessions.lifetime.unwrap_or(settings.session_lifetime);
    settings.revision = now.index;
    settings.updated_at = now.at;
    now.by.clone_into(&mut settings.updated_by);
    run.put_bytes("updated_by", key::settings(), settings_value::encode(&settings)?)?;
    Ok(Reply::Done)
}

pub(super) fn read(run: &Run<'_>) -> Result<ClusterSettings, StoreError> {
    let decode = |bytes: Option<&[u8]>| bytes.map(settings_value::decode).transpose();
    Ok(run.look(&key::settings(), decode)?.unwrap_or_default())
}

/// Retiring it again changes nothing.
pub(super) fn retire_node(run: &mut Run<'_>, id: u64, incarnation: u64) -> Done {
    let key = key::retired(id);
    if run.get::<u64>("retired node", &key)?.is_none() {
        run.put("incarnation", key, &incarnation)?;
    }
    Ok(Reply::Done)
}
