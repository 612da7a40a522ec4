//! Opening, renewing and ending sessions. What time it is stands in the envelope, so all nodes end the same ones.

use std::time::Duration;

use super::{Circumstances, Done, accounts, check_revision, names, not_found, settings};
use crate::store::accounts::{NewSession, SecretHash, SessionRecord, later, session_id};
use crate::store::command::Reply;
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::run::{Halt, Run};

/// Of one account; the one opened first makes room.
const MOST_OF_ONE: usize = 20;

/// So long a password counts that was given once more.
const CONFIRMED: Duration = Duration::from_secs(5 * 60);

pub(super) fn open(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    name: &str,
    password_revision: u64,
    session: &NewSession,
) -> Done {
    let account = accounts::read(run, &key::account(name))?.ok_or_else(|| not_found("account", name))?;
    check_revision("password", name, Some(password_revision), account.password_revision)?;
    names::check_note("address", &session.address)?;
    names::check_note("agent", &session.agent)?;
    drop_ended(run, now)?;
    make_room(run, &account.name)?;
    let record = SessionRecord {
        hash: session.hash,
        account: account.name,
        opened_at: now.at,
        renewed_at: now.at,
        address: session.address.clone(),
        agent: session.agent.clone(),
        confirmed_until: None,
    };
    run.put("agent", key::session(&record.account, &record.hash), &record)?;
    Ok(Reply::Done)
}

/// One that time has ended is dropped: however late it is told, nothing brings it back.
pub(super) fn renew(run: &mut Run<'_>, now: &Circumstances<'_>, name: &str, hash: &SecretHash) -> Done {
    let key = key::session(name, hash);
    match read_open(run, now, &key)? {
        Some(mut session) => {
            // Another node's clock may have been ahead.
            session.renewed_at = session.renewed_at.max(now.at);
            run.put("agent", key, &session)?;
        }
        None => remove(run, key)?,
    }
    Ok(Reply::Done)
}

pub(super) fn confirm(run: &mut Run<'_>, now: &Circumstances<'_>, name: &str, hash: &SecretHash) -> Done {
    let key = key::session(name, hash);
    let missing = || not_found("session", &session_id(hash));
    let mut session = read_open(run, now, &key)?.ok_or_else(missing)?;
    session.confirmed_until = Some(later(now.at, CONFIRMED));
    run.put("agent", key, &session)?;
    Ok(Reply::Done)
}

/// Ending it again changes nothing.
pub(super) fn end(run: &mut Run<'_>, name: &str, hash: &SecretHash) -> Done {
    remove(run, key::session(name, hash))?;
    Ok(Reply::Done)
}

pub(super) fn end_others(run: &mut Run<'_>, name: &str, kept: &SecretHash) -> Done {
    end_all_but(run, name, Some(kept))?;
    Ok(Reply::Done)
}

pub(super) fn end_all_but(run: &mut Run<'_>, name: &str, kept: Option<&SecretHash>) -> Result<(), Halt> {
    let kept = kept.map(|hash| key::session(name, hash));
    for key in run.keys_under(&key::sessions_of(name))? {
        if Some(&key) != kept.as_ref() {
            run.remove(key);
        }
    }
    Ok(())
}

/// Of all accounts: whoever never comes back leaves nothing behind once anybody else does.
fn drop_ended(run: &mut Run<'_>, now: &Circumstances<'_>) -> Result<(), StoreError> {
    let settings = settings::read(run)?;
    for key in run.keys_under(&[key::SESSIONS])? {
        if read(run, &key)?.is_some_and(|session| !session.is_open(&settings, now.at)) {
            run.remove(key);
        }
    }
    Ok(())
}

fn make_room(run: &mut Run<'_>, name: &str) -> Result<(), StoreError> {
    let mut sessions = Vec::new();
    for key in run.keys_under(&key::sessions_of(name))? {
        let session = read(run, &key)?;
        sessions.extend(session.map(|session| (session.opened_at, key)));
    }
    sessions.sort();
    let too_many = (sessions.len() + 1).saturating_sub(MOST_OF_ONE);
    for (_, key) in sessions.into_iter().take(too_many) {
        run.remove(key);
    }
    Ok(())
}

fn remove(run: &mut Run<'_>, key: Vec<u8>) -> Result<(), StoreError> {
    if read(run, &key)?.is_some() {
        run.remove(key);
    }
    Ok(())
}

fn read_open(run: &Run<'_>, now: &Circumstances<'_>, key: &[u8]) -> Result<Option<SessionRecord>, StoreError> {
    let settings = settings::read(run)?;
    Ok(read(run, key)?.filter(|session| session.is_open(&settings, now.at)))
}

fn read(run: &Run<'_>, key: &[u8]) -> Result<Option<SessionRecord>, StoreError> {
    run.get("session", key)
}
