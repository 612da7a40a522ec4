//! The course of `portcullis dev`: start or continue, form, seed, try, tell, keep running, stop.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::children::Children;
use super::layout::Layout;
use super::record::{NodeRecord, Record};
use super::{check, formation, report, seed};
use crate::cli::output::{note, print};

/// A cluster for development.
#[derive(Args, Debug)]
pub(in crate::cli) struct DevArgs {
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// Where they keep what they have; starting over the same folder continues. A `bootstrap_file` lies in node-N/data/bootstrap
    #[arg(long, value_name = "DIR", default_value = "portcullis-dev")]
    data_dir: PathBuf,
    /// gRPC port of the first node; the next node's is 10 higher, its peers' and web ports are the two after it
    #[arg(long, value_name = "PORT", default_value_t = 7600)]
    base_port: u16,
    /// Stop again when all is done; exits with 0 if every node answered as it should, else 1
    #[arg(long)]
    once: bool,
    /// The program that is run as a node [default: this one]
    #[arg(long, hide = true, env = "PORTCULLIS_DEV_PROGRAM")]
    program: Option<PathBuf>,
}

/// Runs the cluster until it is told to stop.
pub(in crate::cli) async fn run(args: DevArgs) -> anyhow::Result<ExitCode> {
    // First of all, so that a signal at any later moment stops the nodes in order.
    let mut stop = StopSignals::new()?;
    let layout = Layout::new(&args.data_dir, args.nodes, args.base_port)?;
    let earlier = Record::read(&layout.folder)?;
    if let Some(record) = &earlier {
        layout.require_same_nodes(&record.nodes)?;
    }
    layout.require_free_ports()?;
    layout.write(earlier.is_some())?;
    let program = args
        .program
        .map_or_else(std::env::current_exe, Ok)
        .context("cannot find this program")?;
    note(&format!(
        "Starting {} nodes in {}",
        layout.nodes.len(),
        layout.folder.display()
    ));
    let mut children = Children::start(&layout, &program)?;
    let outcome = tokio::select! {
        outcome = bring_up(&layout, earlier, &mut children) => outcome.map(Some),
        () = stop.received() => Ok(None),
    };
    let code = match outcome {
        Ok(Some(passed)) if !args.once => keep_running(&mut children, &mut stop, passed).await,
        Ok(Some(true)) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            children.stop().await;
            return Err(error);
        }
    };
    note("Stopping the nodes");
    children.stop().await;
    Ok(code)
}

/// Everything up to the report; returns whether every node answered as it should.
async fn bring_up(layout: &Layout, earlier: Option<Record>, children: &mut Children) -> anyhow::Result<bool> {
    formation::wait_until_all_answer(layout, children).await?;
    let is_continued = earlier.is_some();
    let mut record = match earlier {
        Some(record) => record,
        None => form(layout, children).await?,
    };
    record.nodes = nodes(layout, children);
    record.ready = false;
    record.write(&layout.folder)?;
    formation::wait_until_all_ready(layout, children, &record.admin_api_key).await?;
    let first = layout.nodes.first().context("a cluster needs a node")?;
    let client = formation::client(first, Some(&record.admin_api_key)).await?;
    if is_continued {
        record.setup_token = seed::setup_token(&client).await?;
    }
    let revision = seed::seed(&client, &record.demo_password).await?;
    let checks = check::check_all(layout, &record.admin_api_key, &record.demo_password, revision).await;
    record.ready = true;
    record.write(&layout.folder)?;
    print(&report::answers(&checks))?;
    print(&format!("\n{}", report::how_to_go_on(layout, &record, &program_name())))?;
    let passed = checks.iter().all(|check| check.passed);
    if !passed {
        note("A node did not answer as it should: see the table");
    }
    Ok(passed)
}

/// The first time. Key and token are shown once, so they are written down before anything else is done.
async fn form(layout: &Layout, children: &mut Children) -> anyhow::Result<Record> {
    let made = formation::initialise(layout, children).await?;
    let demo_password = seed::random_password();
    let record = Record {
        nodes: nodes(layout, children),
        admin_api_key: made.api_key,
        setup_token: made.setup_token,
        demo_password,
        ready: false,
    };
    record.write(&layout.folder)?;
    Ok(record)
}

fn nodes(layout: &Layout, children: &Children) -> Vec<NodeRecord> {
    let record = |place: &super::layout::Place| NodeRecord {
        id: place.id,
        pid: children.pid(place.id),
        grpc: place.grpc.clone(),
        peer: place.peer.clone(),
        http: place.http.clone(),
    };
    layout.nodes.iter().map(record).collect()
}

/// Until a signal. A node that dies is reported and the others go on: that is what a cluster is for.
async fn keep_running(children: &mut Children, stop: &mut StopSignals, passed: bool) -> ExitCode {
    note("Running until Ctrl-C");
    loop {
        tokio::select! {
            () = stop.received() => return if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE },
            death = children.next_death() => note(&death),
        }
        if children.are_gone() {
            note("No node is left");
            return ExitCode::FAILURE;
        }
    }
}

/// This program as it was called, so that what is printed can be typed.
fn program_name() -> String {
    std::env::args().next().unwrap_or_else(|| "portcullis".to_owned())
}

/// Whoever wants us to stop: Ctrl-C, a supervisor, a terminal that closes.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
