//! Applying one entry: a pure function of the state and the entry. No clock, no dice, no floats, no order of a hash map.

mod accounts;
mod authenticators;
mod import;
mod keys;
mod names;
mod operators;
mod sessions;
mod settings;
mod users;

use super::command::{Command, Envelope, Outcome, Refusal, Reply, SessionTimes};
use super::entry::{Entry, Payload};
use super::error::StoreError;
use super::operators::Role;
use super::requests::Requests;
use super::run::{Halt, Run};
use crate::auth::Timestamp;

/// What a command may know besides the state.
struct Circumstances<'a> {
    /// Raft index: the revision of whatever is written.
    index: u64,
    at: Timestamp,
    by: &'a str,
    request_id: &'a str,
}

/// What became of a command.
type Done = Result<Reply, Halt>;

/// Applies one entry to the run.
pub(super) fn entry(run: &mut Run<'_>, requests: &mut Requests, entry: &Entry) -> Result<Outcome, StoreError> {
    let Payload::Command(envelope) = &entry.payload else {
        return Ok(Outcome {
            revision: entry.index,
            reply: Reply::Done,
        });
    };
    if let Err(refusal) = names::check_envelope(envelope) {
        return Ok(Outcome {
            revision: entry.index,
            reply: Reply::Refused(refusal),
        });
    }
    if let Some(outcome) = requests.recall(run, envelope)? {
        return Ok(outcome);
    }
    let reply = match command(run, entry.index, envelope) {
        Ok(reply) => {
            run.keep();
            reply
        }
        Err(Halt::Refused(refusal)) => {
            run.drop_staged();
            Reply::Refused(refusal)
        }
        Err(Halt::Broken(error)) => return Err(error),
    };
    let outcome = Outcome {
        revision: entry.index,
        reply,
    };
    requests.remember(run, envelope, &outcome)?;
    run.keep();
    Ok(outcome)
}

fn command(run: &mut Run<'_>, index: u64, envelope: &Envelope) -> Done {
    let now = Circumstances {
        index,
        at: envelope.at,
        by: &envelope.by,
        request_id: &envelope.request_id,
    };
    match &envelope.command {
        Command::CreateUser { key, user } => users::create(run, &now, key, user),
        Command::UpdateUser {
            key,
            change,
            if_revision,
        } => users::update(run, &now, key, change, *if_revision),
        Command::DeleteUser { key, if_revision } => users::delete(run, key, *if_revision),
        Command::ImportUsers {
            chain,
            authenticator,
            rows,
            on_conflict,
        } => import::users(run, &now, (chain, authenticator), rows, *on_conflict),
        Command::CreateAuthenticator {
            key,
            mechanism,
            backend,
            enabled,
            settings,
            precondition,
            on_failure,
            timeout,
        } => {
            let record = crate::auth::AuthenticatorRecord {
                key: key.clone(),
                mechanism: mechanism.clone(),
                backend: backend.clone(),
                enabled: *enabled,
                settings: settings.clone(),
                precondition: precondition.clone(),
                on_failure: *on_failure,
                timeout: *timeout,
                revision: now.index,
                updated_at: now.at,
                updated_by: now.by.to_owned(),
            };
            authenticators::create(run, &record)
        }
        Command::UpdateAuthenticator {
            key,
            change,
            if_revision,
        } => authenticators::update(run, &now, key, change, *if_revision),
        Command::DeleteAuthenticator { key, if_revision } => authenticators::delete(run, key, *if_revision),
        Command::MoveAuthenticator { key, position } => authenticators::place(run, key, position),
        Command::ReorderAuthenticators { chain, ids } => authenticators::reorder(run, chain, ids),
        Command::ReorderAuthenticatorsFrom { chain, was, ids } => authenticators::reorder_from(run, chain, was, ids),
        Command::CreateOperator {
            id,
            name,
            role,
            secret_hash,
        } => operators::create(run, &now, (id, name), *role, *secret_hash),
        Command::DeleteOperator { id, if_revision } => operators::delete(run, id, *if_revision),
        Command::UpdateSettings { change, if_revision } => {
            settings::update(run, &now, change, &SessionTimes::default(), *if_revision)
        }
        Command::RetireNode { id, incarnation } => settings::retire_node(run, *id, *incarnation),
        Command::DeleteUsers {
            chain,
            authenticator,
            user_ids,
        } => users::delete_many(run, (chain, authenticator), user_ids),
        Command::UpgradePasswords {
            chain,
            authenticator,
            upgrades,
        } => users::upgrade_passwords(run, &now, (chain, authenticator), upgrades),
        Command::BootstrapUsers {
            chain,
            authenticator,
            source,
            rows,
            is_last,
        } => import::bootstrap(run, &now, (chain, authenticator), source, rows, *is_last),
        Command::CreateUsers { users } => users::create_many(run, &now, users),
        Command::RotateKeys { newest, sealing, decoy } => keys::rotate(run, &now, *newest, sealing, decoy),
        Command::Found {
            operator_id,
            operator_name,
            secret_hash,
            token_hash,
            expires_at,
        } => {
            operators::create(run, &now, (operator_id, operator_name), Role::Admin, *secret_hash)?;
            accounts::offer_setup(run, &now, *token_hash, *expires_at)
        }
        Command::OfferSetup { token_hash, expires_at } => accounts::offer_setup(run, &now, *token_hash, *expires_at),
        Command::SetUp {
            token_hash,
            account,
            session,
        } => accounts::set_up(run, &now, *token_hash, account, session),
        Command::CreateAccount { account } => accounts::create(run, &now, account),
        Command::UpdateAccount {
            name,
            change,
            if_revision,
        } => accounts::update(run, &now, name, change, *if_revision),
        Command::DeleteAccount { name, if_revision } => accounts::delete(run, name, *if_revision),
        Command::OpenSession {
            account,
            password_revision,
            session,
        } => sessions::open(run, &now, account, *password_revision, session),
        Command::RenewSession { account, hash } => sessions::renew(run, &now, account, hash),
        Command::ConfirmSession { account, hash } => sessions::confirm(run, &now, account, hash),
        Command::EndSession { account, hash } => sessions::end(run, account, hash),
        Command::EndOtherSessions { account, kept } => sessions::end_others(run, account, kept),
        Command::UpdateSettingsAndSessions {
            change,
            sessions,
            if_revision,
        } => settings::update(run, &now, change, sessions, *if_revision),
    }
}

/// Bytes of a name in a refusal. A refusal is remembered, and what was never accepted as a name can be of any length.
const SHOWN: usize = 256;

fn shown(name: &str) -> String {
    match name.char_indices().find(|(at, _)| *at >= SHOWN) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

fn not_found(kind: &str, name: &str) -> Refusal {
    Refusal::NotFound {
        kind: kind.to_owned(),
        name: shown(name),
    }
}

fn already_exists(kind: &str, name: &str) -> Refusal {
    Refusal::AlreadyExists {
        kind: kind.to_owned(),
        name: shown(name),
    }
}

fn invalid(field: impl Into<String>, why: impl Into<String>) -> Refusal {
    Refusal::Invalid {
        field: field.into(),
        why: why.into(),
    }
}

fn check_revision(kind: &str, name: &str, expected: Option<u64>, actual: u64) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != actual => Err(Refusal::RevisionMismatch {
            kind: kind.to_owned(),
            name: shown(name),
            expected,
            actual,
        }),
        _ => Ok(()),
    }
}
