//! A server as a process: start, stop, kill, freeze.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::wait_for;

/// Where Debian keeps servers beside the search path.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/lib/postgresql/15/bin"];
/// Lines of its log that a failed start shows.
const SHOWN_LINES: usize = 30;
/// Long enough for a server to create its files on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The path of an installed program.
pub fn find(program: &str, package: &str) -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    // The other versions of a package that keeps them apart.
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders
        .into_iter()
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .with_context(|| format!("`{program}` is missing: install the Debian package `{package}`"))
}

/// How a server is started, always in the same way.
#[derive(Clone, Debug)]
pub struct Launch {
    /// For messages.
    pub name: &'static str,
    /// The program.
    pub program: PathBuf,
    /// What it is told.
    pub arguments: Vec<String>,
    /// Everything it keeps, and its log.
    pub folder: PathBuf,
    /// Who it runs as where the tests run as root.
    pub user: &'static str,
}

impl Launch {
    /// Gives the folder and all in it to the user that the server runs as.
    pub fn give_folder(&self) -> Result<()> {
        if let Some((uid, gid)) = self.identity()? {
            give(&self.folder, uid, gid)?;
        }
        Ok(())
    }

    /// The program or another one of its package, as that user; ends with the test.
    pub fn command(&self, program: &Path) -> Result<Command> {
        let mut command = Command::new(find("setpriv", "util-linux")?);
        if let Some((uid, gid)) = self.identity()? {
            command.args([
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".into(),
            ]);
        }
        command
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .current_dir(&self.folder);
        command
            .env("HOME", &self.folder)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs another program of the package to its end.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> Result<()> {
        let output = self.command(program)?.args(arguments).output()?;
        ensure!(
            output.status.success(),
            "`{}` failed: {}{}",
            program.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn identity(&self) -> Result<Option<(u32, u32)>> {
        if !rustix::process::geteuid().is_root() || self.user == "root" {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let of = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut numbers = line.split(':').skip(2);
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        };
        Ok(of(self.user).or_else(|| of("nobody")))
    }
}

fn give(path: &Path, uid: u32, gid: u32) -> Result<()> {
    chown(path, Some(uid), Some(gid))?;
    if path.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

/// A server, running or not. It ends when dropped.
#[derive(Debug)]
pub struct Program {
    launch: Launch,
    child: Option<Child>,
}

impl Program {
    /// Starts it, and waits until `answers` says that it does.
    pub async fn start(launch: Launch, answers: impl AsyncFn() -> Result<()>) -> Result<Self> {
        let mut program = Self { launch, child: None };
        program.start_again(answers).await?;
        Ok(program)
    }

    /// The same after it was killed.
    pub async fn start_again(&mut self, answers: impl AsyncFn() -> Result<()>) -> Result<()> {
        ensure!(self.child.is_none(), "{} runs", self.launch.name);
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = self.launch.command(&self.launch.program)?;
        command
            .args(&self.launch.arguments)
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command.spawn();
        self.child = Some(child.with_context(|| format!("cannot start {}", self.launch.name))?);
        let this = &mut *self;
        let started = wait_for(&format!("{} to answer", this.launch.name), START, async || {
            if let Some(child) = &mut this.child
                && let Some(status) = child.try_wait()?
            {
                // Not worth waiting for any longer; told below.
                return Ok(Some(Some(status)));
            }
            answers().await?;
            Ok(Some(None))
        })
        .await;
        match started {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                self.child = None;
                bail!("{} ended at once ({status}):\n{}", self.launch.name, self.log())
            }
            Err(error) => Err(error.context(self.log())),
        }
    }

    /// SIGKILL to it and all it has started, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            // Its children first: who finds its parent dead may do something before it ends.
            for pid in family(child.id()).into_iter().rev() {
                signal(pid, Signal::KILL);
            }
            child.wait()?;
        }
        Ok(())
    }

    /// SIGSTOP to it and all it has started: connections stay open, and nobody answers.
    pub fn freeze(&self) -> Result<()> {
        self.signal_all(Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<()> {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&self, what: Signal) -> Result<()> {
        let child = self
            .child
            .as_ref()
            .with_context(|| format!("{} does not run", self.launch.name))?;
        family(child.id()).into_iter().for_each(|pid| signal(pid, what));
        Ok(())
    }

    fn log_file(&self) -> PathBuf {
        self.launch.folder.join("server.log")
    }

    /// The end of what it has said.
    fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let end = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
        end.join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _gone = self.kill();
    }
}

/// A process and all that descend from it, parents first. Some servers give each child a session of its own.
fn family(ancestor: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name, in parentheses, may hold anything.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        if let Some(parent) = after_name
            .split_whitespace()
            .nth(1)
            .and_then(|parent| parent.parse::<u32>().ok())
        {
            parents.push((pid, parent));
        }
    }
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    family
}

fn signal(pid: u32, what: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _gone = kill_process(pid, what);
    }
}
