//! One node as a process of its own: start, kill, stop, pause, wipe.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Lines of a node's log that a failed test shows.
const SHOWN_LINES: usize = 60;

/// A node: its folder, its addresses and, while it runs, its process.
#[derive(Debug)]
pub struct Node {
    /// Its number in the cluster.
    pub id: u64,
    /// Where clients and operators reach it.
    pub api: SocketAddr,
    /// Where it listens for its peers; they dial it through their edges.
    pub peer: SocketAddr,
    /// Where monitoring reaches it.
    pub http: SocketAddr,
    binary: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, PathBuf)>,
    child: Option<Child>,
}

impl Node {
    /// A node that does not run yet.
    pub fn new(id: u64, binary: &Path, folder: PathBuf, [api, peer, http]: [SocketAddr; 3]) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self {
            id,
            api,
            peer,
            http,
            binary: binary.into(),
            folder,
            environment: Vec::new(),
            child: None,
        })
    }

    /// What it keeps.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Where its promises are.
    pub fn journal_dir(&self) -> PathBuf {
        self.data_dir().join("journal")
    }

    /// Where its view of the applied log is.
    pub fn state_dir(&self) -> PathBuf {
        self.data_dir().join("state")
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    /// Everything it has said so far, over all its lives.
    pub fn log(&self) -> String {
        fs::read(self.log_file())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    /// A variable for its next lives.
    pub fn set_environment(&mut self, name: &str, value: &Path) {
        self.environment.push((name.into(), value.into()));
    }

    /// Whether it was started and not stopped since.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Starts the process; it may take a while until it listens.
    pub fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            bail!("node {} is running", self.id);
        }
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let child = Command::new(&self.binary)
            .arg("serve")
            .arg("--config")
            .arg(self.config_file())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.binary.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM; does not wait.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// SIGSTOP: alive to the kernel, dead to its peers.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().with_context(|| format!("node {} does not run", self.id))?;
        kill_process(pid, signal).with_context(|| format!("cannot signal node {}", self.id))
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<Pid> {
        self.child
            .as_ref()
            .and_then(Child::id)
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
    }

    /// Waits until the process ends by itself.
    pub async fn exited(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let child = self
            .child
            .as_mut()
            .with_context(|| format!("node {} does not run", self.id))?;
        let status = timeout(deadline, child.wait())
            .await
            .with_context(|| format!("node {} still runs after {deadline:?}", self.id))??;
        self.child = None;
        Ok(status)
    }

    /// Removes everything it keeps.
    pub fn wipe(&self) -> Result<()> {
        if self.child.is_some() {
            bail!("node {} is running", self.id);
        }
        fs::remove_dir_all(self.data_dir()).with_context(|| format!("cannot wipe node {}", self.id))
    }

    /// The end of its log, for the report of a failed test.
    pub fn print_log(&self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = lines.len().saturating_sub(SHOWN_LINES);
        eprintln!("--- node {}, the last of {} lines", self.id, lines.len());
        for line in lines.iter().skip(shown) {
            eprintln!("{line}");
        }
    }
}
