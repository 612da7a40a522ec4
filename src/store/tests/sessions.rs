//! Sessions: how they are opened and ended, and that time is the envelope's. And logs of both, on several nodes.

use super::accounts::{
    HOUR, MINUTE, change, confirm, create, delete, new_session, offer, open_session, refused_at, renew, sessions,
    set_up, tell_at, to_password, to_role, two_admins,
};
use super::*;

#[test]
fn no_session_is_opened_for_a_password_that_was_replaced_meanwhile() {
    let (_dir, store) = two_admins();
    let verified = open_session(&store, "ann", 1);
    tell_at(&store, 0, change("ann", to_password(None)));
    assert_eq!(
        refused_at(&store, 0, verified),
        "password `ann` is at revision 3, not 1"
    );
    // Another role is no other password.
    let verified = open_session(&store, "ann", 1);
    tell_at(&store, 0, change("ann", to_role(Role::Viewer)));
    assert_eq!(tell_at(&store, 0, verified), Reply::Done);
}

#[test]
fn of_more_than_twenty_sessions_the_one_opened_first_goes() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, open_session(&store, "bob", 99));
    for hash in 0..22 {
        // In the order of time, whatever that of the hashes.
        tell_at(&store, 1000 - u64::from(hash), open_session(&store, "ann", hash));
        tell_at(&store, 2000, renew("ann", hash));
    }
    let kept: Vec<u8> = (0..20).chain([21]).filter(|hash| *hash != 19).collect();
    assert_eq!(sessions(&store, "ann"), kept);
    assert_eq!(sessions(&store, "bob"), [99]);
}

#[test]
fn what_time_has_ended_is_dropped_when_a_session_is_opened_and_never_revived() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, open_session(&store, "ann", 1));
    tell_at(&store, 0, open_session(&store, "ann", 2));
    tell_at(&store, 29 * MINUTE, renew("ann", 2));
    // Told too late: the first one idled out at 30 minutes.
    tell_at(&store, 30 * MINUTE, renew("ann", 1));
    assert_eq!(sessions(&store, "ann"), [2]);
    // A clock that is behind takes nothing back.
    tell_at(&store, 5 * MINUTE, renew("ann", 2));
    assert_eq!(store.session(&[2; 32]).unwrap().renewed_at, Timestamp(29 * MINUTE));
    tell_at(&store, 58 * MINUTE, open_session(&store, "bob", 3));
    assert_eq!(sessions(&store, "ann"), [2]);
    tell_at(&store, 59 * MINUTE, open_session(&store, "bob", 4));
    assert_eq!((sessions(&store, "ann"), sessions(&store, "bob")), (vec![], vec![3, 4]));
}

#[test]
fn a_session_ends_in_the_end_however_much_it_is_used() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, open_session(&store, "ann", 1));
    for time in (0..12 * HOUR).step_by(29 * 60_000) {
        tell_at(&store, time, renew("ann", 1));
    }
    assert_eq!(sessions(&store, "ann"), [1]);
    tell_at(&store, 12 * HOUR, renew("ann", 1));
    assert!(sessions(&store, "ann").is_empty());
}

#[test]
fn a_session_is_confirmed_for_five_minutes_and_only_while_it_is_open() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, open_session(&store, "ann", 1));
    let is_confirmed = |at| store.session(&[1; 32]).unwrap().is_confirmed(Timestamp(at));
    assert!(!is_confirmed(0));
    tell_at(&store, 1000, confirm("ann", 1));
    assert!(is_confirmed(1000) && is_confirmed(1000 + 5 * MINUTE - 1) && !is_confirmed(1000 + 5 * MINUTE));
    for (at, command) in [
        (30 * MINUTE, confirm("ann", 1)),
        (0, confirm("bob", 1)),
        (0, confirm("ann", 2)),
    ] {
        let why = refused_at(&store, at, command);
        assert!(
            why.starts_with("session `0") && why.ends_with("does not exist"),
            "{why}"
        );
    }
}

#[test]
fn sessions_are_ended_one_by_one_or_all_but_one_and_only_the_accounts_own() {
    let (_dir, store) = two_admins();
    for (name, hash) in [("ann", 1), ("ann", 2), ("ann", 3), ("bob", 4)] {
        tell_at(&store, 0, open_session(&store, name, hash));
    }
    let end = |name: &str, hash: u8| Command::EndSession {
        account: name.into(),
        hash: [hash; 32],
    };
    for (name, hash) in [("ann", 1), ("ann", 1), ("bob", 2), ("nobody", 2)] {
        assert_eq!(tell_at(&store, 0, end(name, hash)), Reply::Done);
    }
    assert_eq!(
        (sessions(&store, "ann"), sessions(&store, "bob")),
        (vec![2, 3], vec![4])
    );
    let others = Command::EndOtherSessions {
        account: "ann".into(),
        kept: [3; 32],
    };
    assert_eq!(tell_at(&store, 0, others), Reply::Done);
    assert_eq!((sessions(&store, "ann"), sessions(&store, "bob")), (vec![3], vec![4]));
}

fn session_times(idle: Option<u64>, lifetime: Option<u64>) -> Command {
    Command::UpdateSettingsAndSessions {
        change: SettingsChange::default(),
        sessions: SessionTimes {
            idle: idle.map(Duration::from_secs),
            lifetime: lifetime.map(Duration::from_secs),
        },
        if_revision: None,
    }
}

#[test]
fn how_long_sessions_last_is_a_setting_that_an_older_change_leaves_alone() {
    let (_dir, store) = two_admins();
    tell_at(&store, 0, session_times(Some(60), None));
    tell_at(&store, 0, open_session(&store, "ann", 1));
    tell_at(&store, MINUTE, renew("ann", 1));
    assert!(sessions(&store, "ann").is_empty());
    let older = Command::UpdateSettings {
        change: SettingsChange {
            detailed_reasons: Some(true),
            ..SettingsChange::default()
        },
        if_revision: None,
    };
    tell_at(&store, 0, older);
    let settings = store.settings();
    assert_eq!(
        (
            settings.session_idle,
            settings.session_lifetime,
            settings.detailed_reasons
        ),
        (Duration::from_secs(60), Duration::from_secs(12 * 3600), true)
    );
    assert_eq!(
        refused_at(&store, 0, session_times(Some(0), None)),
        "`session_idle`: must be more than nothing"
    );
    let why = "`session_lifetime`: must be more than nothing";
    assert_eq!(refused_at(&store, 0, session_times(None, Some(0))), why);
}

/// A log that touches accounts, sessions, the token and the times, with a refusal, a repetition and an end by time.
fn account_log() -> Vec<Entry> {
    let open = |account: &str, password_revision, hash| Command::OpenSession {
        account: account.into(),
        password_revision,
        session: new_session(hash),
    };
    let found = Command::Found {
        operator_id: "root".into(),
        operator_name: "admin".into(),
        secret_hash: [3; 32],
        token_hash: [5; 32],
        expires_at: Timestamp(HOUR),
    };
    let end = Command::EndSession {
        account: "bob".into(),
        hash: [8; 32],
    };
    let end_others = Command::EndOtherSessions {
        account: "ann".into(),
        kept: [4; 32],
    };
    let commands = [
        (0, found),
        (0, offer(6, HOUR)),
        (0, set_up(6, "ann")),
        (0, set_up(6, "ann")),
        (1000, create("bob", Role::Editor)),
        (1000, create("eve", Role::Viewer)),
        (1000, open("bob", 5, 2)),
        (1000, open("eve", 6, 3)),
        (9 * MINUTE, confirm("ann", 1)),
        (9 * MINUTE, renew("bob", 2)),
        (9 * MINUTE, delete("eve")),
        (9 * MINUTE, change("bob", to_role(Role::Viewer))),
        (9 * MINUTE, session_times(Some(600), None)),
        (11 * MINUTE, open("ann", 3, 4)),
        (11 * MINUTE, end),
        (11 * MINUTE, end_others),
        (11 * MINUTE, open("bob", 99, 5)),
    ];
    let entry_of = |(index, (at, command)): (u64, (u64, Command))| {
        let envelope = Envelope {
            at: Timestamp(at),
            by: "root".into(),
            // The fourth is the third once more.
            request_id: format!("request-{}", if index == 4 { 3 } else { index }),
            command,
        };
        entry(index, Payload::Command(envelope))
    };
    (1..).zip(commands).map(entry_of).collect()
}

#[test]
fn accounts_are_the_same_on_every_node_however_the_log_is_cut_and_after_every_restart() {
    let log = account_log();
    let (dir, whole) = new_store();
    let outcomes = whole.apply(&log).unwrap();
    let replies: Vec<_> = outcomes.iter().map(|outcome| outcome.reply == Reply::Done).collect();
    assert_eq!(replies, [vec![true; 16], vec![false]].concat());
    assert_eq!((sessions(&whole, "ann"), sessions(&whole, "bob")), (vec![4], vec![2]));
    for size in [1, 4] {
        let (_dir, cut) = new_store();
        let pieces: Vec<_> = log.chunks(size).flat_map(|run| cut.apply(run).unwrap()).collect();
        assert_eq!((pieces, all(&cut)), (outcomes.clone(), all(&whole)));
    }
    let before = all(&whole);
    drop(whole);
    let (again, opened) = open(dir.path(), None);
    assert_eq!((all(&again), opened), (before, Opened::Sound));
    assert_eq!(again.session(&[4; 32]).unwrap().account, "ann");
}

#[test]
fn a_snapshot_carries_accounts_and_sessions_and_takes_those_away_that_were_not_in_it() {
    let (dir, store) = new_store();
    store.apply(&account_log()).unwrap();
    let file = dir.path().join("snapshot");
    store.freeze().unwrap().write(&file, "c").unwrap();
    let (_other, other) = two_admins();
    tell_at(&other, 0, open_session(&other, "ann", 77));
    other.install(&file).unwrap();
    assert_eq!(all(&other), all(&store));
    assert_eq!(other.session(&[77; 32]), None);
    // Both go on alike.
    for store in [&store, &other] {
        assert_eq!(tell_at(store, 12 * MINUTE, confirm("ann", 4)), Reply::Done);
    }
    assert_eq!(all(&other), all(&store));
}

/// A change here means that a node of the next version would disagree with one of this: `Command` is append-only.
#[test]
fn the_hash_of_a_known_log_of_accounts_never_changes() {
    let (_dir, store) = new_store();
    store.apply(&account_log()).unwrap();
    assert_eq!(format!("{:016x}", store.applied().state_hash), "51d7413b48942965");
}
