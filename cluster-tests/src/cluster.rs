//! Several nodes that form one cluster, the edges between them, and what a test does with the whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use portcullis::wire::pb::v1;
use portcullis::wire::{Client, Connection};
use tempfile::TempDir;
use toml::{Table, Value};

use crate::calls;
use crate::ports::PortBlock;
use crate::process::Node;
use crate::proxy::{Edge, Fault};
use crate::wait::wait_for;

/// Long enough for anything that is not promised to be quick, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What kind of cluster a test wants.
#[derive(Clone, Debug)]
pub struct Options {
    binary: PathBuf,
    nodes: u64,
    first_id: u64,
    direct: bool,
    settings: Vec<(&'static str, &'static str, Value)>,
}

impl Options {
    /// So many nodes of that program.
    pub fn new(binary: impl AsRef<Path>, nodes: u64) -> Self {
        // Short enough for a test, long enough for two cores that run several clusters.
        let settings = vec![
            ("raft", "heartbeat_ms", Value::from(100)),
            ("raft", "election_min_ms", Value::from(500)),
            ("raft", "election_max_ms", Value::from(1000)),
            ("cluster", "freshness_probe_ms", Value::from(100)),
        ];
        Self {
            settings,
            direct: false,
            ..Self::as_shipped(binary, nodes)
        }
    }

    /// The product's own timers, and no proxy between the nodes: to measure, not to test.
    pub fn as_shipped(binary: impl AsRef<Path>, nodes: u64) -> Self {
        Self {
            binary: binary.as_ref().into(),
            nodes,
            first_id: 1,
            direct: true,
            settings: Vec::new(),
        }
    }

    /// Numbers the nodes from here instead of from 1.
    pub fn first_id(mut self, id: u64) -> Self {
        self.first_id = id;
        self
    }

    /// Sets `[room] key` on every node.
    pub fn set(mut self, room: &'static str, key: &'static str, value: impl Into<Value>) -> Self {
        self.settings.push((room, key, value.into()));
        self
    }

    /// Snapshots soon, and hardly any log behind them: who comes back late needs one.
    pub fn with_small_snapshots(self) -> Self {
        self.set("raft", "snapshot_entries", 50).set("raft", "keep_entries", 5)
    }

    /// Starts the nodes and makes them a cluster with the built-in authenticator.
    pub async fn start(self) -> Result<Cluster> {
        let mut cluster = self.prepare().await?;
        cluster.start_all()?;
        cluster.initialize().await?;
        cluster.ready().await?;
        let first = cluster.first_id();
        calls::create_authenticator(&cluster.client(first).await?).await?;
        cluster.agree().await?;
        Ok(cluster)
    }

    /// Folders, ports, edges and configuration files; nothing runs yet.
    pub async fn prepare(self) -> Result<Cluster> {
        let mut cluster = Cluster {
            nodes: BTreeMap::new(),
            edges: BTreeMap::new(),
            api_key: String::new(),
            ports: PortBlock::reserve()?,
            folder: tempfile::Builder::new().prefix("portcullis-").tempdir()?,
            options: self,
            passed: false,
        };
        for id in cluster.first_id()..cluster.first_id() + cluster.options.nodes {
            cluster.add_node(id)?;
        }
        cluster.connect().await?;
        Ok(cluster)
    }
}

/// The nodes of one test. Call [`Cluster::passed`] at the end: otherwise their logs are printed.
#[derive(Debug)]
#[must_use]
pub struct Cluster {
    nodes: BTreeMap<u64, Node>,
    edges: BTreeMap<(u64, u64), Edge>,
    api_key: String,
    ports: PortBlock,
    folder: TempDir,
    options: Options,
    passed: bool,
}

impl Cluster {
    /// So many nodes with the harness's defaults, ready, with the built-in authenticator.
    pub async fn start(binary: impl AsRef<Path>, nodes: u64) -> Result<Self> {
        Options::new(binary, nodes).start().await
    }

    fn first_id(&self) -> u64 {
        self.options.first_id
    }

    /// The ids of all nodes, running or not.
    pub fn ids(&self) -> Vec<u64> {
        self.nodes.keys().copied().collect()
    }

    /// The ids of the nodes that run.
    pub fn running(&self) -> Vec<u64> {
        self.nodes
            .values()
            .filter(|node| node.is_running())
            .map(|node| node.id)
            .collect()
    }

    /// All ids but that one.
    pub fn others(&self, id: u64) -> Vec<u64> {
        self.ids().into_iter().filter(|other| *other != id).collect()
    }

    /// One node.
    pub fn node(&self, id: u64) -> Result<&Node> {
        self.nodes
            .get(&id)
            .with_context(|| format!("the test has no node {id}"))
    }

    /// One node, to start or stop it.
    pub fn node_mut(&mut self, id: u64) -> Result<&mut Node> {
        self.nodes
            .get_mut(&id)
            .with_context(|| format!("the test has no node {id}"))
    }

    // ---- making

    fn add_node(&mut self, id: u64) -> Result<()> {
        let folder = self.folder.path().join(format!("node-{id}"));
        let addresses = [self.ports.take()?, self.ports.take()?, self.ports.take()?];
        let node = Node::new(id, &self.options.binary, folder, addresses)?;
        self.nodes.insert(id, node);
        Ok(())
    }

    /// Opens the missing edges and writes every configuration anew.
    async fn connect(&mut self) -> Result<()> {
        for from in self.ids() {
            for to in self.others(from) {
                if !self.options.direct && !self.edges.contains_key(&(from, to)) {
                    self.edges.insert((from, to), Edge::open(self.node(to)?.peer).await?);
                }
            }
        }
        for node in self.nodes.values() {
            fs::write(node.config_file(), self.config_of(node)?)?;
        }
        Ok(())
    }

    /// A running node that belongs to no cluster yet; it knows the others only by their edges. The others learn the way
    /// to it with their next start, and go straight to its own address until then.
    pub async fn start_empty_node(&mut self, id: u64) -> Result<()> {
        self.add_node(id)?;
        self.connect().await?;
        self.node_mut(id)?.start()
    }

    fn config_of(&self, node: &Node) -> Result<String> {
        let address = |address: std::net::SocketAddr| Value::from(address.to_string());
        let mine = self.edges.iter().filter(|((from, _), _)| *from == node.id);
        let routes: Table = mine
            .map(|((_, to), edge)| (to.to_string(), address(edge.address())))
            .collect();
        let founders = self.first_id()..self.first_id() + self.options.nodes;
        let mut initial = Table::new();
        if founders.contains(&node.id) {
            let founders = self.nodes.values().filter(|node| founders.contains(&node.id));
            initial.extend(founders.map(|node| (node.id.to_string(), address(node.peer))));
        }
        let mut rooms = Table::new();
        let mut set = |room: &str, key: &str, value: Value| {
            let room = rooms.entry(room).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(room) = room {
                room.insert(key.into(), value);
            }
        };
        set("node", "id", Value::from(i64::try_from(node.id)?));
        set("node", "data_dir", Value::from(node.data_dir().display().to_string()));
        set("api", "listen", address(node.api));
        set("peer", "listen", address(node.peer));
        set("http", "listen", address(node.http));
        if !routes.is_empty() {
            set("peer", "routes", Value::Table(routes));
        }
        set("cluster", "initial_nodes", Value::Table(initial));
        for (room, key, value) in &self.options.settings {
            set(room, key, value.clone());
        }
        Ok(toml::to_string(&rooms)?)
    }

    /// Starts every node that does not run.
    pub fn start_all(&mut self) -> Result<()> {
        self.nodes
            .values_mut()
            .filter(|node| !node.is_running())
            .try_for_each(Node::start)
    }

    /// `init` on the first node, as soon as all of them listen; keeps the admin key.
    pub async fn initialize(&mut self) -> Result<v1::InitClusterResponse> {
        let ids = self.ids();
        let this = &*self;
        let answer = wait_for("the nodes to form a cluster", PATIENCE, async || {
            for id in &ids {
                this.try_client(*id).await?;
            }
            let first = this.try_client(this.first_id()).await?;
            Ok(Some(
                first
                    .nodes()
                    .init_cluster(v1::InitClusterRequest {})
                    .await?
                    .into_inner(),
            ))
        })
        .await?;
        self.api_key.clone_from(&answer.api_key);
        Ok(answer)
    }

    // ---- talking

    /// A connected client of that node, with the admin key; waits until the node listens.
    pub async fn client(&self, id: u64) -> Result<Client> {
        wait_for(&format!("node {id} to listen"), PATIENCE, async || {
            Ok(Some(self.try_client(id).await?))
        })
        .await
    }

    /// The same, without waiting.
    pub async fn try_client(&self, id: u64) -> Result<Client> {
        Ok(Client::connect(&self.connection(id)?).await?)
    }

    /// How that node is reached with the admin key.
    pub fn connection(&self, id: u64) -> Result<Connection> {
        let endpoint = format!("http://{}", self.node(id)?.api);
        let api_key = Some(self.api_key.clone()).filter(|key| !key.is_empty());
        Ok(Connection {
            endpoints: vec![endpoint],
            api_key,
            timeout: Duration::from_secs(5),
            ..Connection::default()
        })
    }

    /// A client under another key, or none.
    pub async fn client_with_key(&self, id: u64, api_key: Option<String>) -> Result<Client> {
        Ok(Client::connect(&Connection {
            api_key,
            ..self.connection(id)?
        })
        .await?)
    }

    /// A client for calls that take long, such as an import.
    pub async fn patient_client(&self, id: u64) -> Result<Client> {
        let timeout = Duration::from_secs(120);
        Ok(Client::connect(&Connection {
            timeout,
            ..self.connection(id)?
        })
        .await?)
    }

    /// The admin key of `init`.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    // ---- waiting

    /// Waits until every running node serves.
    pub async fn ready(&self) -> Result<()> {
        for id in self.running() {
            self.node_ready(id).await?;
        }
        Ok(())
    }

    /// Waits until that node serves.
    pub async fn node_ready(&self, id: u64) -> Result<()> {
        wait_for(&format!("node {id} to be ready"), PATIENCE, async || {
            let status = calls::status(&self.try_client(id).await?).await?;
            Ok(status.ready.then_some(()))
        })
        .await
    }

    /// Waits until one of these nodes leads and the others of them know it.
    pub async fn leader_among(&self, ids: &[u64]) -> Result<u64> {
        wait_for(&format!("a leader among {ids:?}"), PATIENCE, async || {
            let mut statuses = Vec::new();
            for id in ids {
                statuses.push(calls::status(&self.try_client(*id).await?).await?);
            }
            let leads = statuses
                .iter()
                .find(|status| status.role() == v1::NodeRole::Leader)
                .map(|status| status.id);
            Ok(leads.filter(|leader| statuses.iter().all(|status| status.leader == *leader)))
        })
        .await
    }

    /// Waits until one of the running nodes leads and the others know it.
    pub async fn leader(&self) -> Result<u64> {
        self.leader_among(&self.running()).await
    }

    /// A running node that follows.
    pub async fn follower(&self) -> Result<u64> {
        let leader = self.leader().await?;
        self.running()
            .into_iter()
            .find(|id| *id != leader)
            .context("only the leader runs")
    }

    /// Waits until all running nodes have applied the same index, and checks that their states are the same.
    pub async fn agree(&self) -> Result<v1::Node> {
        let nodes = wait_for("all nodes to have applied the same", PATIENCE, async || {
            let mut nodes = Vec::new();
            for id in self.running() {
                nodes.push(calls::status(&self.try_client(id).await?).await?);
            }
            let first = nodes.first().context("no node runs")?.applied_index;
            Ok(nodes.iter().all(|node| node.applied_index == first).then_some(nodes))
        })
        .await?;
        let first = nodes.first().context("no node runs")?.clone();
        for node in &nodes {
            ensure!(
                node.state_hash == first.state_hash && node.users == first.users,
                "nodes {} and {} differ at index {}: {} and {}, {} and {} users",
                first.id,
                node.id,
                first.applied_index,
                first.state_hash,
                node.state_hash,
                first.users,
                node.users
            );
        }
        Ok(first)
    }

    // ---- faults

    /// The directed edge by which `from` reaches `to`.
    pub fn edge(&self, from: u64, to: u64) -> Result<&Edge> {
        self.edges
            .get(&(from, to))
            .with_context(|| format!("no edge from {from} to {to}"))
    }

    /// Sets that fault on every edge between this node and the others, both ways.
    pub fn isolate(&self, id: u64, fault: Fault) {
        for ((from, to), edge) in &self.edges {
            if *from == id || *to == id {
                edge.set(fault);
            }
        }
    }

    /// Packets from `from` to `to` are lost, whichever of them dialled; the other way works.
    pub fn cut_one_way(&self, from: u64, to: u64) -> Result<()> {
        self.edge(from, to)?.set(Fault::DropRequests);
        self.edge(to, from)?.set(Fault::DropReplies);
        Ok(())
    }

    /// No edge has a fault any more.
    pub fn heal(&self) {
        for edge in self.edges.values() {
            edge.set(Fault::None);
        }
    }

    // ---- the end

    /// The test has passed: nothing is printed. A node that runs on after a panic fails it after all.
    pub fn passed(mut self) -> Result<()> {
        for node in self.nodes.values() {
            if node.is_running() && node.log().contains("panicked at") {
                bail!("node {} panicked", node.id);
            }
        }
        self.passed = true;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.passed {
            self.nodes.values().for_each(Node::print_log);
        }
    }
}
