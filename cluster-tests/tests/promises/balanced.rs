//! The dashboard behind a load balancer that sends each request to another node: what one node keeps is had from every node.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cluster_tests::browser::{Answer, PASSWORD, Visitor};
use cluster_tests::calls::{create_user, ensure_account, get_user, is_allowed};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;

const USERS: &str = "/authenticators/password_based:built_in_database/users";

/// Somebody whose every request goes to the next node.
struct Balanced<'a> {
    cluster: &'a Cluster,
    visitor: Visitor,
    requests: AtomicUsize,
}

impl<'a> Balanced<'a> {
    async fn editor(cluster: &'a Cluster, name: &str) -> Result<Self> {
        ensure_account(&cluster.client(1).await?, name, Role::Editor, PASSWORD).await?;
        let visitor = Visitor::at(format!("http://{}", cluster.node(1)?.http))?;
        Ok(Self {
            cluster,
            visitor: visitor.signed_in(name, PASSWORD).await?,
            requests: AtomicUsize::new(0),
        })
    }

    /// At the node whose turn it is.
    fn turn(&self) -> Result<Visitor> {
        let nodes = self.cluster.running();
        let at = self.requests.fetch_add(1, Ordering::Relaxed) % nodes.len();
        let node = self.cluster.node(*nodes.get(at).context("no node runs")?)?;
        Ok(self.visitor.moved(format!("http://{}", node.http)))
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        self.turn()?.get(path).await
    }

    /// Sends a form that leads on to another page.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let answer = self.turn()?.post(path, fields).await?;
        ensure!(answer.status == 303, "{path}: {} {}", answer.status, answer.body);
        Ok(answer)
    }

    /// A page once it says this, at as many nodes as there are.
    async fn shows(&self, path: &str, what: &str) -> Result<()> {
        for _ in self.cluster.running() {
            wait_for(what, PATIENCE, async || {
                let page = self.turn()?.get(path).await?;
                ensure!(page.status == 200, "{path}: {} {}", page.status, page.body);
                let main = page.body.split_once("<main").map_or("", |(_, main)| main);
                ensure!(page.body.contains(what), "the page is {main}");
                Ok(Some(()))
            })
            .await?;
        }
        Ok(())
    }
}

/// A token of that secret.
fn signed(secret: &str) -> String {
    let text = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let what = format!(
        "{}.{}",
        text("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
        text("{\"sub\":\"ada\"}")
    );
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret.as_bytes()), what.as_bytes());
    format!("{what}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_made_reviewed_and_applied_with_their_secret() -> Result<()> {
    const FIRST: &str = "the first of two secrets, of 32 bytes";
    const SECOND: &str = "the second of two secrets, of 32 bytes";
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let editor = Balanced::editor(&cluster, "edgar").await?;
    let page = "/authenticators/new/jwt/none";
    let form = [("id", "tokens"), ("settings.algorithm", "hmac-based")];
    let test = [&form[..], &[("settings.secret", FIRST), ("action", "test")]].concat();
    let tested = editor.turn()?.post(page, &test).await?;
    ensure!(tested.status == 200, "{tested:?}");
    let draft = tested.hidden("draft")?;
    editor
        .post(page, &[&form[..], &[("draft", &draft), ("action", "create")]].concat())
        .await?;
    cluster.agree().await?;
    ensure!(
        is_allowed(&cluster.client(2).await?, "ada", &signed(FIRST)).await?,
        "the secret that was tested is not the one that was stored"
    );

    let page = "/authenticators/tokens/settings";
    let base = editor.get(page).await?.hidden("base")?;
    let change = [
        &form[..],
        &[("settings.secret", SECOND), ("base", &base), ("action", "review")],
    ]
    .concat();
    let review = editor.post(page, &change).await?.location;
    let draft = review.split_once("draft=").context("no draft")?.1.to_owned();
    for _ in 0..3 {
        let shown = editor.get(&review).await?;
        ensure!(
            shown.status == 200 && shown.body.contains("(another secret)") && !shown.body.contains(SECOND),
            "{shown:?}"
        );
    }
    let somebody = Balanced::editor(&cluster, "edith").await?;
    for _ in 0..3 {
        let other = somebody.get(&review).await?;
        ensure!(other.location == page, "somebody else's draft is shown: {other:?}");
    }
    let applied = editor.post(&format!("{page}/apply"), &[("draft", &draft)]).await?;
    ensure!(applied.location == "/authenticators/tokens", "{applied:?}");
    cluster.agree().await?;
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        ensure!(
            is_allowed(&client, "ada", &signed(SECOND)).await?,
            "node {id} knows another secret"
        );
        ensure!(
            !is_allowed(&client, "ada", &signed(FIRST)).await?,
            "node {id} knows the secret before"
        );
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_brought_back() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ann", "secret").await?;
    let editor = Balanced::editor(&cluster, "edgar").await?;
    // From every node to every other.
    for _ in 0..2 {
        let deleted = editor.post(&format!("{USERS}/ann/delete"), &[]).await?;
        ensure!(!is_allowed(&client, "ann", "secret").await?, "who is deleted is let in");
        let visitor = editor.turn()?;
        let list = visitor
            .with(&format!("{}; {}", visitor.session(), deleted.said))
            .get(&deleted.location)
            .await?;
        editor
            .post(&format!("{USERS}/restore"), &[("kept", &list.hidden("kept")?)])
            .await?;
        cluster.agree().await?;
        ensure!(is_allowed(&client, "ann", "secret").await?, "the password is lost");
    }
    cluster.passed()
}

/// Sends a file in and returns the address of its import.
async fn bring(visitor: &Visitor, rows: &str, wishes: &[(&str, &str)]) -> Result<String> {
    let file = format!("user_id,password,is_superuser\n{rows}");
    let fields = [&[("passwords", "plain"), ("on_conflict", "replace")], wishes].concat();
    let sent = visitor
        .upload(&format!("{USERS}/import"), &fields, ("users.csv", &file))
        .await?;
    ensure!(sent.status == 303, "{sent:?}");
    Ok(sent.location)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_imported_and_never_taken_for_one_another() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    let editor = Balanced::editor(&cluster, "edgar").await?;
    let mut imports = Vec::new();
    for id in cluster.ids() {
        let visitor = editor.visitor.moved(format!("http://{}", cluster.node(id)?.http));
        let rows = format!("user-{id},secret,false\n,bad,false\n");
        imports.push((id, bring(&visitor, &rows, &[]).await?));
    }
    for (id, import) in &imports {
        editor.shows(import, "1 row can be stored, 1 cannot.").await?;
        editor.shows(import, "Import 1 user").await?;
        ensure!(
            get_user(&client, &format!("user-{id}")).await.is_err(),
            "something is stored"
        );
        editor.post(&format!("{import}/run"), &[]).await?;
        editor.shows(import, "The import is done. 1 row was rejected.").await?;
        ensure!(
            is_allowed(&client, &format!("user-{id}"), "secret").await?,
            "the file of node {id} was not stored"
        );
        for _ in cluster.ids() {
            let rejected = editor.get(&format!("{import}/rejected.csv")).await?;
            ensure!(
                rejected.status == 200 && rejected.body.lines().count() == 2,
                "{rejected:?}"
            );
        }
    }

    // All or nothing: what would store nothing is not offered.
    let import = bring(
        &editor.turn()?,
        "zoe,secret,false\n,bad,false\n",
        &[("all_or_nothing", "on")],
    )
    .await?;
    editor
        .shows(&import, "All or nothing was asked for, so nothing is stored.")
        .await?;
    ensure!(
        !editor.get(&import).await?.body.contains("Import 1 user"),
        "it is offered"
    );
    editor.post(&format!("{import}/run"), &[]).await?;
    ensure!(get_user(&client, "zoe").await.is_err(), "something is stored");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_kept_is_missed_in_words_while_it_is_away_and_after_it_has_come_back() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let keeper = cluster.follower().await?;
    let editor = Balanced::editor(&cluster, "edgar").await?;
    let visitor = editor.visitor.moved(format!("http://{}", cluster.node(keeper)?.http));
    let import = bring(&visitor, "ann,secret,false\n", &[]).await?;
    editor.shows(&import, "1 row can be stored").await?;
    let visitor = editor.visitor.clone();
    cluster.node_mut(keeper)?.kill().await?;
    let other = *cluster.running().first().context("no node runs")?;
    let visitor = visitor.moved(format!("http://{}", cluster.node(other)?.http));
    let away = visitor.get(&import).await?;
    let said = format!("Node {keeper}, which keeps this import, does not answer.");
    ensure!(away.status == 409 && away.body.contains(&said), "{away:?}");
    cluster.node_mut(keeper)?.start()?;
    wait_for("the node to be back", PATIENCE, async || {
        let back = visitor.get(&import).await?;
        Ok((back.status == 410 && back.body.contains("does not know the import any more")).then_some(()))
    })
    .await?;
    cluster.passed()
}
