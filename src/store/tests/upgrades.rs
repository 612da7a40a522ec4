//! Records made anew after a login: whoever has changed since keeps what it has.

use super::*;

fn upgrade(upgrades: &[(&str, u64, &str)]) -> Command {
    let upgrade = |(user_id, if_revision, password): &(&str, u64, &str)| PasswordUpgrade {
        user_id: (*user_id).to_owned(),
        if_revision: *if_revision,
        password: PasswordRecord::new(*password),
    };
    Command::UpgradePasswords {
        chain: "global".into(),
        authenticator: BUILT_IN.into(),
        upgrades: upgrades.iter().map(upgrade).collect(),
    }
}

/// Ann at revision 2, bob at 3, eve at 4.
fn three_users() -> (TempDir, Store) {
    let (dir, store) = new_store();
    let users = ["ann", "bob", "eve"].map(create_user);
    tell(&store, [create_authenticator(BUILT_IN)].into_iter().chain(users));
    (dir, store)
}

fn password_of(store: &Store, user_id: &str) -> String {
    read(store, user_id).unwrap().password.expose().to_owned()
}

#[test]
fn an_upgrade_changes_the_record_and_nothing_else_of_the_user() {
    let (_dir, store) = new_store();
    let rich = NewUser {
        is_superuser: true,
        disabled: true,
        expires_at: Some(Timestamp(9)),
        attributes: BTreeMap::from([("tenant".to_owned(), "a".to_owned())]),
        ..new_user("$old$")
    };
    let create = Command::CreateUser {
        key: user_key("ann"),
        user: rich,
    };
    tell(&store, [create_authenticator(BUILT_IN), create]);
    let before = read(&store, "ann").unwrap();
    assert_eq!(tell_one(&store, upgrade(&[("ann", 2, "$new$")])), Reply::Done);
    let after = UserRecord {
        password: PasswordRecord::new("$new$"),
        revision: 3,
        updated_at: Timestamp(1003),
        ..before
    };
    assert_eq!(read(&store, "ann"), Some(after));
}

#[test]
fn a_user_of_another_revision_or_gone_is_left_out_and_the_others_are_not() {
    let (_dir, store) = three_users();
    tell(&store, [delete_user("bob")]);
    let upgrades = [
        ("ann", 2, "$new$"),
        ("bob", 3, "$new$"),
        ("eve", 3, "$new$"),
        ("zoe", 0, "$new$"),
    ];
    assert_eq!(tell_one(&store, upgrade(&upgrades)), Reply::Done);
    assert_eq!(password_of(&store, "ann"), "$new$");
    assert_eq!(
        (password_of(&store, "eve"), read(&store, "eve").unwrap().revision),
        ("$hash$".into(), 4)
    );
    assert_eq!(
        (read(&store, "bob"), read(&store, "zoe"), store.user_count()),
        (None, None, 2)
    );
}

#[test]
fn a_password_changed_in_between_is_never_overwritten() {
    let (_dir, store) = three_users();
    let change = UserChange {
        password: Some(PasswordRecord::new("$changed$")),
        ..UserChange::default()
    };
    let update = Command::UpdateUser {
        key: user_key("ann"),
        change,
        if_revision: None,
    };
    tell(&store, [update, upgrade(&[("ann", 2, "$new$")])]);
    assert_eq!(
        (password_of(&store, "ann"), read(&store, "ann").unwrap().revision),
        ("$changed$".into(), 5)
    );

    // Deleted and created anew under the same name is another user, too.
    tell(
        &store,
        [delete_user("bob"), create_user("bob"), upgrade(&[("bob", 3, "$new$")])],
    );
    assert_eq!(password_of(&store, "bob"), "$hash$");
}

#[test]
fn of_two_upgrades_of_one_user_the_first_wins() {
    let (_dir, store) = three_users();
    tell(
        &store,
        [
            upgrade(&[("ann", 2, "$first$"), ("ann", 2, "$within$")]),
            upgrade(&[("ann", 2, "$second$")]),
        ],
    );
    assert_eq!(
        (password_of(&store, "ann"), read(&store, "ann").unwrap().revision),
        ("$first$".into(), 5)
    );
}

#[test]
fn an_upgrade_whose_authenticator_is_gone_changes_nothing() {
    let (_dir, store) = three_users();
    let delete = Command::DeleteAuthenticator {
        key: authenticator_key(BUILT_IN),
        if_revision: None,
    };
    let replies = tell(&store, [delete, upgrade(&[("ann", 2, "$new$")])]);
    assert_eq!(replies[1], Reply::Done);
    assert_eq!((read(&store, "ann"), store.user_count()), (None, 0));
}

#[test]
fn upgrades_give_every_node_the_same_state_however_the_log_is_cut_or_repeated() {
    let upgrades = [("ann", 2, "$new$"), ("bob", 9, "$new$")];
    let commands = [create_authenticator(BUILT_IN), create_user("ann"), create_user("bob")];
    let mut log: Vec<_> = (1..)
        .zip(commands)
        .map(|(index, command)| asked(index, "", command))
        .collect();
    // A leader that has handed a write over twice.
    log.push(asked(4, "once", upgrade(&upgrades)));
    log.push(asked(5, "once", upgrade(&upgrades)));
    let (dir, whole) = new_store();
    let outcomes = whole.apply(&log).unwrap();
    assert_eq!((outcomes[3].revision, outcomes[4].revision), (4, 4));
    assert_eq!(read(&whole, "ann").unwrap().revision, 4);
    let (_dir, cut) = new_store();
    for entry in log {
        cut.apply(&[entry]).unwrap();
    }
    assert_eq!(all(&cut), all(&whole));
    let before = all(&whole);
    drop(whole);
    let (again, opened) = open(dir.path(), None);
    assert_eq!((all(&again), opened), (before, Opened::Sound));
}
