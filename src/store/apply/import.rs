//! Many users at once, all or none. The rows keep the order of their file, so the last of a name wins.

use super::users::{check_owner, read, record};
use super::{Circumstances, Done, already_exists, names};
use crate::auth::UserRecord;
use crate::store::command::{NewUser, OnConflict, Refusal, Reply};
use crate::store::error::StoreError;
use crate::store::run::{Halt, Run};
use crate::store::{key, requests};

/// Files that were read to their end, of one authenticator; older ones are forgotten.
const REMEMBERED_SOURCES: usize = 16;

/// Every row is counted once. `on_conflict` is about the users that were there before the import: a later row of a name that
/// this import wrote, here or in an earlier part, replaces it.
pub(super) fn users(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    (chain, authenticator): (&str, &str),
    rows: &[(String, NewUser)],
    on_conflict: OnConflict,
) -> Done {
    check_owner(run, chain, authenticator)?;
    let [mut created, mut replaced, mut unchanged, mut skipped] = [0; 4];
    for (row, (user_id, user)) in rows.iter().enumerate() {
        names::check("user_id", user_id).map_err(|refusal| in_row(row, refusal.into()))?;
        let key = key::user(chain, authenticator, user_id);
        if on_conflict == OnConflict::Skip && run.was_there(&key) && !is_of_this_import(run, now, &key)? {
            skipped += 1;
            continue;
        }
        let new = record(now, user);
        match read(run, &key)? {
            Some(old) if is_same(&old, &new) => {
                unchanged += 1;
                continue;
            }
            Some(_) => replaced += 1,
            None => created += 1,
        }
        run.put("attributes", key, &new).map_err(|halt| in_row(row, halt))?;
    }
    Ok(Reply::Imported {
        created,
        replaced,
        unchanged,
        skipped,
    })
}

/// Whoever reads the file to its end first closes it for everybody, so a user deleted afterwards stays deleted.
pub(super) fn bootstrap(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    (chain, authenticator): (&str, &str),
    source: &str,
    rows: &[(String, NewUser)],
    is_last: bool,
) -> Done {
    names::check("source", source)?;
    let key = key::bootstraps(chain, authenticator);
    let mut done: Vec<String> = run.get("bootstrap", &key)?.unwrap_or_default();
    if done.iter().any(|other| other == source) {
        return Err(already_exists("bootstrap", source).into());
    }
    let reply = users(run, now, (chain, authenticator), rows, OnConflict::Skip)?;
    if is_last {
        done.push(source.to_owned());
        let forgotten = done.len().saturating_sub(REMEMBERED_SOURCES);
        done.drain(..forgotten);
        run.put("source", key, &done)?;
    }
    Ok(reply)
}

/// Whether the user that is there was written by the import at hand, in this part or an earlier one, and by nobody since.
fn is_of_this_import(run: &Run<'_>, now: &Circumstances<'_>, key: &[u8]) -> Result<bool, StoreError> {
    let Some(import) = requests::import_of(now.request_id) else {
        return Ok(false);
    };
    let Some(old) = read(run, key)? else {
        return Ok(false);
    };
    if old.revision == now.index {
        return Ok(true);
    }
    let asked = requests::asked_at(run, old.revision)?;
    Ok(asked.is_some_and(|(by, request_id)| by == now.by && requests::import_of(&request_id) == Some(import)))
}

/// Names the row that is at fault. Only then: a name for each of many rows would cost more than looking at it.
fn in_row(row: usize, halt: Halt) -> Halt {
    match halt {
        Halt::Refused(Refusal::Invalid { field, why }) => {
            let field = format!("rows[{row}].{field}");
            Refusal::Invalid { field, why }.into()
        }
        other => other,
    }
}

/// Whether nothing differs but when it was written.
fn is_same(old: &UserRecord, new: &UserRecord) -> bool {
    let UserRecord {
        password,
        is_superuser,
        disabled,
        expires_at,
        attributes,
        revision: _,
        updated_at: _,
    } = old;
    *password == new.password
        && *is_superuser == new.is_superuser
        && *disabled == new.disabled
        && *expires_at == new.expires_at
        && *attributes == new.attributes
}
