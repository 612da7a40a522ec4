//! Every page there is, for every role: found by following links, as somebody does who clicks on everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context as _, Result, ensure};
use cluster_tests::browser::{Stage, play};
use cluster_tests::calls::create_user;
use cluster_tests::{Options, node_binary};
use portcullis::wire::pb::v1::Role;
use serde::Deserialize;

use super::scene::{add_http, nobody};

const LOOK: &str = "
    const seen = (one) => one.checkVisibility();
    return {
      status: performance.getEntriesByType('navigation')[0].responseStatus,
      title: document.title,
      headings: [...document.querySelectorAll('h1')].filter(seen).map((one) => one.textContent),
      crumbs: [...document.querySelectorAll('nav.crumbs a')].map((one) => one.getAttribute('href')),
      current: [...document.querySelectorAll('nav.main [aria-current]')].length,
      links: [...document.querySelectorAll('a[href]')].map((one) => one.getAttribute('href')),
    };";
/// Not pages: files, and what monitoring reads.
const NO_PAGES: &[&str] = &["/healthz", "/readyz", "/metrics"];

#[derive(Debug, Deserialize)]
struct Seen {
    status: u16,
    title: String,
    headings: Vec<String>,
    crumbs: Vec<String>,
    current: usize,
    links: Vec<String>,
}

impl Seen {
    fn is_in_order(&self, path: &str) -> Result<()> {
        ensure!(
            self.status == 200 || self.status == 403,
            "the status is {}",
            self.status
        );
        let [heading] = self.headings.as_slice() else {
            anyhow::bail!("the headings are {:?}", self.headings);
        };
        ensure!(
            self.title.starts_with(heading.as_str()),
            "the title is {:?}, the heading {heading:?}",
            self.title
        );
        if self.status == 403 {
            return Ok(());
        }
        ensure!(
            self.current == 1 || path.starts_with("/account"),
            "{} places are marked as this one",
            self.current
        );
        let depth = path
            .split('?')
            .next()
            .unwrap_or(path)
            .trim_matches('/')
            .split('/')
            .count();
        let below = depth > 1 && !path.starts_with("/authenticators/new");
        ensure!(!below || !self.crumbs.is_empty(), "it has no breadcrumb");
        Ok(())
    }
}

/// Everything that links lead to, and what came of it.
async fn follow_everything(stage: &Stage) -> Result<BTreeMap<String, u16>> {
    let starts = [
        "/authenticators",
        "/users",
        "/try",
        "/cluster",
        "/operators",
        "/settings",
        "/account",
        "/help",
    ];
    let mut waiting: VecDeque<String> = starts.map(str::to_owned).into();
    let mut known: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut found = BTreeMap::new();
    while let Some(path) = waiting.pop_front() {
        stage.open(1, &path).await?;
        let seen: Seen = serde_json::from_value(stage.browser.run(LOOK, vec![]).await?)?;
        seen.is_in_order(&path).with_context(|| format!("the page {path}"))?;
        let complaints = stage.browser.complaints().await?;
        ensure!(complaints.is_empty(), "the console complains of {path}: {complaints:?}");
        found.insert(path, seen.status);
        for link in seen.links {
            let link = link.split('#').next().unwrap_or_default().to_owned();
            let is_page = link.starts_with('/') && !NO_PAGES.contains(&&*link) && !link.contains(".csv");
            if is_page && known.insert(link.clone()) {
                waiting.push_back(link);
            }
        }
    }
    Ok(found)
}

async fn everything_opens_for(role: Role, at_least: usize) -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        let server = nobody().await?;
        add_http(&client, "ask-elsewhere", &server.url()).await?;
        create_user(&client, "device 1/ä", "secret").await?;
        let visitor = stage.sign_in(role).await?;
        stage.browser.expect("status of 403");
        let found = follow_everything(stage).await?;
        ensure!(found.len() >= at_least, "only {} pages: {found:?}", found.len());
        for path in NO_PAGES {
            let answer = visitor.get(path).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
        }
        for file in ["plain", "hash"].map(|kind| {
            format!("/authenticators/password_based:built_in_database/users/import/template.csv?kind={kind}")
        }) {
            let answer = visitor.get(&file).await?;
            ensure!(answer.status == 200, "{file}: {}", answer.status);
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_can_follow_every_link() -> Result<()> {
    everything_opens_for(Role::Viewer, 20).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_can_follow_every_link() -> Result<()> {
    everything_opens_for(Role::Editor, 40).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_can_follow_every_link() -> Result<()> {
    everything_opens_for(Role::Admin, 40).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_why_controls_are_disabled_and_is_refused_by_the_node() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        create_user(&stage.operator().await?, "device-1", "secret").await?;
        let viewer = stage.sign_in(Role::Viewer).await?;
        let database = "/authenticators/password_based:built_in_database";
        let user = format!("{database}/users/device-1");
        let settings = format!("{database}/settings");
        for (page, role, control) in [
            ("/authenticators", "link", "Add authenticator"),
            ("/authenticators", "switch", "password_based:built_in_database is asked"),
            (database, "button", "Reset counters"),
            (&*settings, "button", "Review changes"),
            (&*user, "button", "Save"),
            (&*user, "button", "Delete"),
            ("/cluster", "button", "Take a snapshot here"),
            ("/settings", "button", "Save"),
        ] {
            stage.open(1, page).await?;
            let thing = stage.browser.find(role, control).await?;
            let needed = if ["/cluster", "/settings"].contains(&page) {
                "admin"
            } else {
                "editor"
            };
            ensure!(thing.is("disabled"), "{control} of {page} can be used");
            let why = format!("Your role is viewer; this needs {needed}.");
            ensure!(
                thing.description == why,
                "{control} of {page} says {:?}",
                thing.description
            );
        }
        let (enabled, delete, reset) = (
            format!("{database}/enabled"),
            format!("{user}/delete"),
            format!("{database}/reset"),
        );
        for (path, fields) in [
            (&*enabled, &[("enabled", "false"), ("sure", "true")][..]),
            (
                "/authenticators/order",
                &[("chain", "global"), ("was", "a"), ("order", "a")],
            ),
            (&*settings, &[("action", "review")]),
            (&*delete, &[]),
            (&*reset, &[]),
            ("/settings", &[("no_authenticator", "allow")]),
            ("/cluster/snapshot", &[]),
            ("/operators/keys", &[("key_name", "x"), ("key_role", "admin")]),
            (
                "/operators/accounts",
                &[("name", "x"), ("role", "admin"), ("password", "correct horse battery")],
            ),
        ] {
            let answer = viewer.post(path, fields).await?;
            ensure!(
                answer.status == 403 && answer.body.contains("Your role is viewer"),
                "{path}: {answer:?}"
            );
        }
        Ok(())
    })
    .await
}
