//! Making, changing and deleting accounts. The first one takes a token that is used up by it.

use super::{Circumstances, Done, already_exists, check_revision, invalid, not_found, operators, sessions};
use crate::auth::{PasswordRecord, Timestamp};
use crate::store::accounts::{
    AccountChange, AccountRecord, NewAccount, NewSession, SecretHash, SetupOffer, fault_of_account_name,
};
use crate::store::command::{Refusal, Reply};
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::operators::{OperatorRecord, Role};
use crate::store::run::{Halt, Run};

/// Sessions are looked through one by one, so there is a bound on whose they can be.
const MOST: usize = 1000;

pub(super) fn offer_setup(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    token_hash: SecretHash,
    expires_at: Timestamp,
) -> Done {
    check_none(run)?;
    if expires_at <= now.at {
        return Err(invalid("expires_at", "is over already").into());
    }
    run.put("token", key::setup(), &SetupOffer { token_hash, expires_at })?;
    Ok(Reply::Done)
}

pub(super) fn set_up(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    token_hash: SecretHash,
    account: &NewAccount,
    session: &NewSession,
) -> Done {
    check_none(run)?;
    let offer: Option<SetupOffer> = run.get("setup offer", &key::setup())?;
    match offer.filter(|offer| offer.token_hash == token_hash) {
        None => return Err(invalid("token", "is not the one that was given out last").into()),
        Some(offer) if offer.expires_at <= now.at => return Err(invalid("token", "is too old").into()),
        Some(_) => {}
    }
    if account.role != Role::Admin {
        return Err(invalid("role", "must be that of an admin: it is the first account").into());
    }
    create(run, now, account)?;
    sessions::open(run, now, &account.name, now.index, session)
}

pub(super) fn create(run: &mut Run<'_>, now: &Circumstances<'_>, account: &NewAccount) -> Done {
    let NewAccount { name, role, password } = account;
    if let Some(fault) = fault_of_account_name(name) {
        return Err(invalid("name", fault).into());
    }
    check_role(*role)?;
    let key = key::account(name);
    if read(run, &key)?.is_some() {
        return Err(already_exists("account", name).into());
    }
    // Whatever is written tells its author by this name alone.
    let namesake: Option<OperatorRecord> = run.get("operator", &key::operator(&key::folded(name)))?;
    if namesake.is_some() {
        return Err(already_exists("operator", name).into());
    }
    if run.keys_under(&[key::ACCOUNTS])?.len() >= MOST {
        return Err(invalid("name", format!("would be one of more than {MOST} accounts")).into());
    }
    let record = AccountRecord {
        name: name.clone(),
        role: *role,
        password: password.clone(),
        revision: now.index,
        created_at: now.at,
        created_by: now.by.to_owned(),
        password_changed_at: now.at,
        password_revision: now.index,
    };
    run.put("password", key, &record)?;
    // There is a first one now, however it came.
    run.remove(key::setup());
    Ok(Reply::Done)
}

pub(super) fn update(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    name: &str,
    change: &AccountChange,
    if_revision: Option<u64>,
) -> Done {
    let key = key::account(name);
    let mut account = read(run, &key)?.ok_or_else(|| not_found("account", name))?;
    check_revision("account", name, if_revision, account.revision)?;
    if let Some(role) = change.role {
        check_role(role)?;
        if role != Role::Admin {
            check_not_last(run, &key, account.role, "role", "is that of the last admin")?;
        }
        account.role = role;
    }
    if let Some(password) = &change.password {
        account.password = PasswordRecord::clone(password);
        account.password_changed_at = now.at;
        account.password_revision = now.index;
        sessions::end_all_but(run, &account.name, change.kept_session.as_ref())?;
    }
    account.revision = now.index;
    run.put("password", key, &account)?;
    Ok(Reply::Done)
}

pub(super) fn delete(run: &mut Run<'_>, name: &str, if_revision: Option<u64>) -> Done {
    let key = key::account(name);
    let account = read(run, &key)?.ok_or_else(|| not_found("account", name))?;
    check_revision("account", name, if_revision, account.revision)?;
    check_not_last(run, &key, account.role, "name", "names the last admin")?;
    sessions::end_all_but(run, name, None)?;
    run.remove(key);
    Ok(Reply::Done)
}

pub(super) fn read(run: &Run<'_>, key: &[u8]) -> Result<Option<AccountRecord>, StoreError> {
    run.get("account", key)
}

fn check_none(run: &Run<'_>) -> Result<(), Halt> {
    match run.keys_under(&[key::ACCOUNTS])?.first() {
        Some(key) => {
            let name = key::name_after(key, &[key::ACCOUNTS]).unwrap_or_default();
            Err(already_exists("account", name).into())
        }
        None => Ok(()),
    }
}

fn check_not_last(run: &Run<'_>, key: &[u8], role: Role, field: &str, why: &str) -> Result<(), Halt> {
    if role == Role::Admin && !operators::has_other_admin(run, key)? {
        return Err(invalid(field, why).into());
    }
    Ok(())
}

fn check_role(role: Role) -> Result<(), Refusal> {
    match role {
        Role::Client => Err(invalid("role", "of an account must be viewer, editor or admin")),
        Role::Viewer | Role::Editor | Role::Admin => Ok(()),
    }
}
