//! The nodes together, in one process, over real sockets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Cluster, ClusterError, Done, Errand, Hashing, NodeStatus, Parts, ReadRequirement, Refused, Settings, ThisNode,
};
use crate::auth::{AuthenticatorKey, AuthenticatorReport, BoxFuture, Reason, SystemClock};
use crate::journal::Journal;
use crate::raft;
use crate::store::{Command, Outcome, Reply, Role, SettingsChange, Store};
use crate::wire::pb::peer as pb;
use crate::wire::pb::peer::peer_server::{Peer, PeerServer};
use crate::wire::{Peers, SelfName};

const PATIENCE: Duration = Duration::from_secs(20);

struct Alone;

impl ThisNode for Alone {
    fn authenticators(&self) -> Vec<AuthenticatorReport> {
        Vec::new()
    }

    fn hashing(&self) -> Hashing {
        Hashing::default()
    }

    fn disk_free_bytes(&self) -> Option<u64> {
        None
    }

    fn run(&self, errand: Errand) -> BoxFuture<'_, Done> {
        Box::pin(std::future::ready(Done::Failed(format!("{errand:?}"))))
    }
}

/// The peer service as the api room has it, without snapshots.
struct Door(Cluster);

fn status(refused: Refused) -> Status {
    match refused {
        Refused::Identity(why) => Status::permission_denied(why),
        Refused::Unable(why) => Status::unavailable(why),
    }
}

#[tonic::async_trait]
impl Peer for Door {
    async fn hello(&self, _: Request<pb::HelloRequest>) -> Result<Response<pb::HelloReply>, Status> {
        Ok(Response::new(self.0.hello()))
    }

    async fn adopt(&self, request: Request<pb::AdoptRequest>) -> Result<Response<pb::AdoptReply>, Status> {
        let adopted = self.0.adopt(request.into_inner()).await;
        adopted.map(|()| Response::new(pb::AdoptReply {})).map_err(status)
    }

    async fn raft(&self, request: Request<pb::RaftRequest>) -> Result<Response<pb::RaftReply>, Status> {
        let pb::RaftRequest { caller, kind, payload } = request.into_inner();
        let reply = self.0.inbound_raft(caller, kind, payload).await;
        reply
            .map(|payload| Response::new(pb::RaftReply { payload }))
            .map_err(status)
    }

    async fn install_snapshot(
        &self,
        _: Request<Streaming<pb::SnapshotChunk>>,
    ) -> Result<Response<pb::RaftReply>, Status> {
        Err(Status::unimplemented("no snapshots here"))
    }

    async fn forward(&self, request: Request<pb::ForwardRequest>) -> Result<Response<pb::ForwardReply>, Status> {
        let pb::ForwardRequest {
            caller,
            payload,
            timeout_ms,
        } = request.into_inner();
        let reply = self
            .0
            .inbound_forward(caller, payload, Duration::from_millis(timeout_ms))
            .await;
        reply
            .map(|payload| Response::new(pb::ForwardReply { payload }))
            .map_err(status)
    }

    async fn read_index(&self, request: Request<pb::ReadIndexRequest>) -> Result<Response<pb::ReadIndexReply>, Status> {
        let index = self.0.inbound_read_index(request.into_inner().caller).await;
        index
            .map(|index| Response::new(pb::ReadIndexReply { index }))
            .map_err(status)
    }

    async fn report(&self, request: Request<pb::ReportRequest>) -> Result<Response<pb::ReportReply>, Status> {
        let pb::ReportRequest { caller, payload } = request.into_inner();
        let told = self.0.inbound_report(caller, &payload);
        told.map(|()| Response::new(pb::ReportReply {})).map_err(status)
    }

    async fn errand(&self, request: Request<pb::ErrandRequest>) -> Result<Response<pb::ErrandReply>, Status> {
        let pb::ErrandRequest { caller, payload } = request.into_inner();
        let done = self.0.inbound_errand(caller, &payload).await;
        done.map(|payload| Response::new(pb::ErrandReply { payload }))
            .map_err(status)
    }
}

struct TestNode {
    cluster: Cluster,
    raft: raft::Handle,
    server: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl TestNode {
    async fn start(id: u64, listener: TcpListener, initial_nodes: BTreeMap<String, String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let journal = Journal::open(&dir.path().join("journal"), id, &Default::default()).unwrap();
        let incarnation = journal.identity().incarnation;
        let (store, _) = Store::open(&dir.path().join("store"), incarnation, None, &Default::default()).unwrap();
        let peers = Peers::new(
            SelfName {
                id,
                incarnation,
                cluster_id: String::new(),
            },
            None,
            HashMap::new(),
        );
        let snapshots = dir.path().join("snapshots");
        let settings = raft::Settings::default();
        let raft = raft::Handle::start(&settings, journal.clone(), store.clone(), snapshots, peers.clone())
            .await
            .unwrap();
        let cluster = Cluster::start(Parts {
            settings: Settings {
                initial_nodes,
                ..Settings::default()
            },
            peer_address: address,
            api_address: format!("api-of-{id}"),
            http_address: String::new(),
            journal,
            store,
            raft: raft.clone(),
            peers,
            clock: Arc::new(SystemClock),
            this_node: Arc::new(Alone),
        });
        let service = PeerServer::new(Door(cluster.clone()));
        let serve = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move { serve.await.unwrap() });
        Self {
            cluster,
            raft,
            server,
            _dir: dir,
        }
    }

    /// Gone at once, as a crash would have it.
    async fn kill(&self) {
        self.server.abort();
        self.raft.shutdown().await;
    }

    fn leads(&self) -> bool {
        self.raft.status().leader == Some(self.cluster.node_id())
    }
}

async fn nodes(count: u64) -> Vec<TestNode> {
    let mut listeners = Vec::new();
    let mut initial = BTreeMap::new();
    for id in 1..=count {
        let listener = crate::net::listen("127.0.0.1:0").await.unwrap();
        initial.insert(id.to_string(), listener.local_addr().unwrap().to_string());
        listeners.push((id, listener));
    }
    let mut nodes = Vec::new();
    for (id, listener) in listeners {
        nodes.push(Box::pin(TestNode::start(id, listener, initial.clone())).await);
    }
    nodes
}

fn first() -> Command {
    Command::CreateOperator {
        id: "root".into(),
        name: "root".into(),
        role: Role::Admin,
        secret_hash: [7; 32],
    }
}

fn change() -> Command {
    let change = SettingsChange {
        detailed_reasons: Some(true),
        ..SettingsChange::default()
    };
    Command::UpdateSettings {
        change,
        if_revision: None,
    }
}

async fn formed(count: u64) -> Vec<TestNode> {
    let nodes = nodes(count).await;
    nodes[0].cluster.init(first()).await.unwrap();
    for node in &nodes {
        until_ready(&node.cluster).await;
    }
    nodes
}

async fn until_ready(cluster: &Cluster) {
    let mut ready = cluster.watch_ready();
    let waited = tokio::time::timeout(PATIENCE, ready.wait_for(|ready| *ready)).await;
    waited
        .unwrap_or_else(|_| panic!("node {}: {:?}", cluster.node_id(), cluster.ready()))
        .unwrap();
}

/// Clients retry while a new leader is being elected.
async fn written(cluster: &Cluster) -> Outcome {
    let end = Instant::now() + PATIENCE;
    loop {
        match cluster.write("root", "", change()).await {
            Ok(outcome) => return outcome,
            Err(ClusterError::NoQuorum { .. }) if Instant::now() < end => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_writes_and_every_node_reads_it() {
    let nodes = formed(3).await;
    for node in &nodes {
        let outcome = node.cluster.write("root", "", change()).await.unwrap();
        assert_eq!(outcome.reply, Reply::Done);
        for reader in &nodes {
            let strong = ReadRequirement {
                linearizable: true,
                min_revision: 0,
            };
            let freshness = reader.cluster.before_read(strong, PATIENCE).await.unwrap();
            assert!(freshness.revision >= outcome.revision);
            assert!(freshness.staleness.is_some());
        }
    }
    let heard = |listed: &[NodeStatus]| listed.iter().filter(|node| node.answered && node.voter).count();
    let end = Instant::now() + PATIENCE;
    while heard(&nodes[1].cluster.gather()) < 3 {
        assert!(Instant::now() < end, "{:?}", nodes[1].cluster.gather());
        tokio::task::yield_now().await;
    }
    assert_eq!(nodes[1].cluster.gather()[2].member.api_address, "api-of-3");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_errand_goes_to_every_member_and_each_answers_for_itself() {
    let nodes = formed(3).await;
    let key = AuthenticatorKey {
        chain: "global".to_owned(),
        id: "jwt".to_owned(),
    };
    let errand = Errand::PurgeCache(key);
    let done = nodes[0].cluster.everywhere(errand.clone(), PATIENCE).await;
    let expected = Done::Failed(format!("{errand:?}"));
    assert_eq!(done, [1, 2, 3].map(|id| (id, expected.clone())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_made_once() {
    let nodes = formed(1).await;
    let again = nodes[0].cluster.init(first()).await;
    assert!(matches!(again, Err(ClusterError::Refused(_))), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_missing_at_the_beginning_is_named_and_init_can_be_run_again() {
    let mut initial = BTreeMap::new();
    let listener = crate::net::listen("127.0.0.1:0").await.unwrap();
    let later = crate::net::listen("127.0.0.1:0").await.unwrap();
    let later_address = later.local_addr().unwrap();
    drop(later);
    initial.insert("1".to_owned(), listener.local_addr().unwrap().to_string());
    initial.insert("2".to_owned(), later_address.to_string());
    let one = TestNode::start(1, listener, initial.clone()).await;
    let error = one.cluster.init(first()).await.unwrap_err();
    assert!(error.to_string().contains("node 2 at `127.0.0.1:"), "{error}");

    let listener = crate::net::listen(&later_address.to_string()).await.unwrap();
    let _two = TestNode::start(2, listener, initial).await;
    // As if an earlier attempt had died right after its first step.
    one.cluster.inner.take_on("half-finished").await.unwrap();
    let (id, ids) = one.cluster.init(first()).await.unwrap();
    assert_eq!((id.as_str(), ids), ("half-finished", vec![1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_a_write_says_so_soon_and_local_reads_go_on() {
    let nodes = formed(3).await;
    let (dead, alive): (Vec<_>, Vec<_>) = nodes
        .iter()
        .partition(|node| node.leads() || node.cluster.node_id() == 3);
    let dead: Vec<_> = if dead.len() == 2 { dead } else { vec![dead[0], alive[0]] };
    for node in &dead {
        node.kill().await;
    }
    let rest = nodes
        .iter()
        .find(|node| !dead.iter().any(|d| d.cluster.node_id() == node.cluster.node_id()))
        .unwrap();
    let start = Instant::now();
    let error = rest.cluster.write("root", "", change()).await.unwrap_err();
    assert!(matches!(error, ClusterError::NoQuorum { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

    assert!(
        rest.cluster
            .before_read(ReadRequirement::default(), PATIENCE)
            .await
            .is_ok()
    );
    let strong = ReadRequirement {
        linearizable: true,
        min_revision: 0,
    };
    let error = rest.cluster.before_read(strong, PATIENCE).await.unwrap_err();
    assert_eq!(error.reason, Reason::BackendUnavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_comes_is_promoted_leads_and_is_removed_for_good() {
    let nodes = formed(3).await;
    let listener = crate::net::listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let four = Box::pin(TestNode::start(4, listener, BTreeMap::new())).await;
    assert_eq!(four.cluster.ready(), Err(ClusterError::NotInitialized));

    let asked = &nodes[1].cluster;
    asked.add_node(4, &address).await.unwrap();
    assert!(!asked.membership().voters.contains(&4));
    until_ready(&four.cluster).await;
    asked.promote_node(4).await.unwrap();
    assert!(asked.membership().voters.contains(&4));
    assert_eq!(asked.transfer_leadership(Some(4)).await, Ok(4));
    written(asked).await;

    asked.remove_node(4, "root").await.unwrap();
    assert!(!asked.membership().members.contains_key(&4));
    written(asked).await;
    let error = asked.add_node(4, &address).await.unwrap_err();
    assert!(error.to_string().contains("never accepted again"), "{error}");
    let refused = four
        .cluster
        .inner
        .parts
        .peers
        .report(&name_of(&nodes[0]), Bytes::new(), PATIENCE)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("node 4 was removed"), "{refused}");
}

fn name_of(node: &TestNode) -> crate::wire::PeerName {
    let id = node.cluster.node_id();
    raft::Handle::peer_name(id, &node.cluster.membership().members[&id])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_steps_aside_hands_over_and_is_not_ready() {
    let nodes = formed(3).await;
    let leader = nodes.iter().find(|node| node.leads()).unwrap();
    leader.cluster.step_aside(PATIENCE).await;
    assert!(!leader.leads());
    assert!(matches!(leader.cluster.ready(), Err(ClusterError::NotReady(_))));
    written(&leader.cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_nonsense_is_not_executed() {
    let nodes = formed(1).await;
    let this = nodes[0].cluster.inner.parts.peers.this();
    let caller = pb::Caller {
        cluster_id: this.cluster_id,
        from_id: this.id,
        from_incarnation: this.incarnation,
        to_id: 1,
        to_incarnation: 0,
    };
    let refused = nodes[0]
        .cluster
        .inbound_forward(Some(caller), Bytes::from_static(&[99]), PATIENCE)
        .await;
    assert!(matches!(refused, Err(Refused::Unable(_))));
}
