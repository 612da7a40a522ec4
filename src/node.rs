//! The composition root: builds every room in order, runs them, stops them in reverse.

mod doors;
mod rooms;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::doors::Doors;
use self::rooms::Rooms;
use crate::admin::{Admin, Bootstrapper, Keeper, password_upgrades};
use crate::api::{self, Denials, Door, PublicParts};
use crate::auth::{Clock, LiveChains, SystemClock, Tally, TracedLogin};
use crate::backends::{Context, Reconciler};
use crate::cluster::{self, Cluster};
use crate::config::Settings;
use crate::dashboard;
use crate::hash::Hasher;
use crate::journal::Journal;
use crate::net::{self, Drain};
use crate::raft;
use crate::store::{Opened, Store};
use crate::telemetry::{self, Traces};
use crate::wire::{Peers, SelfName};

/// Stopping in order takes at most so long; supervisors kill after ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(8);
/// Of it: handing leadership over, and answering what is in progress.
const STEP_ASIDE_LIMIT: Duration = Duration::from_secs(3);
const DRAIN_LIMIT: Duration = Duration::from_secs(3);
/// Handing the last traces over, beside what closes the disk.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Why a node does not run. Already logged.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It could not start: another configuration or a repaired disk is needed.
    #[error("cannot start: {0}")]
    Start(String),
    /// It ran, and cannot go on.
    #[error("stopped: {0}")]
    Failed(String),
}

/// Names what could not be done when a node starts.
fn starting<E: std::fmt::Display>(doing: &str) -> impl FnOnce(E) -> NodeError + '_ {
    move |why| NodeError::Start(format!("{doing}: {why}"))
}

/// Runs a node until SIGTERM or SIGINT. An error is already logged and means a non-zero exit.
pub fn run(settings: Settings) -> Result<(), NodeError> {
    let ran = open_and_run(&settings);
    if let Err(why) = &ran {
        tracing::error!("{why}");
    }
    ran
}

fn open_and_run(settings: &Settings) -> Result<(), NodeError> {
    let ground = Ground::open(settings)?;
    let runtime = runtime()?;
    let ran = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (
            stop_signal(SignalKind::terminate())?,
            stop_signal(SignalKind::interrupt())?,
        );
        let mut stop = Stop {
            terminate: &mut terminate,
            interrupt: &mut interrupt,
        };
        let mut node = Node::start(settings, ground).await?;
        node.run(&mut stop).await?;
        tokio::select! {
            () = node.stop() => tracing::info!("stopped"),
            () = stop.asked() => tracing::warn!("asked to stop twice: stopping at once"),
        }
        Ok(())
    });
    // What still runs (an abandoned call) must not hold the process up.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ran
}

fn runtime() -> Result<Runtime, NodeError> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("api")
        .enable_all()
        .build()
        .map_err(starting("cannot start threads"))
}

fn stop_signal(kind: SignalKind) -> Result<Signal, NodeError> {
    signal(kind).map_err(starting("cannot listen to signals"))
}

/// The two signals that ask a node to stop.
struct Stop<'a> {
    terminate: &'a mut Signal,
    interrupt: &'a mut Signal,
}

impl Stop<'_> {
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What a node stands on: opened, and possibly rebuilt, before any thread of its own runs.
struct Ground {
    journal: Journal,
    store: Store,
    snapshots: PathBuf,
    /// What backends keep for a restart.
    kept: PathBuf,
}

impl Ground {
    fn open(settings: &Settings) -> Result<Self, NodeError> {
        let data = &settings.node.data_dir;
        let (journal_dir, state_dir, snapshots) = (data.join("journal"), data.join("state"), data.join("snapshots"));
        let kept = data.join("kept");
        for dir in [data, &journal_dir, &state_dir, &snapshots, &kept] {
            make_private(dir).map_err(starting(&format!("cannot make the folder `{}`", dir.display())))?;
        }
        let journal = Journal::open(&journal_dir, settings.node.id, &settings.journal)
            .map_err(starting("cannot open the journal"))?;
        let identity = journal.identity();
        let snapshot = raft::Handle::newest_snapshot(&snapshots);
        let (store, opened) = Store::open(&state_dir, identity.incarnation, snapshot.as_deref(), &settings.store)
            .map_err(starting("cannot open the state"))?;
        if let Opened::Rebuilt(why) = opened {
            let index = store.applied().index;
            tracing::warn!(
                why,
                index,
                "the state was dropped and rebuilt; the journal brings back the rest"
            );
        }
        Ok(Self {
            journal,
            store,
            snapshots,
            kept,
        })
    }
}

/// Password hashes live here: nobody but the owner may look.
fn make_private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// A running node.
struct Node {
    cluster: Cluster,
    raft: raft::Handle,
    journal: Journal,
    store: Store,
    drain: Drain,
    traces: Option<Arc<Traces>>,
    servers: JoinSet<Result<(), String>>,
    background: JoinSet<()>,
}

impl Node {
    async fn start(settings: &Settings, ground: Ground) -> Result<Self, NodeError> {
        let Ground {
            journal,
            store,
            snapshots,
            kept,
        } = ground;
        let doors = Doors::open(settings).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let traces = Traces::start(&settings.telemetry.traces, settings.node.id)
            .map_err(starting("cannot trace logins"))?
            .map(Arc::new);
        let hasher = Hasher::start(&settings.hash);
        let peers = peers(settings, &journal)?;
        let raft = raft::Handle::start(&settings.raft, journal.clone(), store.clone(), snapshots, peers.clone())
            .await
            .map_err(starting("cannot start consensus"))?;

        let chains = Arc::new(LiveChains::default());
        let shared = Arc::new(store.clone());
        let (upgrades, upgrader) = password_upgrades(settings.hash.rehash_per_second);
        let upgrades = Arc::new(upgrades);
        let context = Context {
            users: shared.clone(),
            hasher: hasher.clone(),
            clock: clock.clone(),
            keys: shared.clone(),
            upgrades: upgrades.clone(),
            kept_dir: kept,
            secrets_dir: settings.backends.secrets_dir(&settings.node.data_dir),
        };
        let reconciler = Arc::new(Reconciler::new(shared, context, chains.clone()));
        let mut background = JoinSet::new();
        background.spawn(reconciler.clone().run(store.watch_authenticators()));
        background.spawn(reconciler.clone().keep_renewed());

        let keeper = Arc::new(Keeper::new(clock.clone()));
        let cluster = Cluster::start(cluster::Parts {
            settings: settings.cluster.clone(),
            peer_address: doors.peer_address.clone(),
            api_address: doors.api_address.clone(),
            http_address: doors.http_address.clone(),
            journal: journal.clone(),
            store: store.clone(),
            raft: raft.clone(),
            peers,
            clock: clock.clone(),
            this_node: Arc::new(Rooms {
                reconciler: reconciler.clone(),
                hasher: hasher.clone(),
                upgrades,
                clock: clock.clone(),
                data_dir: settings.node.data_dir.clone(),
                store: store.clone(),
                keeper: keeper.clone(),
            }),
        });
        let (ready, changes) = (cluster.watch_ready(), store.watch_authenticators());
        background.spawn(reconciler.clone().clear_kept(ready, changes));
        background.spawn(upgrader.run(cluster.clone(), store.clone(), hasher.clone()));
        let (settings_store, operators) = (store.clone(), store.clone());
        let decisions = Arc::new(Tally::default());
        let (counting, time) = (reconciler.clone(), clock.clone());
        let sources = telemetry::Sources {
            cluster: cluster.clone(),
            decisions: decisions.clone(),
            tallies: Arc::new(move || counting.tallies()),
            now: Arc::new(move || time.instant()),
        };
        let drain = Drain::default();
        let door = Door {
            cluster: cluster.clone(),
            chains,
            catch_up: Arc::new(move || reconciler.catch_up()),
            settings: Arc::new(move || settings_store.settings()),
            is_operator: Arc::new(move |id| operators.operator(id).is_some()),
            clock: clock.clone(),
            drain: drain.clone(),
            default_timeout: Duration::from_millis(settings.api.default_timeout_ms),
            max_pipelined: settings.api.max_pipelined,
            decisions: decisions.clone(),
            denials: denials(&settings.api)?,
            traces: traces.clone().map(recorder),
        };
        let time_of_pages = clock.clone();
        let admin = Admin::new(cluster.clone(), store.clone(), hasher, clock, keeper);
        let bootstrap_dir = settings.admin.bootstrap_dir(&settings.node.data_dir);
        let bootstrapper = Bootstrapper::new(admin.clone(), bootstrap_dir);
        background.spawn(bootstrapper.run(store.watch_authenticators()));
        let mut node = Self {
            cluster,
            raft,
            journal,
            store,
            drain,
            traces,
            servers: JoinSet::new(),
            background,
        };
        node.announce(settings, &doors);
        let pages = dashboard::Parts {
            admin: admin.clone(),
            clock: time_of_pages,
            drain: node.drain.clone(),
            settings: settings.dashboard.clone(),
        };
        node.serve(settings, doors, PublicParts { admin, door }, sources, pages)?;
        Ok(node)
    }

    /// The peers' server first: the public one waits for nothing that the cluster has to bring about.
    fn serve(
        &mut self,
        settings: &Settings,
        doors: Doors,
        parts: PublicParts,
        sources: telemetry::Sources,
        pages: dashboard::Parts,
    ) -> Result<(), NodeError> {
        let peer = api::peer_server(&settings.peer, doors.peer, self.cluster.clone(), self.drain.clone())
            .map_err(starting("cannot serve the peers"))?;
        let public = api::public_server(&settings.api, doors.api, parts).map_err(starting("cannot serve clients"))?;
        for server in [peer, public] {
            let held = self.drain.hold();
            self.servers.spawn(async move {
                let _held = held;
                server.await.map_err(|why| why.to_string())
            });
        }
        if let Some(listener) = doors.http {
            let pages = settings.dashboard.enabled.then(|| dashboard::routes(pages));
            let routes = telemetry::routes(sources).merge(pages.unwrap_or_default());
            let server = net::serve_http(&settings.http, listener, routes, self.drain.clone())
                .map_err(starting("cannot use `http.tls`"))?;
            let held = self.drain.hold();
            self.servers.spawn(async move {
                let _held = held;
                server.await.map_err(|why| format!("HTTP: {why}"))
            });
        }
        Ok(())
    }

    fn announce(&self, settings: &Settings, doors: &Doors) {
        let (node, api, peer) = (settings.node.id, &doors.api_address, &doors.peer_address);
        let (version, revision) = (env!("CARGO_PKG_VERSION"), self.store.applied().index);
        tracing::info!(node, api, peer, revision, version, "node runs");
        if let Some(http) = doors.http_in_plain_text(&settings.http) {
            tracing::warn!(
                %http,
                "HTTP IS OPEN TO OTHER MACHINES WITHOUT TLS: whatever is sent and shown there can be read on the way; \
                 set `http.tls`, or let `http.listen` be an address of this machine alone, as 127.0.0.1:7602"
            );
        }
        if self.cluster.cluster_id().is_none() {
            let scheme = if settings.api.tls.cert.as_os_str().is_empty() {
                "http"
            } else {
                "https"
            };
            tracing::info!(
                "this node belongs to no cluster yet: when all of `cluster.initial_nodes` run, call \
                 `portcullis --endpoint {scheme}://{api} cluster init` once; or add it to a cluster with `cluster add`"
            );
        }
    }

    /// Until asked to stop (`Ok`) or unable to go on.
    async fn run(&mut self, stop: &mut Stop<'_>) -> Result<(), NodeError> {
        tokio::select! {
            () = stop.asked() => Ok(()),
            why = self.raft.failed() => Err(NodeError::Failed(format!("consensus has failed: {why}"))),
            ended = self.servers.join_next() => Err(NodeError::Failed(match ended {
                Some(Ok(Err(why))) => why,
                Some(Err(why)) => format!("a server ended: {why}"),
                Some(Ok(Ok(()))) | None => "a server ended without being asked to".into(),
            })),
        }
    }

    /// First nobody is sent here any more, then leadership goes to another, then what is in progress is answered, then the disk.
    async fn stop(&mut self) {
        tracing::info!("stopping");
        if timeout(STOP_LIMIT, self.stop_in_order()).await.is_err() {
            tracing::warn!("stopping took too long; what the journal acknowledged is safe");
        }
    }

    async fn stop_in_order(&mut self) {
        self.cluster.step_aside(STEP_ASIDE_LIMIT).await;
        self.drain.begin();
        if !self.drain.finished(DRAIN_LIMIT).await {
            tracing::warn!("calls are still in progress and are cut off");
        }
        self.servers.shutdown().await;
        let traces = self.traces.take();
        let flushed = traces.map(|traces| tokio::task::spawn_blocking(move || traces.stop(FLUSH_LIMIT)));
        self.background.shutdown().await;
        self.raft.shutdown().await;
        let (store, journal) = (self.store.clone(), self.journal.clone());
        let closed = tokio::task::spawn_blocking(move || {
            let closed = store.close();
            journal.close();
            closed
        });
        match closed.await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                tracing::warn!(%why, "the state was not closed cleanly and will be checked at the next start")
            }
            Err(why) => tracing::warn!(%why, "closing was cut off"),
        }
        if let Some(flushed) = flushed {
            // What went wrong with it, it has said itself.
            let _ = flushed.await;
        }
    }
}

fn recorder(traces: Arc<Traces>) -> api::Traces {
    Arc::new(move |login: &TracedLogin<'_>| traces.record(login))
}

fn denials(settings: &api::Settings) -> Result<Denials, NodeError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(starting("no random bytes for hashing names"))?;
    Ok(Denials::new(
        settings.logged_names,
        settings.logged_denials_per_second,
        &key,
    ))
}

fn peers(settings: &Settings, journal: &Journal) -> Result<Peers, NodeError> {
    let identity = journal.identity();
    let this = SelfName {
        id: identity.node_id,
        incarnation: identity.incarnation,
        cluster_id: identity.cluster_id.unwrap_or_default(),
    };
    let tls = settings.peer.tls.client().map_err(starting("cannot use `peer.tls`"))?;
    let routes = &settings.peer.routes;
    let routes = routes
        .iter()
        .filter_map(|(id, to)| Some((id.parse().ok()?, to.clone())));
    Ok(Peers::new(this, tls, routes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("a/b");
        make_private(&made).unwrap();
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
