//! What an import is compared with: one program that puts the same rows, as the same records, straight into three sled stores.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};
use portcullis::auth::{PasswordRecord, Timestamp, UserRecord};
use portcullis::hash::Algorithm;
use portcullis::store::Settings;
use serde_json::json;

/// Rows in one sled batch.
const BATCH: usize = 1000;
/// Batches that wait for a store that is slower than the others.
const WAITING: usize = 4;
/// What the product writes before each user's name, and before each of its values.
const KEY: &str = "\u{1}global\0password_based:built_in_database\0";
const VERSION: u8 = 1;

type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads the file once, makes the records once, and has three threads store them at a time.
pub(crate) fn load(folder: &Path, rows: &str) -> Result<()> {
    thread::scope(|scope| {
        let mut ways = Vec::<SyncSender<Arc<Records>>>::new();
        let mut stores = Vec::new();
        for name in ["one", "two", "three"] {
            let (way, batches) = sync_channel(WAITING);
            ways.push(way);
            let folder = folder.join(name);
            stores.push(scope.spawn(move || store(&folder, &batches)));
        }
        let read = read(rows, &ways);
        drop(ways);
        for store in stores {
            store.join().unwrap_or_else(|_| bail!("a thread panicked"))?;
        }
        read
    })
}

fn read(rows: &str, ways: &[SyncSender<Arc<Records>>]) -> Result<()> {
    let sha256 = Algorithm::parse(&json!("sha256")).map_err(|_| anyhow!("sha256 is unknown"))?;
    let mut lines = rows.lines().skip(1).peekable();
    while lines.peek().is_some() {
        let batch = lines.by_ref().take(BATCH).map(|row| record(&sha256, row));
        let batch: Arc<Records> = Arc::new(batch.collect::<Result<_>>()?);
        for way in ways {
            way.send(Arc::clone(&batch)).context("a store has failed")?;
        }
    }
    Ok(())
}

fn record(algorithm: &Algorithm, row: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let fields: Vec<_> = row.split(',').collect();
    let [user_id, hash, salt, is_superuser] = fields.as_slice() else {
        bail!("a row has {} columns", fields.len());
    };
    let password = algorithm.import(hash, salt).map_err(|invalid| anyhow!("{invalid}"))?;
    let user = UserRecord {
        password: PasswordRecord::new(password),
        is_superuser: *is_superuser == "true",
        disabled: false,
        expires_at: None,
        attributes: Default::default(),
        revision: 1000,
        updated_at: Timestamp(1_700_000_000_000),
    };
    let value = postcard::to_extend(&user, vec![VERSION])?;
    Ok(([KEY, user_id].concat().into_bytes(), value))
}

/// One store, with the settings of the product's.
fn store(folder: &Path, batches: &Receiver<Arc<Records>>) -> Result<()> {
    let store = sled::Config::new()
        .path(folder)
        .cache_capacity(Settings::default().cache_bytes)
        .open()?;
    for records in batches {
        let mut batch = sled::Batch::default();
        for (key, value) in records.iter() {
            batch.insert(key.as_slice(), value.as_slice());
        }
        store.apply_batch(batch)?;
    }
    store.flush()?;
    Ok(())
}
