//! chromedriver and the Chromium that it starts: both are gone when the value is that stands for them.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that JSON does not have is null, and is asked for what it is"
)]

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities as _, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};
use tokio::process::{Child, Command};

use crate::cluster::PATIENCE;
use crate::ports::PortBlock;
use crate::wait::wait_for;

const DRIVER: &str = "/usr/bin/chromedriver";
const CHROMIUM: &str = "/usr/bin/chromium";
/// Nothing that asks other machines, and nothing that differs between two runs.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en",
    "--window-size=1360,900",
];

/// The two processes, and the folder with what they write.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    browser: Option<Pid>,
    folder: TempDir,
    _ports: PortBlock,
}

impl Program {
    /// Starts both, with a profile of their own and these settings of it, and a session.
    pub(super) async fn start(preferences: &[(&str, Value)]) -> Result<(Self, WebDriver)> {
        for (file, package) in [(DRIVER, "chromium-driver"), (CHROMIUM, "chromium")] {
            ensure!(
                Path::new(file).exists(),
                "`{file}` is missing: install the Debian package `{package}`"
            );
        }
        let mut ports = PortBlock::reserve()?;
        let address = ports.take()?;
        let folder = tempfile::Builder::new().prefix("portcullis-browser-").tempdir()?;
        let log = File::create(folder.path().join("chromedriver.log"))?;
        let child = Command::new(DRIVER)
            .arg(format!("--port={}", address.port()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{DRIVER}`"))?;
        let mut program = Self {
            child,
            browser: None,
            folder,
            _ports: ports,
        };
        let url = format!("http://{address}");
        wait_for("chromedriver to answer", PATIENCE, async || {
            let status: Value = serde_json::from_str(&reqwest::get(format!("{url}/status")).await?.text().await?)?;
            Ok(status["value"]["ready"].as_bool().filter(|ready| *ready))
        })
        .await?;
        let driver = WebDriver::new(&url, program.capabilities(preferences)?).await?;
        let pid = driver
            .handle()
            .capabilities()
            .get("goog:processID")
            .and_then(|pid| pid.as_i64());
        program.browser = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        Ok((program, driver))
    }

    fn capabilities(&self, preferences: &[(&str, Value)]) -> Result<thirtyfour::ChromeCapabilities> {
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(CHROMIUM)?;
        for flag in FLAGS {
            wanted.add_arg(flag)?;
        }
        let profile = self.folder.path().join("profile");
        wanted.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        let mut all = json!({ "download.default_directory": self.downloads() });
        for (name, value) in preferences {
            all[*name] = value.clone();
        }
        wanted.add_experimental_option("prefs", all)?;
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        Ok(wanted)
    }

    /// Where files go that the browser saves.
    pub(super) fn downloads(&self) -> std::path::PathBuf {
        self.folder.path().join("downloads")
    }

    /// What chromedriver has said.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("chromedriver.log")).unwrap_or_default()
    }

    /// Ends chromedriver; its browser has been told to quit.
    pub(super) async fn end(mut self) -> Result<()> {
        self.browser = None;
        Ok(self.child.kill().await?)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // chromedriver that is killed leaves its browser alone.
        if let Some(pid) = self.browser.take() {
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
}
