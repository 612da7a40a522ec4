//! The journal's promises, tried on real files.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::{Contents, Journal, JournalError, Settings};

const DEADLINE: Duration = Duration::from_secs(30);

fn open(dir: &Path) -> Journal {
    open_with(dir, &Settings::default())
}

fn open_with(dir: &Path, settings: &Settings) -> Journal {
    Journal::open(dir, 1, settings).unwrap()
}

fn entry(index: u64) -> (u64, Bytes) {
    (index, Bytes::from(format!("entry {index} {}", "x".repeat(100))))
}

fn append(journal: &Journal, range: std::ops::Range<u64>) {
    let (told, on_disk) = channel();
    journal.append(range.map(entry).collect(), Box::new(move || told.send(()).unwrap()));
    on_disk.recv_timeout(DEADLINE).unwrap();
}

fn read_all(journal: &Journal) -> Vec<(u64, Bytes)> {
    let mut all = Vec::new();
    loop {
        let next = all.last().map_or(0, |(index, _)| index + 1);
        let some = journal.read(next..u64::MAX, 4096).unwrap();
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

#[test]
fn entries_are_readable_before_they_are_on_the_disk_and_completed_in_order() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    let (told, on_disk) = channel();
    for index in 0..200 {
        let told = told.clone();
        journal.append(vec![entry(index)], Box::new(move || told.send(index).unwrap()));
        assert_eq!(journal.read(index..index + 1, 0).unwrap(), vec![entry(index)]);
    }
    let order: Vec<u64> = (0..200).map(|_| on_disk.recv_timeout(DEADLINE).unwrap()).collect();
    assert_eq!(order, (0..200).collect::<Vec<_>>());
    journal.close();
}

#[tokio::test]
async fn a_damaged_newest_vote_is_never_replaced_by_the_one_before() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    journal.save_vote(Bytes::from_static(b"the vote before")).await.unwrap();
    journal.save_vote(Bytes::from_static(b"the newest vote")).await.unwrap();
    // As a crash leaves it, with a bit that turns over later.
    let mut file = std::fs::read(dir.path().join("journal.redb")).unwrap();
    let at: Vec<_> = (0..file.len())
        .filter(|at| file[*at..].starts_with(b"the newest vote"))
        .collect();
    at.into_iter().for_each(|at| file[at] ^= 1);
    let crashed = TempDir::new().unwrap();
    std::fs::write(crashed.path().join("journal.redb"), file).unwrap();
    assert!(matches!(
        Journal::open(crashed.path(), 1, &Settings::default()),
        Err(JournalError::Damaged(_))
    ));
    journal.close();
}

#[test]
fn a_journal_that_is_printed_shows_no_entry() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    journal.append(vec![(0, Bytes::from_static(b"hash of a password"))], Box::new(|| {}));
    assert!(!format!("{journal:?}").contains("hash"));
    journal.close();
}

#[tokio::test]
async fn reopening_returns_everything() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    let identity = journal.identity();
    assert_ne!(identity.incarnation, 0);
    append(&journal, 0..10);
    journal.save_vote(Bytes::from_static(b"vote")).await.unwrap();
    journal.save_committed(Some(Bytes::from_static(b"committed")));
    journal.truncate_after(Some(7)).await.unwrap();
    journal.purge(2, Bytes::from_static(b"two")).await.unwrap();
    journal.adopt("north").unwrap();
    journal.close();

    let journal = open(dir.path());
    assert_eq!(journal.identity().incarnation, identity.incarnation);
    assert_eq!(journal.identity().cluster_id.as_deref(), Some("north"));
    let expected = Contents {
        vote: Some(Bytes::from_static(b"vote")),
        committed: Some(Bytes::from_static(b"committed")),
        purged: Some(Bytes::from_static(b"two")),
        last: Some(entry(7)),
    };
    assert_eq!(journal.contents().unwrap(), expected);
    assert_eq!(read_all(&journal), (3..8).map(entry).collect::<Vec<_>>());
}

#[tokio::test]
async fn entries_that_left_the_memory_are_read_from_the_file() {
    let dir = TempDir::new().unwrap();
    let journal = open_with(
        dir.path(),
        &Settings {
            tail_bytes: 500,
            ..Settings::default()
        },
    );
    append(&journal, 0..100);
    assert_eq!(read_all(&journal), (0..100).map(entry).collect::<Vec<_>>());
    assert_eq!(journal.read(10..20, 1).unwrap(), vec![entry(10)]);
    journal.truncate_after(None).await.unwrap();
    assert_eq!(read_all(&journal), vec![]);
    assert_eq!(journal.contents().unwrap().last, None);
}

#[tokio::test]
async fn a_truncated_entry_never_comes_back() {
    let dir = TempDir::new().unwrap();
    let journal = open_with(
        dir.path(),
        &Settings {
            tail_bytes: 0,
            ..Settings::default()
        },
    );
    append(&journal, 0..10);
    journal.truncate_after(Some(4)).await.unwrap();
    let other = (5, Bytes::from_static(b"other"));
    let (told, on_disk) = channel();
    journal.append(vec![other.clone()], Box::new(move || told.send(()).unwrap()));
    on_disk.recv_timeout(DEADLINE).unwrap();
    assert_eq!(read_all(&journal).last(), Some(&other));
    journal.close();
    assert_eq!(read_all(&open(dir.path())).last(), Some(&other));
}

#[test]
fn a_second_opening_is_refused() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    assert!(matches!(
        Journal::open(dir.path(), 1, &Settings::default()),
        Err(JournalError::Locked(_))
    ));
    journal.close();
    open(dir.path());
}

#[test]
fn the_journal_of_another_node_or_cluster_is_refused() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    journal.adopt("north").unwrap();
    journal.adopt("north").unwrap();
    assert!(matches!(journal.adopt("south"), Err(JournalError::Refused(_))));
    journal.close();
    assert!(matches!(
        Journal::open(dir.path(), 2, &Settings::default()),
        Err(JournalError::Refused(_))
    ));
}

#[tokio::test]
async fn purging_keeps_the_file_bounded() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    let mut settled = 0;
    for round in 0..20 {
        append(&journal, round * 1000..(round + 1) * 1000);
        journal
            .purge(round * 1000 + 899, Bytes::from_static(b"position"))
            .await
            .unwrap();
        if round == 5 {
            settled = journal.disk_bytes();
        }
    }
    assert!(
        journal.disk_bytes() <= settled * 2,
        "{} after {settled}",
        journal.disk_bytes()
    );
    assert_eq!(read_all(&journal).len(), 100);
}

#[tokio::test]
async fn a_missing_entry_is_damage() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    append(&journal, 0..3);
    append(&journal, 4..6);
    journal.close();
    assert!(matches!(
        Journal::open(dir.path(), 1, &Settings::default()),
        Err(JournalError::Damaged(_))
    ));
}

#[tokio::test]
async fn a_damaged_file_is_refused_or_intact_but_never_different() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path());
    append(&journal, 0..40);
    journal.save_vote(Bytes::from_static(b"vote")).await.unwrap();
    let (contents, entries) = (journal.contents().unwrap(), read_all(&journal));
    journal.close();
    let sound = std::fs::read(dir.path().join("journal.redb")).unwrap();

    let cuts = (0..16).map(|part| sound[..sound.len() * part / 16].to_vec());
    let flips = (0..150).map(|turn| {
        let mut flipped = sound.clone();
        let place = turn * 7919 * 13 % flipped.len();
        flipped[place] ^= 1 << (turn % 8);
        flipped
    });
    for (case, damaged) in cuts.chain(flips).enumerate() {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("journal.redb"), damaged).unwrap();
        if let Ok(journal) = Journal::open(dir.path(), 1, &Settings::default()) {
            assert_eq!(journal.contents().unwrap(), contents, "case {case}");
            assert_eq!(read_all(&journal), entries, "case {case}");
            journal.close();
        }
    }
}
