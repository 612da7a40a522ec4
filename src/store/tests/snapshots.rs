//! Snapshots: what is in them, what is refused, what installing does.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn snapshot_of(store: &Store, dir: &Path) -> std::path::PathBuf {
    let file = dir.join("snapshot");
    store.freeze().unwrap().write(&file, "cluster").unwrap();
    file
}

#[test]
fn an_installed_snapshot_is_the_state_it_was_taken_of() {
    let (dir, store) = new_store();
    store.apply(&some_log()).unwrap();
    let file = snapshot_of(&store, dir.path());

    let (_other, other) = new_store();
    tell(
        &other,
        [create_authenticator("gone"), create_operator("gone", Role::Admin)],
    );
    let version = other.authenticators_version();
    let header = other.install(&file).unwrap();
    assert_eq!(
        (header.cluster_id.as_str(), header.index),
        ("cluster", store.applied().index)
    );
    assert_eq!(all(&other), all(&store));
    assert!(other.authenticators_version() > version);

    // Both go on alike.
    assert_eq!(
        tell_one(&other, create_user("later")),
        tell_one(&store, create_user("later"))
    );
    assert_eq!(all(&other), all(&store));
}

#[test]
fn an_installed_snapshot_is_still_there_after_a_restart() {
    let (dir, store) = new_store();
    store.apply(&some_log()).unwrap();
    let file = snapshot_of(&store, dir.path());
    let (other_dir, other) = new_store();
    other.install(&file).unwrap();
    drop(other);
    let (other, opened) = open(other_dir.path(), Some(&file));
    assert_eq!((all(&other), opened), (all(&store), Opened::Sound));
}

#[test]
fn a_snapshot_taken_while_applies_go_on_is_the_frozen_state() {
    let (dir, store) = new_store();
    tell(&store, [create_authenticator(BUILT_IN)]);
    tell(&store, (0..5000).map(|n| create_user(&format!("user-{n:05}"))));
    let frozen_state = all(&store);
    let frozen = store.freeze().unwrap();
    assert!(store.freeze().is_none(), "one at a time");

    let stop = AtomicBool::new(false);
    let file = dir.path().join("snapshot");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                let many = (0..40).map(|n| (n * 131 + round * 17) % 6000);
                tell(
                    &store,
                    many.map(|n| match n % 3 {
                        0 => delete_user(&format!("user-{n:05}")),
                        1 => import(OnConflict::Replace, &[(&format!("user-{n:05}"), &format!("{round}"))]),
                        _ => create_user(&format!("fresh-{round}-{n}")),
                    }),
                );
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        frozen.write(&file, "c").unwrap();
        stop.store(true, Ordering::Relaxed);
    });

    let (_other, other) = new_store();
    other.install(&file).unwrap();
    assert_eq!(all(&other), frozen_state);
    assert!(store.freeze().is_some(), "free again");
}

#[test]
fn what_changes_before_the_first_step_is_not_in_the_snapshot() {
    let (dir, store) = new_store();
    tell(
        &store,
        [create_authenticator(BUILT_IN), create_user("ann"), create_user("bob")],
    );
    let before = all(&store);
    let frozen = store.freeze().unwrap();
    tell(
        &store,
        [
            delete_user("ann"),
            create_user("carl"),
            delete_user("bob"),
            create_user("bob"),
        ],
    );
    let file = dir.path().join("snapshot");
    frozen.write(&file, "c").unwrap();
    let (_other, other) = new_store();
    other.install(&file).unwrap();
    assert_eq!(all(&other), before);
}

#[test]
fn a_frozen_view_outlives_an_installed_snapshot_but_not_the_close() {
    let (dir, store) = new_store();
    store.apply(&some_log()).unwrap();
    let file = snapshot_of(&store, dir.path());
    let frozen = store.freeze().unwrap();
    store.install(&file).unwrap();
    let again = dir.path().join("again");
    frozen.write(&again, "cluster").unwrap();
    assert_eq!(fs::read(&again).unwrap(), fs::read(&file).unwrap());

    let frozen = store.freeze().unwrap();
    store.close().unwrap();
    assert!(frozen.write(&again, "cluster").is_err());
    assert!(!dir.path().join("again.tmp").exists());
}

#[test]
fn a_snapshot_cut_short_changed_or_prolonged_is_refused() {
    let (dir, store) = new_store();
    store.apply(&some_log()[..8]).unwrap();
    let file = snapshot_of(&store, dir.path());
    let whole = fs::read(&file).unwrap();
    let summary = Store::verify_snapshot(&file).unwrap();
    assert_eq!((summary.bytes, summary.header.index), (whole.len() as u64, 7));

    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        matches!(Store::verify_snapshot(&file), Err(StoreError::Damaged { .. }))
    };
    for length in 0..whole.len() {
        assert!(refused(&whole[..length]), "cut to {length}");
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(&flipped), "bit {bit}");
    }
    assert!(refused(&[whole.as_slice(), b"x"].concat()));

    let before = all(&store);
    assert!(store.install(&file).is_err());
    assert_eq!(all(&store), before);
}

#[test]
fn a_snapshot_of_many_frames_comes_back_whole() {
    let (dir, store) = new_store();
    tell(&store, [create_authenticator(BUILT_IN)]);
    let large = NewUser {
        attributes: BTreeMap::from([("a".into(), "x".repeat(15_000))]),
        ..new_user("x")
    };
    tell(
        &store,
        (0..300).map(|n| Command::CreateUser {
            key: user_key(&format!("{n:03}")),
            user: large.clone(),
        }),
    );
    let file = snapshot_of(&store, dir.path());
    let (_other, other) = new_store();
    other.install(&file).unwrap();
    assert_eq!(all(&other), all(&store));
}
