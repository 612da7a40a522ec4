//! Folders in doubt are dropped and rebuilt; sound ones are not.

use std::path::PathBuf;

use super::*;

/// A closed store with some state, and a snapshot of it.
fn closed() -> (TempDir, PathBuf, PathBuf, u64) {
    let dir = TempDir::new().unwrap();
    let (home, file) = (dir.path().join("store"), dir.path().join("snapshot"));
    let (store, _) = open(&home, None);
    store.apply(&some_log()).unwrap();
    store.freeze().unwrap().write(&file, "c").unwrap();
    let hash = store.applied().state_hash;
    store.close().unwrap();
    (dir, home, file, hash)
}

fn tables_of(home: &Path) -> PathBuf {
    home.join(fs::read_to_string(home.join("current")).unwrap())
}

fn is_rebuilt(opened: &Opened) -> bool {
    matches!(opened, Opened::Rebuilt(_))
}

#[test]
fn a_deleted_folder_is_rebuilt_from_the_snapshot() {
    let (_dir, home, file, hash) = closed();
    fs::remove_dir_all(&home).unwrap();
    let (store, opened) = open(&home, Some(&file));
    assert!(is_rebuilt(&opened));
    assert_eq!((store.applied().state_hash, store.user_count()), (hash, 20));
    assert_eq!(tell_one(&store, create_user("later")), Reply::Done);
}

#[test]
fn a_lost_pointer_is_doubt() {
    let (_dir, home, _, _) = closed();
    fs::remove_file(home.join("current")).unwrap();
    let (store, opened) = open(&home, None);
    assert!(is_rebuilt(&opened));
    assert_eq!(store.applied(), Applied::default());
}

#[test]
fn another_life_of_the_node_does_not_inherit_the_folder() {
    let (_dir, home, _, _) = closed();
    let (store, opened) = Store::open(&home, 8, None, &Settings::default()).unwrap();
    assert!(is_rebuilt(&opened));
    assert_eq!(store.user_count(), 0);
    store.close().unwrap();
    let (_, opened) = Store::open(&home, 8, None, &Settings::default()).unwrap();
    assert_eq!(opened, Opened::Sound);
}

#[test]
fn a_store_behind_its_snapshot_is_rebuilt() {
    let (dir, home, _, _) = closed();
    let later = dir.path().join("later");
    let (other_dir, other) = new_store();
    other.apply(&some_log()).unwrap();
    tell(&other, [create_user("later")]);
    other.freeze().unwrap().write(&later, "c").unwrap();
    let (store, opened) = open(&home, Some(&later));
    assert!(is_rebuilt(&opened));
    assert_eq!(all(&store), all(&other));
    drop(other_dir);
}

#[test]
fn older_tables_under_a_newer_mark_are_doubt() {
    let (_dir, home, file, _) = closed();
    let mark = fs::read(home.join("clean")).unwrap();
    let (store, _) = open(&home, None);
    tell(&store, [create_user("later")]);
    store.close().unwrap();
    fs::write(home.join("clean"), mark).unwrap();
    let (_, opened) = open(&home, Some(&file));
    assert!(is_rebuilt(&opened));
}

#[test]
fn one_store_at_a_time_has_the_folder() {
    let (dir, _store) = new_store();
    let second = Store::open(dir.path(), 7, None, &Settings::default());
    assert!(matches!(second, Err(StoreError::Io { .. })));
}

#[test]
fn a_damaged_folder_never_gives_another_state() {
    let (_dir, home, file, hash) = closed();
    let tables = tables_of(&home);
    let whole: Vec<_> = fs::read_dir(&tables)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (fs::read(&path).unwrap(), path))
        .collect();
    let mark = fs::read(home.join("clean")).unwrap();
    let mut rebuilt = 0;
    for round in 0_usize..24 {
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&tables).unwrap();
        fs::write(home.join("current"), tables.file_name().unwrap().as_encoded_bytes()).unwrap();
        fs::write(home.join("clean"), &mark).unwrap();
        for (bytes, path) in &whole {
            let mut bytes = bytes.clone();
            // Where sled's file holds something: damage spread over it.
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
            if path.ends_with("db") {
                match round % 3 {
                    0 => bytes[used * round / 24] ^= 1 << (round % 8),
                    1 => bytes.truncate(used * round / 24),
                    _ => bytes[used * round / 24..]
                        .iter_mut()
                        .take(4096)
                        .for_each(|byte| *byte = 0),
                }
            }
            fs::write(path, bytes).unwrap();
        }
        let (store, opened) = open(&home, Some(&file));
        rebuilt += usize::from(is_rebuilt(&opened));
        assert_eq!(
            (store.applied().state_hash, store.user_count()),
            (hash, 20),
            "round {round}"
        );
        drop(store);
    }
    assert!(rebuilt > 0);
}
