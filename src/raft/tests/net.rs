//! The tests' own net: nodes of one process that call each other directly.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::super::codec::encode;
use super::super::network::{Carrier, SnapshotHead};
use super::super::snapshots;
use super::super::types::Vote;
use super::super::{Handle, Member, ProposeError, Role, Settings};
use crate::journal::{self, Journal};
use crate::store::{self, Command, Envelope, Store};
use crate::wire::{PeerError, PeerName};

/// How long a test waits for what must happen.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// A change that is easy to look for: the node `id` is retired.
pub(super) fn envelope(id: u64) -> Envelope {
    let command = Command::RetireNode { id, incarnation: 1 };
    Envelope {
        at: Default::default(),
        by: "system".to_owned(),
        request_id: String::new(),
        command,
    }
}

/// Waits until `holds`.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let waiting = async {
        while !holds() {
            look.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"));
}

/// The nodes that run, and who is cut off. The folders outlive the nodes.
#[derive(Clone)]
pub(super) struct Net {
    dir: Arc<TempDir>,
    nodes: Arc<Mutex<BTreeMap<u64, Node>>>,
    cut: Arc<Mutex<BTreeSet<u64>>>,
    settings: Settings,
}

#[derive(Clone)]
struct Node {
    handle: Handle,
    store: Store,
    journal: Journal,
}

/// The net as one node sees it.
#[derive(Clone)]
struct Loopback {
    from: u64,
    net: Net,
}

impl Net {
    pub(super) fn new() -> Self {
        Self {
            dir: Arc::new(TempDir::new().unwrap()),
            nodes: Arc::default(),
            cut: Arc::default(),
            settings: Settings {
                heartbeat_ms: 100,
                election_min_ms: 500,
                election_max_ms: 1000,
                keep_entries: 0,
                ..Settings::default()
            },
        }
    }

    /// A running cluster.
    pub(super) async fn of(ids: &[u64]) -> Self {
        let net = Self::new();
        for id in ids {
            net.start(*id).await;
        }
        net.initialize(ids).await;
        net.confirmed_leader_other_than(0).await;
        net
    }

    /// Another net whose nodes keep less or more of their log.
    pub(super) fn keeping(entries: u64, snapshot_bytes: u64) -> Self {
        let mut net = Self::new();
        net.settings.keep_entries = entries;
        net.settings.snapshot_bytes = snapshot_bytes;
        net
    }

    /// Nodes started from now on have so much patience with a leader.
    pub(super) fn elect_after(&mut self, patience: Duration) {
        let millis = u64::try_from(patience.as_millis()).unwrap();
        (self.settings.election_min_ms, self.settings.election_max_ms) = (millis, 2 * millis);
    }

    pub(super) async fn start(&self, id: u64) {
        self.try_start(id).await.unwrap();
    }

    pub(super) async fn try_start(&self, id: u64) -> Result<(), ProposeError> {
        let dir = self.folder(id);
        let journal = Journal::open(&dir.join("journal"), id, &journal::Settings::default()).unwrap();
        journal.adopt("north").unwrap();
        let incarnation = journal.identity().incarnation;
        let newest = Handle::newest_snapshot(&dir.join("snapshots"));
        let opened = Store::open(
            &dir.join("store"),
            incarnation,
            newest.as_deref(),
            &store::Settings::default(),
        );
        let store = opened.unwrap().0;
        let carrier = Loopback {
            from: id,
            net: self.clone(),
        };
        let started = Handle::start_with(
            &self.settings,
            journal.clone(),
            store.clone(),
            dir.join("snapshots"),
            carrier,
        )
        .await;
        self.nodes.lock().unwrap().insert(
            id,
            Node {
                handle: started?,
                store,
                journal,
            },
        );
        Ok(())
    }

    /// Removes the state and the snapshots of a node that does not run.
    pub(super) fn lose_all_but_the_journal(&self, id: u64) {
        for folder in ["store", "snapshots"] {
            std::fs::remove_dir_all(self.folder(id).join(folder)).unwrap();
        }
    }

    pub(super) async fn stop(&self, id: u64) {
        let node = self.nodes.lock().unwrap().remove(&id).unwrap();
        node.handle.shutdown().await;
        node.journal.close();
        node.store.close().unwrap();
    }

    pub(super) async fn initialize(&self, ids: &[u64]) {
        let members = ids.iter().map(|id| (*id, self.member(*id))).collect();
        self.node(ids[0]).initialize(members).await.unwrap();
    }

    pub(super) fn member(&self, id: u64) -> Member {
        Member {
            peer_address: format!("127.0.0.1:{id}"),
            api_address: String::new(),
            incarnation: 1,
        }
    }

    pub(super) fn node(&self, id: u64) -> Handle {
        self.nodes.lock().unwrap()[&id].handle.clone()
    }

    pub(super) fn store(&self, id: u64) -> Store {
        self.nodes.lock().unwrap()[&id].store.clone()
    }

    pub(super) async fn leader_id(&self) -> u64 {
        self.leader_among(|_| true).await
    }

    pub(super) async fn leader(&self) -> Handle {
        let id = self.leader_id().await;
        self.node(id)
    }

    /// Waits for a leader that a majority has confirmed.
    pub(super) async fn confirmed_leader_other_than(&self, old: u64) -> Handle {
        let search = async {
            loop {
                let id = self.leader_among(|id| id != old).await;
                if self.node(id).read_index(DEADLINE).await.is_ok() {
                    return self.node(id);
                }
            }
        };
        tokio::time::timeout(DEADLINE, search)
            .await
            .expect("a confirmed leader")
    }

    async fn leader_among(&self, may: impl Fn(u64) -> bool) -> u64 {
        let leads = || {
            let nodes = self.nodes.lock().unwrap();
            let found = nodes
                .iter()
                .find(|(id, node)| may(**id) && node.handle.status().role == Role::Leader);
            found.map(|(id, _)| *id)
        };
        until("somebody leads", || leads().is_some()).await;
        leads().unwrap()
    }

    pub(super) fn cut(&self, id: u64) {
        self.cut.lock().unwrap().insert(id);
    }

    pub(super) fn heal(&self, id: u64) {
        self.cut.lock().unwrap().remove(&id);
    }

    pub(super) fn snapshot_files(&self, id: u64) -> usize {
        std::fs::read_dir(self.folder(id).join("snapshots")).unwrap().count()
    }

    pub(super) fn snapshot_with_a_flipped_bit(&self, id: u64, index: u64) -> Vec<u8> {
        let mut bytes = std::fs::read(self.snapshot_path(id, index)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    }

    /// Sends `content` as the newest snapshot of `from`.
    pub(super) async fn offer_snapshot(&self, from: u64, to: u64, content: Vec<u8>) -> Result<Bytes, String> {
        let (_, header) = snapshots::newest_sound(&self.folder(from).join("snapshots")).unwrap();
        let meta = snapshots::meta(&header).unwrap();
        let vote = Vote {
            leader_id: *meta.last_log_id.unwrap().committed_leader_id(),
            committed: true,
        };
        let head = SnapshotHead {
            vote,
            meta,
            bytes: content.len().try_into().unwrap(),
        };
        let (sender, data) = mpsc::channel(1);
        sender.send(Ok(content.into())).await.unwrap();
        drop(sender);
        self.node(to).receive_snapshot(encode(&head).unwrap(), data).await
    }

    fn snapshot_path(&self, id: u64, index: u64) -> PathBuf {
        self.folder(id).join("snapshots").join(format!("{index}.snap"))
    }

    fn folder(&self, id: u64) -> PathBuf {
        self.dir.path().join(id.to_string())
    }

    fn reach(&self, from: u64, to: u64) -> Result<Handle, PeerError> {
        let cut = self.cut.lock().unwrap();
        let nodes = self.nodes.lock().unwrap();
        match nodes.get(&to) {
            Some(node) if !cut.contains(&from) && !cut.contains(&to) => Ok(node.handle.clone()),
            _ => Err(PeerError::Unreachable {
                id: to,
                address: String::new(),
                why: "cut".to_owned(),
            }),
        }
    }
}

impl Carrier for Loopback {
    async fn raft(&self, to: &PeerName, kind: u32, payload: Bytes, timeout: Duration) -> Result<Bytes, PeerError> {
        let id = to.id;
        let handle = self.net.reach(self.from, id)?;
        let answer = tokio::time::timeout(timeout, handle.receive(kind, payload)).await;
        // What was on its way when the link was cut is lost too.
        self.net.reach(self.from, id)?;
        answer
            .map_err(|_| PeerError::Timeout { id })?
            .map_err(|why| PeerError::Failed { id, why })
    }

    async fn install_snapshot(
        &self,
        to: &PeerName,
        head: Bytes,
        mut data: mpsc::Receiver<Bytes>,
        _idle: Duration,
    ) -> Result<Bytes, PeerError> {
        let handle = self.net.reach(self.from, to.id)?;
        let (sender, arriving) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(chunk) = data.recv().await {
                if sender.send(Ok(chunk)).await.is_err() {
                    return;
                }
            }
        });
        let answer = handle.receive_snapshot(head, arriving).await;
        answer.map_err(|why| PeerError::Failed { id: to.id, why })
    }
}
