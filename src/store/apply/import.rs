//! Many users at once, all or none. The rows keep the order of their file, so the last of a name wins.

use super::users::{check_owner, read, record};
use super::{Circumstances, Done, names};
use crate::auth::UserRecord;
use crate::store::command::{NewUser, OnConflict, Reply};
use crate::store::key;
use crate::store::run::Run;

/// Every row is counted once: a later row of a name that this import wrote replaces it, whatever `on_conflict` says.
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
        names::check(&format!("rows[{row}].user_id"), user_id)?;
        let key = key::user(chain, authenticator, user_id);
        if on_conflict == OnConflict::Skip && run.was_there(&key) {
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
        run.put(&format!("rows[{row}].attributes"), key, &new)?;
    }
    Ok(Reply::Imported {
        created,
        replaced,
        unchanged,
        skipped,
    })
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
