//! Exports of a store that changes meanwhile, of large users, and to callers who go.

use std::collections::BTreeMap;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{AdminError, Export, ExportPiece, ExportRequest, PAGE, PIECE, Piece};
use crate::admin::import::ImportFormat;
use crate::auth::{AuthenticatorKey, OnFailure, PasswordRecord, Timestamp};
use crate::store::{Command, Entry, Envelope, NewUser, OnConflict, Payload, Settings, Store};

const HASH: &str = "$sha256$prefix$c2FsdA$00";

fn owner() -> AuthenticatorKey {
    AuthenticatorKey {
        chain: "global".into(),
        id: "built-in".into(),
    }
}

fn tell(store: &Store, command: Command) {
    let index = store.applied().index + 1;
    let envelope = Envelope {
        at: Timestamp(1000),
        by: "root".into(),
        request_id: String::new(),
        command,
    };
    let entry = Entry {
        index,
        position: Bytes::from(index.to_string()),
        payload: Payload::Command(envelope),
    };
    store.apply(&[entry]).unwrap();
}

fn user(attributes: BTreeMap<String, String>) -> NewUser {
    NewUser {
        password: PasswordRecord::new(HASH),
        is_superuser: false,
        disabled: false,
        expires_at: None,
        attributes,
    }
}

fn import(store: &Store, rows: Vec<(String, NewUser)>) {
    let AuthenticatorKey { chain, id } = owner();
    let command = Command::ImportUsers {
        chain,
        authenticator: id,
        rows,
        on_conflict: OnConflict::Replace,
    };
    tell(store, command);
}

fn delete(store: &Store, user_ids: Vec<String>) {
    let AuthenticatorKey { chain, id } = owner();
    let command = Command::DeleteUsers {
        chain,
        authenticator: id,
        user_ids,
    };
    tell(store, command);
}

/// A store with an authenticator and users of these names.
fn store_of(names: impl Iterator<Item = String>) -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let (store, _) = Store::open(folder.path(), 1, None, &Settings::default()).unwrap();
    let command = Command::CreateAuthenticator {
        key: owner(),
        mechanism: "password_based".into(),
        backend: "built_in_database".into(),
        enabled: true,
        settings: "{}".into(),
        precondition: String::new(),
        on_failure: OnFailure::Deny,
        timeout: std::time::Duration::from_secs(5),
    };
    tell(&store, command);
    import(&store, names.map(|name| (name, user(BTreeMap::new()))).collect());
    (folder, store)
}

fn start(store: &Store, prefix: &str) -> (mpsc::Receiver<Piece>, JoinHandle<Option<AdminError>>) {
    let (pieces, received) = mpsc::channel(1);
    let request = ExportRequest {
        chain: String::new(),
        authenticator: String::new(),
        prefix: prefix.into(),
        format: ImportFormat::Ndjson,
    };
    let export = Export::new(store.clone(), owner(), request, pieces);
    (received, tokio::spawn(export.run("root")))
}

async fn rest(mut pieces: mpsc::Receiver<Piece>) -> Vec<ExportPiece> {
    let mut received = Vec::new();
    while let Some(piece) = pieces.recv().await {
        received.push(piece.unwrap());
    }
    received
}

fn names(pieces: &[ExportPiece]) -> Vec<String> {
    let text: Vec<u8> = pieces.iter().flat_map(|piece| piece.data.to_vec()).collect();
    let name = |line: &str| {
        let user: serde_json::Value = serde_json::from_str(line).unwrap();
        user["user_id"].as_str().unwrap().to_owned()
    };
    String::from_utf8(text).unwrap().lines().map(name).collect()
}

fn numbered(n: usize) -> String {
    format!("user-{n:05}")
}

#[tokio::test]
async fn who_is_there_all_the_while_is_exported_once_whatever_comes_and_goes() {
    let stable = 4 * PAGE;
    let (_folder, store) = store_of((0..stable).map(numbered));
    let (mut pieces, export) = start(&store, "");
    let mut received = Vec::new();
    let mut round = 0;
    while let Some(piece) = pieces.recv().await {
        received.push(piece.unwrap());
        // In front of the cursor, behind it and around it; and a stable one is changed.
        let visitors: Vec<_> = (0..stable)
            .step_by(97)
            .map(|n| format!("{}-{round}", numbered(n)))
            .collect();
        import(
            &store,
            visitors
                .iter()
                .map(|name| (name.clone(), user(BTreeMap::new())))
                .collect(),
        );
        let attributes = BTreeMap::from([("round".to_owned(), round.to_string())]);
        import(&store, vec![(numbered(stable - 1), user(attributes))]);
        delete(&store, visitors.into_iter().step_by(2).collect());
        round += 1;
    }
    assert_eq!(export.await.unwrap(), None);
    let exported = names(&received);
    assert!(round > 2 && exported.is_sorted_by(|one, other| one < other));
    let of_stable: Vec<_> = exported.iter().filter(|name| name.len() == numbered(0).len()).collect();
    assert_eq!(of_stable.len(), stable);
    assert_eq!(received.last().unwrap().users, exported.len() as u64);
}

#[tokio::test]
async fn large_users_come_in_pieces_of_bounded_size_that_count_whole_users() {
    // As much as a record may hold, of what takes the most room in JSON.
    let attributes: BTreeMap<_, _> = (0..14).map(|n| (n.to_string(), "\u{1}".repeat(1000))).collect();
    let (_folder, store) = store_of(std::iter::empty());
    import(
        &store,
        (0..20).map(|n| (numbered(n), user(attributes.clone()))).collect(),
    );
    let (pieces, _export) = start(&store, "");
    let received = rest(pieces).await;
    assert!(received.len() > 5 && received.iter().all(|piece| piece.data.len() <= PIECE));
    assert_eq!(names(&received).len(), 20);
    let counts: Vec<_> = received.iter().map(|piece| piece.users).collect();
    assert_eq!(
        (counts[0], counts[counts.len() - 2], counts[counts.len() - 1]),
        (0, 0, 20)
    );
}

#[tokio::test]
async fn a_prefix_bounds_the_export_and_older_names_are_in_it() {
    let (_folder, store) = store_of(["a", "b1", "b\n2", "c"].map(str::to_owned).into_iter());
    let (pieces, _export) = start(&store, "b");
    assert_eq!(names(&rest(pieces).await), ["b\n2", "b1"]);
}

#[tokio::test]
async fn an_export_ends_when_its_caller_goes() {
    let (_folder, store) = store_of((0..4 * PAGE).map(numbered));
    let (mut pieces, export) = start(&store, "");
    assert!(pieces.recv().await.is_some());
    drop(pieces);
    assert_eq!(export.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_takes_nothing_is_given_up_and_not_told_that_the_file_is_whole() {
    let (_folder, store) = store_of((0..4 * PAGE).map(numbered));
    let (_pieces, export) = start(&store, "");
    assert!(matches!(export.await.unwrap(), Some(AdminError::Deadline(_))));
}

#[tokio::test]
async fn an_authenticator_that_is_deleted_meanwhile_leaves_no_short_file() {
    let (_folder, store) = store_of((0..4 * PAGE).map(numbered));
    let (mut pieces, export) = start(&store, "");
    assert!(pieces.recv().await.is_some());
    let command = Command::DeleteAuthenticator {
        key: owner(),
        if_revision: None,
    };
    tell(&store, command);
    while pieces.recv().await.is_some() {}
    assert!(matches!(export.await.unwrap(), Some(AdminError::NotFound { .. })));
}
