//! What each command is refused for. A refusal changes nothing.

use super::*;

fn refusal(reply: Reply) -> Refusal {
    match reply {
        Reply::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// A store with one of everything, and the refusal of `command`, which changed nothing there.
fn refused(command: Command) -> Refusal {
    let (_dir, store) = new_store();
    let there = [
        create_authenticator(BUILT_IN),
        create_authenticator("jwt"),
        create_user("ann"),
        create_operator("root", Role::Admin),
        create_operator("viewer", Role::Viewer),
    ];
    tell(&store, there);
    let mut before = (format!("{:?}", all(&store)), store.applied());
    let refusal = refusal(tell_one(&store, command));
    let applied = store.applied();
    before.0 = before.0.replace(&format!("{:?}", before.1), &format!("{applied:?}"));
    assert_eq!(format!("{:?}", all(&store)), before.0);
    refusal
}

fn message(command: Command) -> String {
    refused(command).to_string()
}

#[test]
fn a_user_that_exists_is_not_created() {
    assert_eq!(message(create_user("ann")), "user `ann` already exists");
}

#[test]
fn a_user_of_no_authenticator_is_not_created() {
    let key = UserKey {
        authenticator: "nowhere".into(),
        ..user_key("bob")
    };
    let command = Command::CreateUser {
        key,
        user: new_user("x"),
    };
    assert_eq!(
        refused(command),
        Refusal::NotFound {
            kind: "authenticator".into(),
            name: "nowhere".into()
        }
    );
}

fn create_in(authenticators: &[&str], user_id: &str) -> Command {
    let key = |authenticator: &&str| UserKey {
        authenticator: (*authenticator).into(),
        ..user_key(user_id)
    };
    Command::CreateUsers {
        users: authenticators.iter().map(|id| (key(id), new_user("x"))).collect(),
    }
}

#[test]
fn several_users_are_created_all_or_none_and_the_one_that_exists_is_named() {
    assert_eq!(
        message(create_in(&["jwt", BUILT_IN], "ann")),
        format!("user `ann` of `{BUILT_IN}` already exists")
    );
    assert_eq!(
        message(create_in(&[BUILT_IN, "nowhere"], "bob")),
        "authenticator `nowhere` does not exist"
    );
    assert_eq!(
        message(create_in(&["jwt", "jwt"], "bob")),
        "user `bob` of `jwt` already exists"
    );
}

#[test]
fn a_name_is_neither_empty_nor_endless_and_holds_no_nul() {
    assert_eq!(message(create_user("")), "`user_id`: is empty");
    assert_eq!(message(create_user("a\0b")), "`user_id`: holds a NUL");
    assert_eq!(
        message(create_user(&"a".repeat(1025))),
        "`user_id`: has 1025 bytes, the limit is 1024"
    );
    assert_eq!(message(create_authenticator("")), "`id`: is empty");
    assert_eq!(message(create_operator("", Role::Viewer)), "`id`: is empty");
}

#[test]
fn a_record_larger_than_sled_bears_is_refused() {
    let attributes = BTreeMap::from([("note".to_owned(), "x".repeat(20_000))]);
    let user = NewUser {
        attributes: attributes.clone(),
        ..new_user("x")
    };
    let command = Command::CreateUser {
        key: user_key("bob"),
        user,
    };
    assert!(matches!(refused(command), Refusal::Invalid { field, .. } if field == "attributes"));
    let change = UserChange {
        attributes: Some(attributes),
        ..UserChange::default()
    };
    let command = Command::UpdateUser {
        key: user_key("ann"),
        change,
        if_revision: None,
    };
    assert!(matches!(refused(command), Refusal::Invalid { field, .. } if field == "attributes"));
}

#[test]
fn a_user_that_is_not_there_is_neither_changed_nor_deleted() {
    let change = UserChange::default();
    let update = Command::UpdateUser {
        key: user_key("bob"),
        change,
        if_revision: None,
    };
    assert_eq!(message(update), "user `bob` does not exist");
    assert_eq!(message(delete_user("bob")), "user `bob` does not exist");
}

#[test]
fn users_of_an_authenticator_that_is_not_there_are_not_deleted() {
    let command = |authenticator: &str| Command::DeleteUsers {
        chain: "global".into(),
        authenticator: authenticator.into(),
        user_ids: vec!["ann".into()],
    };
    assert_eq!(message(command("nowhere")), "authenticator `nowhere` does not exist");
    assert_eq!(message(command("")), "`authenticator`: is empty");
}

#[test]
fn another_revision_is_a_mismatch() {
    let if_revision = Some(2);
    let user = Command::DeleteUser {
        key: user_key("ann"),
        if_revision,
    };
    assert_eq!(message(user), "user `ann` is at revision 3, not 2");
    let user = Command::UpdateUser {
        key: user_key("ann"),
        change: UserChange::default(),
        if_revision,
    };
    assert_eq!(message(user), "user `ann` is at revision 3, not 2");
    let key = authenticator_key(BUILT_IN);
    let change = AuthenticatorChange::default();
    let update = Command::UpdateAuthenticator {
        key: key.clone(),
        change,
        if_revision,
    };
    assert!(matches!(
        refused(update),
        Refusal::RevisionMismatch {
            expected: 2,
            actual: 1,
            ..
        }
    ));
    let delete = Command::DeleteAuthenticator { key, if_revision };
    assert!(matches!(
        refused(delete),
        Refusal::RevisionMismatch {
            expected: 2,
            actual: 1,
            ..
        }
    ));
    let operator = Command::DeleteOperator {
        id: "viewer".into(),
        if_revision,
    };
    assert_eq!(message(operator), "operator `viewer` is at revision 5, not 2");
    let settings = Command::UpdateSettings {
        change: SettingsChange::default(),
        if_revision,
    };
    assert_eq!(message(settings), "settings `cluster` is at revision 0, not 2");
}

#[test]
fn an_import_with_one_bad_row_changes_nothing() {
    let command = import(OnConflict::Replace, &[("bob", "1"), ("ann", "2"), ("", "3")]);
    assert_eq!(message(command), "`rows[2].user_id`: is empty");
}

#[test]
fn an_authenticator_that_exists_is_not_created() {
    assert_eq!(
        message(create_authenticator("jwt")),
        "authenticator `jwt` already exists"
    );
}

#[test]
fn an_authenticator_that_is_not_there_is_neither_changed_nor_moved() {
    let key = authenticator_key("x");
    let change = AuthenticatorChange::default();
    let update = Command::UpdateAuthenticator {
        key: key.clone(),
        change,
        if_revision: None,
    };
    assert_eq!(message(update), "authenticator `x` does not exist");
    let place = Command::MoveAuthenticator {
        key,
        position: Position::Front,
    };
    assert_eq!(message(place), "authenticator `x` does not exist");
}

#[test]
fn an_authenticator_is_not_moved_beside_itself_or_a_stranger() {
    let place = |position| Command::MoveAuthenticator {
        key: authenticator_key("jwt"),
        position,
    };
    assert_eq!(
        message(place(Position::Before("x".into()))),
        "authenticator `x` does not exist"
    );
    assert_eq!(
        message(place(Position::After("jwt".into()))),
        "`position`: names the authenticator itself"
    );
}

#[test]
fn an_order_is_an_exact_permutation() {
    let reorder = |chain: &str, ids: &[&str]| Command::ReorderAuthenticators {
        chain: chain.into(),
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    let faults = message(reorder("global", &["jwt", "x", "jwt"]));
    assert_eq!(
        faults,
        format!("`ids`: missing: `{BUILT_IN}`; unknown: `x`; named twice: `jwt`")
    );
    assert_eq!(message(reorder("nowhere", &["jwt"])), "chain `nowhere` does not exist");
}

#[test]
fn the_last_admin_stays() {
    let delete = |id: &str| Command::DeleteOperator {
        id: id.into(),
        if_revision: None,
    };
    assert_eq!(message(delete("root")), "`id`: names the last admin");
    assert_eq!(message(delete("nobody")), "operator `nobody` does not exist");
    assert_eq!(
        message(create_operator("root", Role::Viewer)),
        "operator `root` already exists"
    );

    let (_dir, store) = new_store();
    let replies = tell(
        &store,
        [
            create_operator("a", Role::Admin),
            create_operator("b", Role::Admin),
            delete("a"),
            delete("b"),
        ],
    );
    assert_eq!(replies[2], Reply::Done);
    assert_eq!(refusal(replies[3].clone()).to_string(), "`id`: names the last admin");
}

#[test]
fn staleness_has_a_bound_above_zero() {
    let change = SettingsChange {
        max_staleness: Some(Duration::ZERO),
        ..SettingsChange::default()
    };
    let command = Command::UpdateSettings {
        change,
        if_revision: None,
    };
    assert_eq!(message(command), "`max_staleness`: must be more than nothing");
}

#[test]
fn a_refusal_stays_small_however_long_the_name_it_is_about() {
    let endless = "é".repeat(100_000);
    let key = user_key(&endless);
    let delete = Command::DeleteUser { key, if_revision: None };
    let reorder = Command::ReorderAuthenticators {
        chain: "global".into(),
        ids: vec![endless.clone(), endless],
    };
    for command in [delete, reorder] {
        assert!(message(command).len() < 2048);
    }
}
