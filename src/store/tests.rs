//! The promises of the store, from outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::auth::{
    AuthenticatorFeed, AuthenticatorKey, NoAuthenticator, OnFailure, PasswordRecord, Timestamp, UserDirectory, UserKey,
    UserRecord,
};

const BUILT_IN: &str = "password_based:built_in_database";

fn open(dir: &Path, snapshot: Option<&Path>) -> (Store, Opened) {
    Store::open(dir, 7, snapshot, &Settings::default()).unwrap()
}

fn new_store() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let (store, opened) = open(dir.path(), None);
    assert_eq!(opened, Opened::Sound);
    (dir, store)
}

fn entry(index: u64, payload: Payload) -> Entry {
    Entry {
        index,
        position: Bytes::from(format!("log-{index}")),
        payload,
    }
}

fn asked(index: u64, request_id: &str, command: Command) -> Entry {
    let envelope = Envelope {
        at: Timestamp(1000 + index),
        by: "root".into(),
        request_id: request_id.into(),
        command,
    };
    entry(index, Payload::Command(envelope))
}

/// Applies commands one after the other, from the next index on.
fn tell(store: &Store, commands: impl IntoIterator<Item = Command>) -> Vec<Reply> {
    let next = store.applied().index + 1;
    let entries: Vec<_> = (next..)
        .zip(commands)
        .map(|(index, command)| asked(index, "", command))
        .collect();
    store
        .apply(&entries)
        .unwrap()
        .into_iter()
        .map(|outcome| outcome.reply)
        .collect()
}

fn tell_one(store: &Store, command: Command) -> Reply {
    tell(store, [command]).remove(0)
}

fn authenticator_key(id: &str) -> AuthenticatorKey {
    AuthenticatorKey {
        chain: "global".into(),
        id: id.into(),
    }
}

fn create_authenticator(id: &str) -> Command {
    Command::CreateAuthenticator {
        key: authenticator_key(id),
        mechanism: "password_based".into(),
        backend: "built_in_database".into(),
        enabled: true,
        settings: "{}".into(),
        precondition: String::new(),
        on_failure: OnFailure::Deny,
        timeout: Duration::from_secs(5),
    }
}

fn user_key(user_id: &str) -> UserKey {
    UserKey {
        chain: "global".into(),
        authenticator: BUILT_IN.into(),
        user_id: user_id.into(),
    }
}

fn new_user(password: &str) -> NewUser {
    NewUser {
        password: PasswordRecord::new(password),
        is_superuser: false,
        disabled: false,
        expires_at: None,
        attributes: BTreeMap::new(),
    }
}

fn create_user(user_id: &str) -> Command {
    Command::CreateUser {
        key: user_key(user_id),
        user: new_user("$hash$"),
    }
}

fn delete_user(user_id: &str) -> Command {
    Command::DeleteUser {
        key: user_key(user_id),
        if_revision: None,
    }
}

fn import(on_conflict: OnConflict, rows: &[(&str, &str)]) -> Command {
    Command::ImportUsers {
        chain: "global".into(),
        authenticator: BUILT_IN.into(),
        rows: rows
            .iter()
            .map(|(name, password)| ((*name).to_owned(), new_user(password)))
            .collect(),
        on_conflict,
    }
}

fn create_operator(id: &str, role: Role) -> Command {
    Command::CreateOperator {
        id: id.into(),
        name: format!("{id}'s key"),
        role,
        secret_hash: [3; 32],
    }
}

fn read(store: &Store, user_id: &str) -> Option<UserRecord> {
    store
        .user("global", BUILT_IN, user_id)
        .map(|user| UserRecord::clone(&user))
}

fn query(limit: usize) -> UserQuery {
    UserQuery {
        chain: "global".into(),
        authenticator: BUILT_IN.into(),
        limit,
        ..UserQuery::default()
    }
}

fn names(page: &UserPage) -> Vec<&str> {
    page.users.iter().map(|(key, _)| key.user_id.as_str()).collect()
}

/// Everything a reader can see, to compare states.
fn all(store: &Store) -> impl PartialEq + std::fmt::Debug + use<> {
    let users = store.users(&query(100_000)).unwrap().users;
    for (key, record) in &users {
        assert_eq!(
            store.user(&key.chain, &key.authenticator, &key.user_id).as_ref(),
            Some(record)
        );
    }
    let users: Vec<_> = users
        .into_iter()
        .map(|(key, record)| (key, UserRecord::clone(&record)))
        .collect();
    let retired: Vec<_> = (0..10).filter(|id| store.is_retired(*id)).collect();
    let accounts = store.accounts();
    let sessions: Vec<_> = accounts
        .iter()
        .map(|account| store.sessions_of(&account.name))
        .collect();
    (
        store.applied(),
        users,
        store.user_count(),
        store.authenticators(),
        store.operators(),
        store.settings(),
        retired,
        (accounts, sessions, store.setup_offer()),
    )
}

/// A log that touches every table.
fn some_log() -> Vec<Entry> {
    let mut commands = vec![create_authenticator(BUILT_IN), create_authenticator("jwt")];
    commands.extend((0..20).map(|n| create_user(&format!("user-{n:02}"))));
    commands.extend([
        delete_user("user-03"),
        delete_user("nobody"),
        create_operator("alice", Role::Admin),
        import(OnConflict::Replace, &[("user-04", "new"), ("new", "a"), ("new", "b")]),
        Command::MoveAuthenticator {
            key: authenticator_key("jwt"),
            position: Position::Front,
        },
        Command::RetireNode { id: 4, incarnation: 9 },
        Command::UpdateSettings {
            change: SettingsChange {
                detailed_reasons: Some(true),
                ..SettingsChange::default()
            },
            if_revision: Some(0),
        },
    ]);
    let mut log = vec![
        entry(0, Payload::Membership(Bytes::from_static(b"three nodes"))),
        entry(1, Payload::Blank),
    ];
    log.extend(
        (2..)
            .zip(commands)
            .map(|(index, command)| asked(index, &format!("request-{index}"), command)),
    );
    log
}

mod accounts;
mod applying;
mod bootstraps;
mod damage;
mod model;
mod paging;
mod refusals;
mod sessions;
mod snapshots;
mod upgrades;
