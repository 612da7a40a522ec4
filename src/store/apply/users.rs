//! Creating, changing and deleting users, one or a few.

use super::{Circumstances, Done, already_exists, check_revision, names, not_found, shown};
use crate::auth::{UserKey, UserRecord};
use crate::store::command::{NewUser, PasswordUpgrade, Refusal, Reply, UserChange};
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::run::{Halt, Run};

pub(super) fn create(run: &mut Run<'_>, now: &Circumstances<'_>, user_key: &UserKey, user: &NewUser) -> Done {
    names::check("user_id", &user_key.user_id)?;
    check_owner(run, &user_key.chain, &user_key.authenticator)?;
    let key = to_key(user_key);
    if read(run, &key)?.is_some() {
        return Err(already_exists("user", &user_key.user_id).into());
    }
    run.put("attributes", key, &record(now, user))?;
    Ok(Reply::Done)
}

/// They may share a name, so a refusal says whose user it is about.
pub(super) fn create_many(run: &mut Run<'_>, now: &Circumstances<'_>, users: &[(UserKey, NewUser)]) -> Done {
    for (user_key, user) in users {
        create(run, now, user_key, user).map_err(|halt| match halt {
            Halt::Refused(Refusal::AlreadyExists { name, .. }) => Refusal::UserExists {
                user_id: name,
                authenticator: shown(&user_key.authenticator),
            }
            .into(),
            other => other,
        })?;
    }
    Ok(Reply::Done)
}

pub(super) fn update(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    user_key: &UserKey,
    change: &UserChange,
    if_revision: Option<u64>,
) -> Done {
    let key = to_key(user_key);
    let mut user = read(run, &key)?.ok_or_else(|| not_found("user", &user_key.user_id))?;
    check_revision("user", &user_key.user_id, if_revision, user.revision)?;
    if let Some(password) = &change.password {
        user.password = password.clone();
    }
    if let Some(attributes) = &change.attributes {
        user.attributes.clone_from(attributes);
    }
    user.is_superuser = change.is_superuser.unwrap_or(user.is_superuser);
    user.disabled = change.disabled.unwrap_or(user.disabled);
    user.expires_at = change.expires_at.unwrap_or(user.expires_at);
    user.revision = now.index;
    user.updated_at = now.at;
    run.put("attributes", key, &user)?;
    Ok(Reply::Done)
}

pub(super) fn delete(run: &mut Run<'_>, user_key: &UserKey, if_revision: Option<u64>) -> Done {
    let key = to_key(user_key);
    let user = read(run, &key)?.ok_or_else(|| not_found("user", &user_key.user_id))?;
    check_revision("user", &user_key.user_id, if_revision, user.revision)?;
    run.remove(key);
    Ok(Reply::Done)
}

pub(super) fn delete_many(run: &mut Run<'_>, (chain, authenticator): (&str, &str), user_ids: &[String]) -> Done {
    check_owner(run, chain, authenticator)?;
    let (mut deleted, mut missing) = (0, 0);
    for user_id in user_ids {
        let key = key::user(chain, authenticator, user_id);
        if read(run, &key)?.is_some() {
            run.remove(key);
            deleted += 1;
        } else {
            missing += 1;
        }
    }
    Ok(Reply::UsersDeleted { deleted, missing })
}

/// A user that has changed or gone since its password was verified keeps what it has.
pub(super) fn upgrade_passwords(
    run: &mut Run<'_>,
    now: &Circumstances<'_>,
    (chain, authenticator): (&str, &str),
    upgrades: &[PasswordUpgrade],
) -> Done {
    for upgrade in upgrades {
        let key = key::user(chain, authenticator, &upgrade.user_id);
        let Some(mut user) = read(run, &key)?.filter(|user| user.revision == upgrade.if_revision) else {
            continue;
        };
        user.password = upgrade.password.clone();
        user.revision = now.index;
        user.updated_at = now.at;
        run.put("password", key, &user)?;
    }
    Ok(Reply::Done)
}

/// A user belongs to an authenticator that exists.
pub(super) fn check_owner(run: &Run<'_>, chain: &str, authenticator: &str) -> Result<(), Halt> {
    names::check("chain", chain)?;
    names::check("authenticator", authenticator)?;
    match super::authenticators::read(run, &key::authenticator(chain, authenticator))? {
        Some(_) => Ok(()),
        None => Err(not_found("authenticator", authenticator).into()),
    }
}

pub(super) fn read(run: &Run<'_>, key: &[u8]) -> Result<Option<UserRecord>, StoreError> {
    run.get("user", key)
}

pub(super) fn record(now: &Circumstances<'_>, user: &NewUser) -> UserRecord {
    UserRecord {
        password: user.password.clone(),
        is_superuser: user.is_superuser,
        disabled: user.disabled,
        expires_at: user.expires_at,
        attributes: user.attributes.clone(),
        revision: now.index,
        updated_at: now.at,
    }
}

fn to_key(user: &UserKey) -> Vec<u8> {
    key::user(&user.chain, &user.authenticator, &user.user_id)
}
