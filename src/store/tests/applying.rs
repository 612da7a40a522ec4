//! Runs, revisions, repeated requests, restarts.

use super::*;

#[test]
fn runs_cut_differently_give_the_same_hash_and_state() {
    let log = some_log();
    let whole = new_store();
    let outcomes = whole.1.apply(&log).unwrap();
    for size in [1, 3, 7] {
        let cut = new_store();
        let pieces: Vec<_> = log.chunks(size).flat_map(|run| cut.1.apply(run).unwrap()).collect();
        assert_eq!(pieces, outcomes);
        assert_eq!(all(&cut.1), all(&whole.1));
    }
}

/// A change here means that a node of the next version would disagree with one of this: `Command` is append-only.
#[test]
fn the_hash_of_a_known_log_never_changes() {
    let (_dir, store) = new_store();
    store.apply(&some_log()).unwrap();
    assert_eq!(format!("{:016x}", store.applied().state_hash), "7f667a172426b779");
}

#[test]
fn a_command_shows_its_name_and_no_secret() {
    let command = create_authenticator(BUILT_IN);
    assert_eq!(format!("{command:?}"), "create_authenticator");
}

#[test]
fn another_log_gives_another_hash() {
    let log = some_log();
    let (_one, one) = new_store();
    let (_other, other) = new_store();
    one.apply(&log).unwrap();
    other.apply(&log[..5]).unwrap();
    other.apply(&[entry(5, Payload::Blank)]).unwrap();
    other.apply(&log[6..]).unwrap();
    assert_ne!(one.applied().state_hash, other.applied().state_hash);
}

#[test]
fn the_first_entry_may_have_index_zero_and_none_comes_twice() {
    let (_dir, store) = new_store();
    store.apply(&[entry(0, Payload::Blank)]).unwrap();
    assert!(store.apply(&[entry(0, Payload::Blank)]).is_err());
}

#[test]
fn a_record_carries_the_index_of_its_last_change() {
    let (_dir, store) = new_store();
    tell(&store, [create_authenticator(BUILT_IN), create_user("ann")]);
    assert_eq!(read(&store, "ann").unwrap().revision, 2);
    let change = UserChange {
        is_superuser: Some(true),
        ..UserChange::default()
    };
    tell_one(
        &store,
        Command::UpdateUser {
            key: user_key("ann"),
            change,
            if_revision: Some(2),
        },
    );
    let ann = read(&store, "ann").unwrap();
    assert_eq!(
        (ann.revision, ann.updated_at, ann.is_superuser),
        (3, Timestamp(1003), true)
    );
    assert_eq!(ann.password.expose(), "$hash$");
}

#[test]
fn everything_is_still_there_after_a_restart() {
    let (dir, store) = new_store();
    store.apply(&some_log()).unwrap();
    let before = all(&store);
    store.close().unwrap();
    let (store, opened) = open(dir.path(), None);
    assert_eq!(opened, Opened::Sound);
    assert_eq!(all(&store), before);
}

#[test]
fn everything_is_still_there_when_nobody_closed_it() {
    let (dir, store) = new_store();
    store.apply(&some_log()).unwrap();
    let before = all(&store);
    drop(store);
    let (store, opened) = open(dir.path(), None);
    assert_eq!((all(&store), opened), (before, Opened::Sound));
}

#[test]
fn a_deleted_user_is_gone_after_restart() {
    let (dir, store) = new_store();
    tell(
        &store,
        [create_authenticator(BUILT_IN), create_user("ann"), delete_user("ann")],
    );
    store.close().unwrap();
    drop(store);
    let (store, _) = open(dir.path(), None);
    assert_eq!((read(&store, "ann"), store.user_count()), (None, 0));
}

#[test]
fn a_closed_store_applies_nothing() {
    let (_dir, store) = new_store();
    store.close().unwrap();
    assert!(store.apply(&[entry(1, Payload::Blank)]).is_err());
}

#[test]
fn a_repeated_request_is_applied_once() {
    let (dir, store) = new_store();
    tell(&store, [create_authenticator(BUILT_IN)]);
    let first = store
        .apply(&[asked(2, "r", create_user("ann")), asked(3, "r", create_user("ann"))])
        .unwrap();
    assert_eq!(
        first,
        vec![
            Outcome {
                revision: 2,
                reply: Reply::Done
            };
            2
        ]
    );

    drop(store);
    let (store, _) = open(dir.path(), None);
    assert_eq!(store.apply(&[asked(4, "r", create_user("ann"))]).unwrap(), first[..1]);

    let file = dir.path().join("snapshot");
    store.freeze().unwrap().write(&file, "c").unwrap();
    let (_other, other) = new_store();
    other.install(&file).unwrap();
    assert_eq!(other.apply(&[asked(5, "r", delete_user("ann"))]).unwrap(), first[..1]);
    assert!(read(&other, "ann").is_some());
}

#[test]
fn a_request_id_is_its_owners_alone() {
    let (_dir, store) = new_store();
    let command = create_authenticator(BUILT_IN);
    let theirs = Envelope {
        at: Timestamp(1),
        by: "somebody".into(),
        request_id: "r".into(),
        command,
    };
    store.apply(&[entry(1, Payload::Command(theirs))]).unwrap();
    let mine = store.apply(&[asked(2, "r", create_user("ann"))]).unwrap();
    assert_eq!(
        mine,
        [Outcome {
            revision: 2,
            reply: Reply::Done
        }]
    );
}

#[test]
fn the_oldest_request_is_forgotten_first() {
    let (_dir, store) = new_store();
    let bound = requests::REMEMBERED as u64;
    let admin = |index, request: u64| asked(index, &format!("r{request}"), create_operator("a", Role::Admin));
    store
        .apply(&(0..=bound).map(|n| admin(n + 1, n)).collect::<Vec<_>>())
        .unwrap();
    let again = store.apply(&[admin(bound + 2, 0), admin(bound + 3, bound)]).unwrap();
    assert_eq!(
        again.iter().map(|outcome| outcome.revision).collect::<Vec<_>>(),
        [bound + 2, bound + 1]
    );
}

#[test]
fn an_import_counts_every_row_and_the_last_of_a_name_wins() {
    let (_dir, store) = new_store();
    tell(
        &store,
        [
            create_authenticator(BUILT_IN),
            import(OnConflict::Replace, &[("old", "1"), ("same", "1")]),
        ],
    );
    let rows = [("old", "2"), ("same", "1"), ("new", "1"), ("new", "2")];
    let reply = tell_one(&store, import(OnConflict::Replace, &rows));
    assert_eq!(
        reply,
        Reply::Imported {
            created: 1,
            replaced: 2,
            unchanged: 1,
            skipped: 0
        }
    );
    assert_eq!(read(&store, "new").unwrap().password.expose(), "2");
    assert_eq!(read(&store, "same").unwrap().revision, 2);

    let reply = tell_one(
        &store,
        import(OnConflict::Skip, &[("old", "3"), ("newer", "1"), ("newer", "2")]),
    );
    assert_eq!(
        reply,
        Reply::Imported {
            created: 1,
            replaced: 1,
            unchanged: 0,
            skipped: 1
        }
    );
    assert_eq!(read(&store, "old").unwrap().password.expose(), "2");
    assert_eq!(read(&store, "newer").unwrap().password.expose(), "2");
}

fn delete_users(authenticator: &str, user_ids: &[&str]) -> Command {
    Command::DeleteUsers {
        chain: "global".into(),
        authenticator: authenticator.into(),
        user_ids: user_ids.iter().map(|id| (*id).to_owned()).collect(),
    }
}

#[test]
fn many_are_deleted_at_once_and_those_who_are_not_there_are_counted() {
    let (_dir, store) = new_store();
    tell(
        &store,
        [create_authenticator(BUILT_IN), create_authenticator("other")]
            .into_iter()
            .chain(["ann", "bob", "cid"].map(create_user)),
    );
    let reply = tell_one(&store, delete_users(BUILT_IN, &["ann", "nobody", "cid", ""]));
    assert_eq!(reply, Reply::UsersDeleted { deleted: 2, missing: 2 });
    assert_eq!(names(&store.users(&query(10)).unwrap()), ["bob"]);
    assert_eq!((read(&store, "ann"), store.user_count()), (None, 1));
    let reply = tell_one(&store, delete_users("other", &["bob"]));
    assert_eq!(reply, Reply::UsersDeleted { deleted: 0, missing: 1 });
    assert!(read(&store, "bob").is_some());
}

#[test]
fn a_repeated_deletion_of_many_spares_those_who_came_since() {
    let (_dir, store) = new_store();
    tell(&store, [create_authenticator(BUILT_IN), create_user("ann")]);
    let first = store
        .apply(&[asked(3, "r", delete_users(BUILT_IN, &["ann", "bob"]))])
        .unwrap();
    tell(&store, [create_user("bob")]);
    let again = store
        .apply(&[asked(5, "r", delete_users(BUILT_IN, &["ann", "bob"]))])
        .unwrap();
    assert_eq!(again, first);
    let reply = Reply::UsersDeleted { deleted: 1, missing: 1 };
    assert_eq!(first, [Outcome { revision: 3, reply }]);
    assert!(read(&store, "bob").is_some());
}

#[test]
fn a_deletion_of_many_is_the_same_however_the_log_is_cut() {
    let log: Vec<_> = [
        create_authenticator(BUILT_IN),
        create_user("ann"),
        create_user("bob"),
        delete_users(BUILT_IN, &["bob", "cid"]),
        create_user("bob"),
        delete_users(BUILT_IN, &["ann"]),
    ]
    .into_iter()
    .zip(1..)
    .map(|(command, index)| asked(index, "", command))
    .collect();
    let (_whole, whole) = new_store();
    let (_cut, cut) = new_store();
    let outcomes = whole.apply(&log).unwrap();
    let pieces: Vec<_> = log.chunks(1).flat_map(|run| cut.apply(run).unwrap()).collect();
    assert_eq!(pieces, outcomes);
    assert_eq!(all(&cut), all(&whole));
    assert_eq!(names(&whole.users(&query(10)).unwrap()), ["bob"]);
}

#[test]
fn a_deleted_authenticator_takes_its_users_along() {
    let (_dir, store) = new_store();
    tell(
        &store,
        [
            create_authenticator(BUILT_IN),
            create_authenticator("other"),
            create_user("ann"),
        ],
    );
    let delete = || Command::DeleteAuthenticator {
        key: authenticator_key(BUILT_IN),
        if_revision: None,
    };
    let replies = tell(&store, [create_user("bob"), delete(), delete()]);
    assert_eq!(
        replies[1],
        Reply::Deleted {
            existed: true,
            users: 2
        }
    );
    assert_eq!(
        replies[2],
        Reply::Deleted {
            existed: false,
            users: 0
        }
    );
    assert_eq!(
        (read(&store, "ann"), store.user_count(), store.authenticators().len()),
        (None, 0, 1)
    );
}

#[test]
fn authenticators_come_in_the_order_they_were_put() {
    let (_dir, store) = new_store();
    tell(&store, ["a", "b", "c"].map(create_authenticator));
    let order = |store: &Store| {
        store
            .authenticators()
            .into_iter()
            .map(|a| a.key.id)
            .collect::<Vec<_>>()
            .concat()
    };
    let put = |id: &str, position| {
        tell_one(
            &store,
            Command::MoveAuthenticator {
                key: authenticator_key(id),
                position,
            },
        );
        order(&store)
    };
    assert_eq!(put("c", Position::Front), "cab");
    assert_eq!(put("c", Position::After("a".into())), "acb");
    assert_eq!(put("b", Position::Before("a".into())), "bac");
    assert_eq!(put("b", Position::Rear), "acb");
    let ids = ["b", "a", "c"].map(String::from).to_vec();
    tell_one(
        &store,
        Command::ReorderAuthenticators {
            chain: "global".into(),
            ids,
        },
    );
    assert_eq!(order(&store), "bac");
}

#[test]
fn only_changes_of_authenticators_wake_those_who_follow_them() {
    let (_dir, store) = new_store();
    let mut authenticators = store.watch_authenticators();
    let mut applied = store.watch_applied();
    tell(&store, [create_authenticator(BUILT_IN)]);
    assert!(authenticators.has_changed().unwrap());
    assert_eq!(*authenticators.borrow_and_update(), store.authenticators_version());
    tell(&store, [create_user("ann"), create_authenticator(BUILT_IN)]);
    assert!(!authenticators.has_changed().unwrap());
    assert_eq!(*applied.borrow_and_update(), 3);
}

#[test]
fn settings_are_the_defaults_until_somebody_changes_them() {
    let (_dir, store) = new_store();
    assert_eq!(*store.settings(), Default::default());
    let change = SettingsChange {
        no_authenticator: Some(NoAuthenticator::Deny),
        ..SettingsChange::default()
    };
    tell(
        &store,
        [Command::UpdateSettings {
            change,
            if_revision: None,
        }],
    );
    let settings = store.settings();
    assert_eq!(
        (settings.no_authenticator, settings.revision),
        (NoAuthenticator::Deny, 1)
    );
    assert_eq!(settings.max_staleness, Duration::from_secs(300));
}

#[test]
fn several_users_are_created_in_one_change_and_a_retry_creates_nobody() {
    let (_dir, store) = new_store();
    tell(&store, [create_authenticator(BUILT_IN), create_authenticator("other")]);
    let other_ann = UserKey {
        authenticator: "other".into(),
        ..user_key("ann")
    };
    let users = vec![(user_key("ann"), new_user("one")), (other_ann, new_user("two"))];
    let created = asked(3, "both", Command::CreateUsers { users: users.clone() });
    assert_eq!(store.apply(&[created]).unwrap()[0].reply, Reply::Done);
    for (authenticator, password) in [(BUILT_IN, "one"), ("other", "two")] {
        let user = store.user("global", authenticator, "ann").unwrap();
        assert_eq!((user.password.expose(), user.revision), (password, 3));
    }
    tell(&store, [delete_user("ann")]);
    let again = store
        .apply(&[asked(5, "both", Command::CreateUsers { users })])
        .unwrap();
    assert_eq!((again[0].revision, &again[0].reply), (3, &Reply::Done));
    assert!(read(&store, "ann").is_none());
    assert_eq!(store.user_count(), 1);
}
