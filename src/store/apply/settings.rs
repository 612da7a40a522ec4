//! The cluster's settings, and the nodes that are gone for good.

use super::{Circumstances, Done, check_revision, invalid};
use crate::auth::ClusterSettings;
use crate::store::command::{Reply, SettingsChange};
use crate::store::key;
use crate::store::run::Run;

pub(super) fn update(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    change: &SettingsChange,
    if_revision: Option<u64>,
) -> Done {
    let mut settings: ClusterSettings = run.get("settings", &key::settings())?.unwrap_or_default();
    check_revision("settings", "cluster", if_revision, settings.revision)?;
    if change.max_staleness.is_some_and(|bound| bound.is_zero()) {
        return Err(invalid("max_staleness", "must be more than nothing").into());
    }
    settings.no_authenticator = change.no_authenticator.unwrap_or(settings.no_authenticator);
    settings.detailed_reasons = change.detailed_reasons.unwrap_or(settings.detailed_reasons);
    settings.max_staleness = change.max_staleness.unwrap_or(settings.max_staleness);
    settings.revision = now.index;
    settings.updated_at = now.at;
    now.by.clone_into(&mut settings.updated_by);
    run.put("updated_by", key::settings(), &settings)?;
    Ok(Reply::Done)
}

/// Retiring it again changes nothing.
pub(super) fn retire_node(run: &mut Run<'_>, id: u64, incarnation: u64) -> Done {
    let key = key::retired(id);
    if run.get::<u64>("retired node", &key)?.is_none() {
        run.put("incarnation", key, &incarnation)?;
    }
    Ok(Reply::Done)
}
