//! The node processes of a development cluster: start, watch, stop.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_all};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::layout::{Layout, Place};

/// A node stops within 8 seconds; after this it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// Lines of a dead node's log that are shown.
const TAIL_LINES: usize = 20;

/// The running nodes. Dropping it kills those that still run.
pub(super) struct Children {
    running: Vec<Node>,
}

struct Node {
    place: Place,
    child: Child,
}

impl Children {
    /// Starts every node of the layout.
    pub(super) fn start(layout: &Layout, program: &Path) -> anyhow::Result<Self> {
        let running = layout
            .nodes
            .iter()
            .map(|place| Node::start(place, program))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { running })
    }

    /// The process of a node; 0 if it does not run.
    pub(super) fn pid(&self, id: u64) -> u32 {
        self.running
            .iter()
            .find(|node| node.place.id == id)
            .and_then(|node| node.child.id())
            .unwrap_or_default()
    }

    /// Whether no node runs any more.
    pub(super) fn are_gone(&self) -> bool {
        self.running.is_empty()
    }

    /// An error if a node has died, with the end of its log.
    pub(super) fn require_alive(&mut self) -> anyhow::Result<()> {
        for node in &mut self.running {
            if let Some(status) = node.child.try_wait()? {
                bail!(obituary(&node.place, status));
            }
        }
        Ok(())
    }

    /// Waits for the next node that dies, forgets it, and says what became of it. Never resolves if none runs.
    pub(super) async fn next_death(&mut self) -> String {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.running.iter_mut().map(|node| node.child.wait().boxed());
        let (status, index, _) = select_all(waits).await;
        let node = self.running.remove(index);
        match status {
            Ok(status) => obituary(&node.place, status),
            Err(error) => format!("node {} cannot be watched: {error}", node.place.id),
        }
    }

    /// Asks all to stop, waits, and kills who does not.
    pub(super) async fn stop(mut self) {
        for node in &self.running {
            node.ask_to_stop();
        }
        let waits = self.running.iter_mut().map(|node| node.child.wait());
        if tokio::time::timeout(STOP_PATIENCE, join_all(waits)).await.is_err() {
            for node in &mut self.running {
                // An error means that it has stopped by itself in between.
                let _ = node.child.kill().await;
            }
        }
    }
}

impl Node {
    fn start(place: &Place, program: &Path) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(place.log());
        let log = log.with_context(|| format!("cannot open `{}`", place.log().display()))?;
        let child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(place.config())
            .env_remove("PORTCULLIS_API_KEY")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C on the terminal is for us: we stop the nodes in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start node {} with `{}`", place.id, program.display()))?;
        Ok(Self {
            place: place.clone(),
            child,
        })
    }

    fn ask_to_stop(&self) {
        // Until it is waited for, the number cannot belong to anybody else.
        let pid = self
            .child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

fn obituary(place: &Place, status: ExitStatus) -> String {
    let log = place.log();
    let tail = match tail(&log) {
        Ok(lines) => lines.iter().map(|line| format!("\n  {line}")).collect(),
        Err(error) => format!("\n  its log cannot be read: {error}"),
    };
    format!(
        "node {} has died ({status}); the end of `{}`:{tail}",
        place.id,
        log.display()
    )
}

fn tail(log: &Path) -> anyhow::Result<VecDeque<String>> {
    let mut lines = VecDeque::with_capacity(TAIL_LINES);
    for line in BufReader::new(fs::File::open(log)?).split(b'\n') {
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(&line?).into_owned());
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    /// A layout of one node, and a program that plays it.
    fn stage(folder: &Path, script: &str) -> (Layout, std::path::PathBuf) {
        let layout = Layout::new(folder, 1, 7600).unwrap();
        layout.write(false).unwrap();
        let program = folder.join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (layout, program)
    }

    #[tokio::test]
    async fn a_node_that_dies_is_reported_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, program) = stage(folder.path(), "seq 100; echo the disk is full >&2; exit 3");
        let mut children = Children::start(&layout, &program).unwrap();
        let said = tokio::time::timeout(Duration::from_secs(20), children.next_death())
            .await
            .unwrap();
        assert!(
            said.contains("node 1 has died") && said.contains("exit status: 3"),
            "{said}"
        );
        assert!(
            said.contains("the disk is full") && !said.contains("\n  10\n"),
            "{said}"
        );
        assert!(children.are_gone());
    }

    #[tokio::test]
    async fn a_node_is_asked_to_stop_before_it_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'echo stopped in order; exit 0' TERM\necho up\nwhile :; do sleep 0.05; done";
        let (layout, program) = stage(folder.path(), script);
        let log = layout.nodes[0].log();
        let children = Children::start(&layout, &program).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !fs::read_to_string(&log).unwrap().contains("up") {
            assert!(Instant::now() < deadline, "the program did not start");
            tokio::task::yield_now().await;
        }
        children.stop().await;
        assert!(fs::read_to_string(&log).unwrap().contains("stopped in order"));
    }
}
