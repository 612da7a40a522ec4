//! Accounts: what each command does and what it is refused for.

use super::*;

pub(super) const MINUTE: u64 = 60_000;
pub(super) const HOUR: u64 = 60 * MINUTE;

/// At that time, by whoever.
pub(super) fn tell_at(store: &Store, at: u64, command: Command) -> Reply {
    let envelope = Envelope {
        at: Timestamp(at),
        by: "root".into(),
        request_id: String::new(),
        command,
    };
    let entry = entry(store.applied().index + 1, Payload::Command(envelope));
    store.apply(&[entry]).unwrap().remove(0).reply
}

pub(super) fn refused_at(store: &Store, at: u64, command: Command) -> String {
    let before = format!("{:?}", (store.accounts(), store.setup_offer(), store.operators()));
    let Reply::Refused(refusal) = tell_at(store, at, command) else {
        panic!("not refused")
    };
    let after = format!("{:?}", (store.accounts(), store.setup_offer(), store.operators()));
    assert_eq!(after, before);
    refusal.to_string()
}

pub(super) fn offer(token: u8, expires_at: u64) -> Command {
    Command::OfferSetup {
        token_hash: [token; 32],
        expires_at: Timestamp(expires_at),
    }
}

pub(super) fn new_account(name: &str, role: Role) -> NewAccount {
    NewAccount {
        name: name.into(),
        role,
        password: PasswordRecord::new("$old$"),
    }
}

pub(super) fn new_session(hash: u8) -> NewSession {
    NewSession {
        hash: [hash; 32],
        address: "10.0.0.1".into(),
        agent: "a browser".into(),
    }
}

pub(super) fn set_up(token: u8, name: &str) -> Command {
    Command::SetUp {
        token_hash: [token; 32],
        account: new_account(name, Role::Admin),
        session: new_session(1),
    }
}

pub(super) fn create(name: &str, role: Role) -> Command {
    Command::CreateAccount {
        account: new_account(name, role),
    }
}

pub(super) fn change(name: &str, change: AccountChange) -> Command {
    Command::UpdateAccount {
        name: name.into(),
        change,
        if_revision: None,
    }
}

pub(super) fn to_role(role: Role) -> AccountChange {
    AccountChange {
        role: Some(role),
        ..AccountChange::default()
    }
}

pub(super) fn to_password(kept: Option<u8>) -> AccountChange {
    AccountChange {
        password: Some(PasswordRecord::new("$new$")),
        kept_session: kept.map(|hash| [hash; 32]),
        ..AccountChange::default()
    }
}

pub(super) fn delete(name: &str) -> Command {
    Command::DeleteAccount {
        name: name.into(),
        if_revision: None,
    }
}

pub(super) fn open_session(store: &Store, name: &str, hash: u8) -> Command {
    Command::OpenSession {
        account: name.into(),
        password_revision: store.account(name).map_or(0, |account| account.password_revision),
        session: new_session(hash),
    }
}

pub(super) fn renew(name: &str, hash: u8) -> Command {
    Command::RenewSession {
        account: name.into(),
        hash: [hash; 32],
    }
}

pub(super) fn confirm(name: &str, hash: u8) -> Command {
    Command::ConfirmSession {
        account: name.into(),
        hash: [hash; 32],
    }
}

/// The first bytes of the hashes, in ascending order.
pub(super) fn sessions(store: &Store, name: &str) -> Vec<u8> {
    let mut hashes: Vec<_> = store.sessions_of(name).iter().map(|session| session.hash[0]).collect();
    hashes.sort_unstable();
    hashes
}

/// With the admins ann and bob.
pub(super) fn two_admins() -> (TempDir, Store) {
    let (dir, store) = new_store();
    for name in ["ann", "bob"] {
        assert_eq!(tell_at(&store, 0, create(name, Role::Admin)), Reply::Done);
    }
    (dir, store)
}

#[test]
fn the_first_account_takes_the_token_and_is_signed_in() {
    let (_dir, store) = new_store();
    tell_at(&store, 1000, offer(7, 1000 + HOUR));
    assert!(!store.has_accounts());
    assert_eq!(tell_at(&store, 2000, set_up(7, "Ann")), Reply::Done);
    let ann = store.account("aNN").unwrap();
    assert_eq!(
        (ann.name.as_str(), ann.role, ann.created_at),
        ("Ann", Role::Admin, Timestamp(2000))
    );
    let session = store.session(&[1; 32]).unwrap();
    assert_eq!((session.account.as_str(), session.opened_at), ("Ann", Timestamp(2000)));
    assert_eq!(store.setup_offer(), None);
}

#[test]
fn a_token_makes_one_account_and_not_when_it_is_another_or_too_old() {
    let (_dir, store) = new_store();
    let another = "`token`: is not the one that was given out last";
    assert_eq!(refused_at(&store, 1000, set_up(7, "ann")), another);
    tell_at(&store, 1000, offer(6, 9000));
    tell_at(&store, 1000, offer(7, 9000));
    assert_eq!(refused_at(&store, 2000, set_up(6, "ann")), another);
    assert_eq!(refused_at(&store, 9000, set_up(7, "ann")), "`token`: is too old");
    assert_eq!(tell_at(&store, 8999, set_up(7, "ann")), Reply::Done);
    assert_eq!(
        refused_at(&store, 8999, set_up(7, "bob")),
        "account `ann` already exists"
    );
    // Not even when the account has gone.
    tell_at(&store, 8999, create_operator("root", Role::Admin));
    tell_at(&store, 8999, delete("ann"));
    assert_eq!(refused_at(&store, 8999, set_up(7, "ann")), another);
}

#[test]
fn a_token_is_worth_nothing_once_there_is_an_account_however_it_was_made() {
    let (_dir, store) = new_store();
    tell_at(&store, 0, create_operator("root", Role::Admin));
    tell_at(&store, 0, offer(7, HOUR));
    tell_at(&store, 0, create("ann", Role::Viewer));
    assert_eq!(refused_at(&store, 0, offer(8, HOUR)), "account `ann` already exists");
    tell_at(&store, 0, delete("ann"));
    assert_eq!(store.setup_offer(), None);
    assert_eq!(tell_at(&store, 0, offer(8, HOUR)), Reply::Done);
    assert_eq!(
        refused_at(&store, HOUR, offer(8, HOUR)),
        "`expires_at`: is over already"
    );
}

#[test]
fn a_cluster_is_founded_with_a_key_and_a_token_or_with_neither() {
    let found = |expires_at| Command::Found {
        operator_id: "root".into(),
        operator_name: "admin".into(),
        secret_hash: [3; 32],
        token_hash: [7; 32],
        expires_at: Timestamp(expires_at),
    };
    let (_dir, store) = new_store();
    assert_eq!(refused_at(&store, 10, found(10)), "`expires_at`: is over already");
    assert_eq!(tell_at(&store, 10, found(11)), Reply::Done);
    assert_eq!(store.operator("root").unwrap().role, Role::Admin);
    assert_eq!(store.setup_offer().unwrap().token_hash, [7; 32]);
}

#[test]
fn a_name_is_taken_whatever_its_case_and_never_another_writers() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, create_operator("abcdef012345", Role::Viewer));
    for (name, why) in [
        ("ANN", "account `ANN` already exists"),
        ("ABCDEF012345", "operator `ABCDEF012345` already exists"),
        ("SYSTEM", "`name`: is the one in which the nodes themselves write"),
    ] {
        assert_eq!(refused_at(&store, 0, create(name, Role::Viewer)), why);
    }
    for name in ["", "..", "a\0b", &"a".repeat(100_000)] {
        let why = refused_at(&store, 0, create(name, Role::Viewer));
        assert!(why.starts_with("`name`: must be 1 to 64 "), "{why}");
    }
}

#[test]
fn an_account_never_has_the_role_of_a_client() {
    let (_dir, store) = two_admins();
    let why = "`role`: of an account must be viewer, editor or admin";
    assert_eq!(refused_at(&store, 0, create("eve", Role::Client)), why);
    assert_eq!(refused_at(&store, 0, change("ann", to_role(Role::Client))), why);
}

#[test]
fn the_last_admin_stays_whether_a_key_or_an_account() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, create("eve", Role::Viewer));
    let delete_key = || Command::DeleteOperator {
        id: "root".into(),
        if_revision: None,
    };
    assert_eq!(tell_at(&store, 0, delete("bob")), Reply::Done);
    assert_eq!(refused_at(&store, 0, delete("ann")), "`name`: names the last admin");
    let demote = || change("ann", to_role(Role::Editor));
    assert_eq!(refused_at(&store, 0, demote()), "`role`: is that of the last admin");
    assert_eq!(tell_at(&store, 0, change("ann", to_role(Role::Admin))), Reply::Done);

    // A key counts as much as an account, and the other way round.
    tell_at(&store, 0, create_operator("root", Role::Admin));
    assert_eq!(tell_at(&store, 0, demote()), Reply::Done);
    assert_eq!(refused_at(&store, 0, delete_key()), "`id`: names the last admin");
    assert_eq!(tell_at(&store, 0, change("ann", to_role(Role::Admin))), Reply::Done);
    assert_eq!(tell_at(&store, 0, delete_key()), Reply::Done);
}

#[test]
fn what_is_not_there_or_at_another_revision_is_not_changed() {
    let (_dir, store) = two_admins();
    for command in [
        change("eve", to_password(None)),
        delete("eve"),
        open_session(&store, "eve", 1),
    ] {
        assert_eq!(refused_at(&store, 0, command), "account `eve` does not exist");
    }
    let if_revision = Some(7);
    for command in [
        Command::UpdateAccount {
            name: "ann".into(),
            change: to_role(Role::Viewer),
            if_revision,
        },
        Command::DeleteAccount {
            name: "ann".into(),
            if_revision,
        },
    ] {
        assert_eq!(refused_at(&store, 0, command), "account `ann` is at revision 1, not 7");
    }
}

#[test]
fn a_new_password_ends_the_sessions_but_the_one_it_was_given_in() {
    let (_dir, store) = two_admins();
    for hash in 1..=3 {
        tell_at(&store, 0, open_session(&store, "ann", hash));
    }
    tell_at(&store, 0, open_session(&store, "bob", 9));
    assert_eq!(tell_at(&store, 50, change("ANN", to_password(Some(2)))), Reply::Done);
    assert_eq!((sessions(&store, "ann"), sessions(&store, "bob")), (vec![2], vec![9]));
    let ann = store.account("ann").unwrap();
    assert_eq!(
        (ann.password.expose(), ann.password_changed_at),
        ("$new$", Timestamp(50))
    );
    assert_eq!(ann.password_revision, store.applied().index);
    tell_at(&store, 50, change("ann", to_password(None)));
    assert_eq!(store.session(&[2; 32]), None);
}

#[test]
fn a_new_role_leaves_password_and_sessions_alone() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, open_session(&store, "ann", 1));
    let before = store.account("ann").unwrap();
    tell_at(&store, 50, change("ann", to_role(Role::Viewer)));
    let after = store.account("ann").unwrap();
    assert_eq!(
        AccountRecord::clone(&after),
        AccountRecord {
            role: Role::Viewer,
            revision: store.applied().index,
            ..AccountRecord::clone(&before)
        }
    );
    assert_eq!(sessions(&store, "ann"), [1]);
}

#[test]
fn a_deleted_account_takes_its_sessions_along_and_one_of_that_name_inherits_none() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, open_session(&store, "ann", 1));
    tell_at(&store, 0, open_session(&store, "bob", 2));
    assert_eq!(tell_at(&store, 0, delete("ann")), Reply::Done);
    tell_at(&store, 0, create("ann", Role::Admin));
    assert_eq!((store.session(&[1; 32]), sessions(&store, "ann")), (None, vec![]));
    assert_eq!(sessions(&store, "bob"), [2]);
}

#[test]
fn there_are_a_thousand_accounts_at_most() {
    let (_dir, store) = new_store();
    let replies = tell(&store, (0..1001).map(|n| create(&format!("user{n}"), Role::Viewer)));
    assert!(replies[..1000].iter().all(|reply| *reply == Reply::Done));
    assert!(matches!(&replies[1000], Reply::Refused(Refusal::Invalid { field, .. }) if field == "name"));
}
