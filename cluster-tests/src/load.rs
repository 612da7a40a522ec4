//! Writers that go on while nodes die: what they were acknowledged must be there at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use portcullis::wire::{Client, Connection};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tonic::Code;

use crate::calls;
use crate::cluster::Cluster;
use crate::wait::pause;

/// Writers in the background.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    writers: JoinSet<Result<Vec<String>>>,
}

impl Load {
    /// Each writer creates one user per interval, on every node in turn, and retries under the same request id.
    pub fn start(cluster: &Cluster, writers: u32, interval: Duration) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut running = JoinSet::new();
        for number in 0..writers {
            let nodes = cluster
                .ids()
                .into_iter()
                .map(|id| cluster.connection(id))
                .collect::<Result<Vec<_>>>()?;
            let writer = Writer {
                number,
                turn: 0,
                nodes,
                clients: BTreeMap::new(),
                stop: stop.clone(),
            };
            running.spawn(writer.run(interval));
        }
        Ok(Self { stop, writers: running })
    }

    /// Stops the writers; the names of all users whose creation was acknowledged.
    pub async fn finish(mut self) -> Result<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        while let Some(writer) = self.writers.join_next().await {
            acknowledged.extend(writer??);
        }
        Ok(acknowledged)
    }
}

struct Writer {
    number: u32,
    turn: usize,
    nodes: Vec<Connection>,
    clients: BTreeMap<usize, Client>,
    stop: Arc<AtomicBool>,
}

impl Writer {
    async fn run(mut self, interval: Duration) -> Result<Vec<String>> {
        let mut acknowledged = Vec::new();
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 0_u64.. {
            ticks.tick().await;
            let name = format!("load-{}-{count}", self.number);
            if !self.create(&name).await? {
                break;
            }
            acknowledged.push(name);
        }
        Ok(acknowledged)
    }

    /// Until it is acknowledged; false: told to stop before.
    async fn create(&mut self, name: &str) -> Result<bool> {
        while !self.stop.load(Ordering::Relaxed) {
            match self.try_create(name).await {
                Ok(()) => return Ok(true),
                Err(status) if status.code() == Code::AlreadyExists => {
                    bail!("a retry of `{name}` under its request id was not recognised")
                }
                Err(_) => {
                    self.turn += 1;
                    pause().await;
                }
            }
        }
        Ok(false)
    }

    async fn try_create(&mut self, name: &str) -> Result<(), tonic::Status> {
        let turn = self.turn % self.nodes.len().max(1);
        let client = match self.clients.get(&turn) {
            Some(client) => client.clone(),
            None => self
                .connect(turn)
                .await
                .map_err(|error| tonic::Status::unavailable(error.to_string()))?,
        };
        client
            .users()
            .create(calls::new_user(name, name, &format!("request-{name}")))
            .await?;
        self.turn += 1;
        Ok(())
    }

    async fn connect(&mut self, turn: usize) -> Result<Client> {
        let Some(connection) = self.nodes.get(turn) else {
            bail!("no node to write to")
        };
        let client = Client::connect(connection).await?;
        self.clients.insert(turn, client.clone());
        Ok(client)
    }
}
