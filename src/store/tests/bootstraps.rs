//! Files that fill an authenticator at its beginning.

use super::*;

fn bootstrap(source: &str, rows: &[(&str, &str)], is_last: bool) -> Command {
    let Command::ImportUsers { rows, .. } = import(OnConflict::Skip, rows) else {
        unreachable!()
    };
    Command::BootstrapUsers {
        chain: "global".into(),
        authenticator: BUILT_IN.into(),
        source: source.into(),
        rows,
        is_last,
    }
}

fn imported(created: u64, skipped: u64) -> Reply {
    Reply::Imported {
        created,
        replaced: 0,
        unchanged: 0,
        skipped,
    }
}

fn is_refused(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::AlreadyExists { kind, .. }) if kind == "bootstrap")
}

#[test]
fn a_bootstrap_never_replaces_a_user() {
    let (_dir, store) = new_store();
    tell(
        &store,
        [
            create_authenticator(BUILT_IN),
            import(OnConflict::Replace, &[("ann", "hers")]),
        ],
    );
    let reply = tell_one(
        &store,
        bootstrap("a.csv", &[("ann", "file's"), ("bob", "file's")], false),
    );
    assert_eq!(reply, imported(1, 1));
    assert_eq!(read(&store, "ann").unwrap().password.expose(), "hers");
    assert_eq!(read(&store, "bob").unwrap().password.expose(), "file's");
}

#[test]
fn a_bootstrap_that_was_read_to_its_end_is_closed_and_others_are_not() {
    let (dir, store) = new_store();
    let is_done = |store: &Store, source| store.is_bootstrapped(&authenticator_key(BUILT_IN), source);
    tell(
        &store,
        [
            create_authenticator(BUILT_IN),
            bootstrap("a.csv", &[("ann", "1")], false),
        ],
    );
    assert!(!is_done(&store, "a.csv"));
    tell(&store, [bootstrap("a.csv", &[], true), delete_user("ann")]);
    assert!(is_done(&store, "a.csv") && !is_done(&store, "b.csv"));
    assert!(is_refused(&tell_one(
        &store,
        bootstrap("a.csv", &[("ann", "1")], false)
    )));
    assert_eq!(read(&store, "ann"), None);
    assert_eq!(
        tell_one(&store, bootstrap("b.csv", &[("bob", "1")], true)),
        imported(1, 0)
    );

    drop(store);
    let (store, _) = open(dir.path(), None);
    assert!(is_done(&store, "a.csv") && is_done(&store, "b.csv"));
    let file = dir.path().join("snapshot");
    store.freeze().unwrap().write(&file, "c").unwrap();
    let (_other, other) = new_store();
    other.install(&file).unwrap();
    assert!(is_done(&other, "a.csv"));
    assert!(is_refused(&tell_one(&other, bootstrap("a.csv", &[("ann", "1")], true))));
}

#[test]
fn an_authenticator_that_was_deleted_and_made_anew_is_filled_anew() {
    let (_dir, store) = new_store();
    tell(
        &store,
        [
            create_authenticator(BUILT_IN),
            bootstrap("a.csv", &[("ann", "1")], true),
        ],
    );
    let delete = Command::DeleteAuthenticator {
        key: authenticator_key(BUILT_IN),
        if_revision: None,
    };
    tell(&store, [delete, create_authenticator(BUILT_IN)]);
    assert!(!store.is_bootstrapped(&authenticator_key(BUILT_IN), "a.csv"));
    assert_eq!(
        tell_one(&store, bootstrap("a.csv", &[("ann", "1")], true)),
        imported(1, 0)
    );
}

#[test]
fn a_bootstrap_of_nobody_and_one_without_a_name_are_refused() {
    let (_dir, store) = new_store();
    assert!(matches!(
        tell_one(&store, bootstrap("a.csv", &[("ann", "1")], true)),
        Reply::Refused(Refusal::NotFound { .. })
    ));
    tell(&store, [create_authenticator(BUILT_IN)]);
    assert!(matches!(
        tell_one(&store, bootstrap("", &[("ann", "1")], true)),
        Reply::Refused(Refusal::Invalid { .. })
    ));
}

/// Names and passwords.
type Rows<'a> = &'a [(&'a str, &'a str)];

/// Batches one after the other, each as a part of the import of that id.
fn in_parts(store: &Store, parts: &[(&str, &str, Rows<'_>)]) -> Vec<Reply> {
    let next = store.applied().index + 1;
    let entries: Vec<_> = (next..)
        .zip(parts)
        .map(|(index, (id, part, rows))| asked(index, &import_request_id(id, part), import(OnConflict::Skip, rows)))
        .collect();
    let outcomes = store.apply(&entries).unwrap();
    outcomes.into_iter().map(|outcome| outcome.reply).collect()
}

#[test]
fn the_last_row_of_a_name_wins_over_all_parts_of_an_import_that_skips() {
    let (_dir, store) = new_store();
    tell(
        &store,
        [
            create_authenticator(BUILT_IN),
            import(OnConflict::Replace, &[("old", "1")]),
        ],
    );
    let rows: [Rows<'_>; 3] = [
        &[("old", "2"), ("new", "1")],
        &[("new", "2"), ("new", "3"), ("old", "3")],
        &[("new", "4")],
    ];
    let replies = in_parts(&store, &[("a", "1", rows[0]), ("a", "3", rows[1])]);
    assert_eq!(replies[0], imported(1, 1));
    let replaced = Reply::Imported {
        created: 0,
        replaced: 2,
        unchanged: 0,
        skipped: 1,
    };
    assert_eq!(replies[1], replaced);
    assert_eq!(read(&store, "new").unwrap().password.expose(), "3");
    assert_eq!(read(&store, "old").unwrap().password.expose(), "1");
    // Another import finds the user there, and so does the same one after somebody has changed it.
    assert_eq!(in_parts(&store, &[("b", "1", rows[2])]), [imported(0, 1)]);
    let change = UserChange {
        disabled: Some(true),
        ..UserChange::default()
    };
    tell_one(
        &store,
        Command::UpdateUser {
            key: user_key("new"),
            change,
            if_revision: None,
        },
    );
    assert_eq!(in_parts(&store, &[("a", "6", rows[2])]), [imported(0, 1)]);
}
