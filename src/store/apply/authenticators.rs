//! Declaring authenticators and ordering their chains.

use std::collections::BTreeSet;

use super::{Circumstances, Done, already_exists, check_revision, invalid, names, not_found, shown};
use crate::auth::{AuthenticatorKey, AuthenticatorRecord};
use crate::store::command::{AuthenticatorChange, Position, Refusal, Reply};
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::run::{Halt, Run};

/// Ids named in a refusal; the rest is only counted.
const NAMED: usize = 10;

pub(super) fn create(run: &mut Run<'_>, record: &AuthenticatorRecord) -> Done {
    let AuthenticatorKey { chain, id } = &record.key;
    names::check("chain", chain)?;
    names::check("id", id)?;
    names::check("mechanism", &record.mechanism)?;
    let key = to_key(&record.key);
    if read(run, &key)?.is_some() {
        return Err(already_exists("authenticator", id).into());
    }
    run.put("settings", key, record)?;
    let mut order = order(run, chain)?;
    order.push(id.clone());
    put_order(run, chain, &order)?;
    Ok(Reply::Done)
}

pub(super) fn update(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    which: &AuthenticatorKey,
    change: &AuthenticatorChange,
    if_revision: Option<u64>,
) -> Done {
    let key = to_key(which);
    let mut record = read(run, &key)?.ok_or_else(|| not_found("authenticator", &which.id))?;
    check_revision("authenticator", &which.id, if_revision, record.revision)?;
    if let Some(settings) = &change.settings {
        record.settings.clone_from(settings);
    }
    if let Some(precondition) = &change.precondition {
        record.precondition.clone_from(precondition);
    }
    record.on_failure = change.on_failure.unwrap_or(record.on_failure);
    record.timeout = change.timeout.unwrap_or(record.timeout);
    record.enabled = change.enabled.unwrap_or(record.enabled);
    record.revision = now.index;
    record.updated_at = now.at;
    now.by.clone_into(&mut record.updated_by);
    run.put("settings", key, &record)?;
    Ok(Reply::Done)
}

/// Deleting what is not there is no refusal, so that it can be repeated.
pub(super) fn delete(run: &mut Run<'_>, which: &AuthenticatorKey, if_revision: Option<u64>) -> Done {
    let key = to_key(which);
    let Some(record) = read(run, &key)? else {
        return Ok(Reply::Deleted {
            existed: false,
            users: 0,
        });
    };
    check_revision("authenticator", &which.id, if_revision, record.revision)?;
    let users = run.keys_under(&key::users_of(&which.chain, &which.id))?;
    let count = users.len() as u64;
    users.into_iter().for_each(|user| run.remove(user));
    run.remove(key);
    run.remove(key::bootstraps(&which.chain, &which.id));
    let mut order = order(run, &which.chain)?;
    order.retain(|id| *id != which.id);
    put_order(run, &which.chain, &order)?;
    Ok(Reply::Deleted {
        existed: true,
        users: count,
    })
}

/// Moves one within its chain.
pub(super) fn place(run: &mut Run<'_>, which: &AuthenticatorKey, position: &Position) -> Done {
    let old = order(run, &which.chain)?;
    if !old.contains(&which.id) {
        return Err(not_found("authenticator", &which.id).into());
    }
    let mut new: Vec<_> = old.iter().filter(|id| **id != which.id).cloned().collect();
    let at = match position {
        Position::Front => 0,
        Position::Rear => new.len(),
        Position::Before(id) => index_of(&new, which, id)?,
        Position::After(id) => index_of(&new, which, id)? + 1,
    };
    new.insert(at, which.id.clone());
    if new != old {
        put_order(run, &which.chain, &new)?;
    }
    Ok(Reply::Done)
}

pub(super) fn reorder(run: &mut Run<'_>, chain: &str, ids: &[String]) -> Done {
    let old = order(run, chain)?;
    if old.is_empty() {
        return Err(not_found("chain", chain).into());
    }
    check_permutation(&old, ids)?;
    if old != ids {
        put_order(run, chain, ids)?;
    }
    Ok(Reply::Done)
}

/// Like [`reorder`], but only from the order that whoever asks has seen.
pub(super) fn reorder_from(run: &mut Run<'_>, chain: &str, was: &[String], ids: &[String]) -> Done {
    if order(run, chain)? != was {
        return Err(invalid("was", "is not the order of the chain any more").into());
    }
    reorder(run, chain, ids)
}

pub(super) fn read(run: &Run<'_>, key: &[u8]) -> Result<Option<AuthenticatorRecord>, StoreError> {
    run.get("authenticator", key)
}

fn order(run: &Run<'_>, chain: &str) -> Result<Vec<String>, StoreError> {
    Ok(run.get("chain", &key::chain(chain))?.unwrap_or_default())
}

/// The last one of a chain takes the chain along.
fn put_order(run: &mut Run<'_>, chain: &str, ids: &[String]) -> Result<(), Halt> {
    if ids.is_empty() {
        run.remove(key::chain(chain));
        return Ok(());
    }
    run.put("chain", key::chain(chain), &ids)
}

fn index_of(ids: &[String], which: &AuthenticatorKey, id: &str) -> Result<usize, Refusal> {
    if id == which.id {
        return Err(invalid("position", "names the authenticator itself"));
    }
    ids.iter()
        .position(|other| other == id)
        .ok_or_else(|| not_found("authenticator", id))
}

fn check_permutation(old: &[String], ids: &[String]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<_> = ids.iter().filter(|id| !seen.insert(*id)).collect();
    let there: BTreeSet<_> = old.iter().collect();
    let faults: Vec<_> = [
        ("missing", there.difference(&seen).copied().collect::<Vec<_>>()),
        ("unknown", seen.difference(&there).copied().collect()),
        ("named twice", twice.into_iter().collect()),
    ]
    .into_iter()
    .filter(|(_, ids)| !ids.is_empty())
    .map(|(what, ids)| format!("{what}: {}", list(&ids)))
    .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(invalid("ids", faults.join("; ")))
    }
}

fn list(ids: &[&String]) -> String {
    let named: Vec<_> = ids.iter().take(NAMED).map(|id| format!("`{}`", shown(id))).collect();
    let more = match ids.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named.join(", ") + &more
}

fn to_key(which: &AuthenticatorKey) -> Vec<u8> {
    key::authenticator(&which.chain, &which.id)
}
