//! A cluster, its accounts and a browser, for one test.

use std::any::Any;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use futures_util::FutureExt as _;
use portcullis::wire::Client;
use portcullis::wire::pb::v1::Role;

use super::visitor::Visitor;
use super::window::Browser;
use crate::calls;
use crate::cluster::{Cluster, Options};

/// Of every account.
pub const PASSWORD: &str = "correct horse battery";

/// Who has that role.
pub const fn name_of(role: Role) -> &'static str {
    match role {
        Role::Admin => "ada",
        Role::Editor => "edgar",
        _ => "vera",
    }
}

/// What a test plays on.
#[derive(Debug)]
pub struct Stage {
    /// The nodes.
    pub cluster: Cluster,
    /// The window.
    pub browser: Browser,
}

impl Stage {
    /// The page of a node.
    pub fn url(&self, node: u64, path: &str) -> Result<String> {
        Ok(format!("http://{}{path}", self.cluster.node(node)?.http))
    }

    /// Opens a page of a node.
    pub async fn open(&self, node: u64, path: &str) -> Result<()> {
        self.browser.go(&self.url(node, path)?).await
    }

    /// A client of the first node, as the first operator.
    pub async fn operator(&self) -> Result<Client> {
        self.cluster.client(1).await
    }

    /// Somebody of that role without a browser, signed in at the first node. Makes the account if it is not there yet.
    pub async fn visitor(&self, role: Role) -> Result<Visitor> {
        calls::ensure_account(&self.operator().await?, name_of(role), role, PASSWORD).await?;
        Visitor::at(self.url(1, "")?)?.signed_in(name_of(role), PASSWORD).await
    }

    /// From now on the browser is signed in as somebody of that role, on every node.
    pub async fn sign_in(&self, role: Role) -> Result<Visitor> {
        let visitor = self.visitor(role).await?;
        self.lend(&self.browser, &visitor).await?;
        Ok(visitor)
    }

    /// A second window, signed in with the same session.
    pub async fn another_browser(&self, visitor: &Visitor) -> Result<Browser> {
        let browser = Browser::start().await?;
        self.lend(&browser, visitor).await?;
        Ok(browser)
    }

    /// Signs a window in with a session that is there already.
    pub async fn lend(&self, browser: &Browser, visitor: &Visitor) -> Result<()> {
        browser.take_session(&self.url(1, "/")?, visitor.session()).await
    }

    async fn leave_evidence(&self) -> Result<PathBuf> {
        let folder = evidence_folder();
        fs::create_dir_all(&folder)?;
        for id in self.cluster.ids() {
            fs::write(folder.join(format!("node-{id}.log")), self.cluster.node(id)?.log())?;
        }
        self.browser.leave_evidence(&folder).await?;
        Ok(folder)
    }
}

/// Plays a test on a cluster that is ready. What goes wrong leaves a picture, the page and the logs in `target/browser/TEST/`.
pub async fn play(options: Options, act: impl AsyncFnOnce(&mut Stage) -> Result<()>) -> Result<()> {
    let (cluster, browser) = tokio::try_join!(options.start(), Browser::start())?;
    play_on(cluster, browser, act).await
}

/// The same upon a cluster that the test has made.
pub async fn play_on(
    cluster: Cluster,
    browser: Browser,
    act: impl AsyncFnOnce(&mut Stage) -> Result<()>,
) -> Result<()> {
    let mut stage = Stage { cluster, browser };
    let played = AssertUnwindSafe(act(&mut stage)).catch_unwind().await;
    let played = played.unwrap_or_else(|panic| Err(anyhow!("{}", said(&*panic))));
    if let Err(error) = played {
        let evidence = stage.leave_evidence().await;
        let _console = stage.browser.end().await;
        return Err(match evidence {
            Ok(folder) => error.context(format!("see {}", folder.display())),
            Err(lost) => error.context(format!("no evidence could be kept: {lost:#}")),
        });
    }
    stage.browser.end().await?;
    stage.cluster.passed()
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "the test panicked".to_owned())
}

/// `target/browser/` and the name of the test.
fn evidence_folder() -> PathBuf {
    let test = std::env::var("NEXTEST_TEST_NAME").ok();
    let test = test.or_else(|| std::thread::current().name().map(str::to_owned));
    let test = test.unwrap_or_else(|| "unnamed".to_owned()).replace("::", "-");
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/browser")
        .join(test)
}
