//! Creating and deleting operators. The last admin stays, or nobody could ever create another.

use super::{Circumstances, Done, accounts, already_exists, check_revision, invalid, names, not_found};
use crate::store::command::Reply;
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::operators::{OperatorRecord, Role};
use crate::store::run::Run;

pub(super) fn create(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    (id, name): (&str, &str),
    role: Role,
    secret_hash: [u8; 32],
) -> Done {
    names::check("id", id)?;
    names::check("name", name)?;
    let key = key::operator(id);
    if read(run, &key)?.is_some() {
        return Err(already_exists("operator", id).into());
    }
    let record = OperatorRecord {
        id: id.to_owned(),
        name: name.to_owned(),
        role,
        secret_hash,
        revision: now.index,
        created_at: now.at,
        created_by: now.by.to_owned(),
    };
    run.put("name", key, &record)?;
    Ok(Reply::Done)
}

pub(super) fn delete(run: &mut Run<'_>, id: &str, if_revision: Option<u64>) -> Done {
    let key = key::operator(id);
    let operator = read(run, &key)?.ok_or_else(|| not_found("operator", id))?;
    check_revision("operator", id, if_revision, operator.revision)?;
    if operator.role == Role::Admin && !has_other_admin(run, &key)? {
        return Err(invalid("id", "names the last admin").into());
    }
    run.remove(key);
    Ok(Reply::Done)
}

/// Whether somebody else could make another: by a key or by an account.
pub(super) fn has_other_admin(run: &Run<'_>, but: &[u8]) -> Result<bool, StoreError> {
    for key in run.keys_under(&[key::OPERATORS])? {
        if key != but && read(run, &key)?.is_some_and(|operator| operator.role == Role::Admin) {
            return Ok(true);
        }
    }
    for key in run.keys_under(&[key::ACCOUNTS])? {
        if key != but && accounts::read(run, &key)?.is_some_and(|account| account.role == Role::Admin) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read(run: &Run<'_>, key: &[u8]) -> Result<Option<OperatorRecord>, StoreError> {
    run.get("operator", key)
}
