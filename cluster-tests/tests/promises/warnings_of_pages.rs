//! What the dashboard says before something is done that cannot be undone or that lets everybody in, and to whom it is barred.

use anyhow::{Context as _, Result, ensure};
use cluster_tests::browser::{PASSWORD, Visitor, name_of};
use cluster_tests::calls::{BUILT_IN, create_operator, ensure_account, import, set_enabled, set_no_authenticator};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::Role;
use portcullis::wire::pb::v1::import_users_header::{Format, PasswordType};

use crate::scram::{SCRAM, start};

/// Somebody of that role at that node.
async fn visitor(cluster: &Cluster, node: u64, role: Role) -> Result<Visitor> {
    ensure_account(&cluster.client(node).await?, name_of(role), role, PASSWORD).await?;
    let base = format!("http://{}", cluster.node(node)?.http);
    Visitor::at(base)?.signed_in(name_of(role), PASSWORD).await
}

/// The page, which must open and say that.
async fn says(visitor: &Visitor, page: &str, words: &[&str]) -> Result<String> {
    let answer = visitor.get(page).await?;
    ensure!(answer.status == 200, "{page}: {}", answer.status);
    for word in words {
        ensure!(
            answer.body.contains(word),
            "{page} does not say `{word}`: {}",
            answer.body
        );
    }
    Ok(answer.body)
}

async fn does_not_say(visitor: &Visitor, page: &str, words: &str) -> Result<()> {
    let body = says(visitor, page, &[]).await?;
    ensure!(!body.contains(words), "{page} says `{words}`");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_would_be_asked_the_pages_say_what_becomes_of_everybody() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let admin = visitor(&cluster, 1, Role::Admin).await?;
    let page = |name: &str| format!("/authenticators/{BUILT_IN}/{name}");
    for (answer, follows, banner) in [
        ("ALLOW", "let in", "Every client is let in. "),
        (
            "DENY",
            "denied",
            "Every client of chain <code>global</code> is denied. ",
        ),
    ] {
        set_no_authenticator(&client, answer).await?;
        set_enabled(&client, BUILT_IN, true).await?;
        says(&admin, "/authenticators", &["nobody knew the client → Denied"]).await?;
        does_not_say(&admin, "/help", banner).await?;
        let goes = format!("Then every client of chain global is {follows}.");
        says(&admin, &page("delete"), &[&goes]).await?;
        let asked = admin.post(&page("enabled"), &[("enabled", "false")]).await?;
        ensure!(
            asked.status == 200 && asked.body.contains(&format!("Every client will be {follows}. ")),
            "{asked:?}"
        );
        says(&admin, "/authenticators", &["nobody knew the client → Denied"]).await?;

        let sure = [("enabled", "false"), ("sure", "true")];
        ensure!(admin.post(&page("enabled"), &sure).await?.status == 303, "not done");
        let end = format!("nobody is asked → every client is {follows}");
        says(&admin, "/authenticators", &[&end, banner]).await?;
        says(&admin, "/help", &[banner]).await?;
        does_not_say(&admin, &page("delete"), &goes).await?;
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_removal_would_stop_the_cluster_is_not_removed() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let leader = cluster.leader().await?;
    let others = cluster.others(leader);
    let [alive, dead] = others.as_slice() else {
        anyhow::bail!("there are {others:?}");
    };
    let admin = visitor(&cluster, leader, Role::Admin).await?;
    let page = |id: &u64| format!("/cluster/nodes/{id}/remove");
    cluster.agree().await?;
    wait_for("all nodes to be heard", PATIENCE, async || {
        let both = "2 nodes can vote, 2 of which can be heard now";
        says(&admin, &page(alive), &[both]).await.map(Some)
    })
    .await?;
    cluster.node_mut(*dead)?.kill().await?;
    let why = format!("n{alive} cannot be removed now: of the 2 voters that are left, 1 can be heard");
    wait_for("the page to say what would be lost", PATIENCE, async || {
        says(&admin, &page(alive), &[&why]).await.map(Some)
    })
    .await?;
    let refused = admin.post(&page(alive), &[("password", PASSWORD)]).await?;
    ensure!(refused.status == 422 && refused.body.contains(&why), "{refused:?}");

    says(&admin, &page(dead), &["2 nodes can vote, 2 of which can be heard now"]).await?;
    let unsure = admin.post(&page(dead), &[("password", "not mine")]).await?;
    ensure!(unsure.status == 422, "{unsure:?}");
    let removed = admin.post(&page(dead), &[("password", PASSWORD)]).await?;
    ensure!(removed.status == 303, "{removed:?}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_is_handed_over_by_the_node_that_was_meant_and_after_the_password() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let leader = cluster.leader().await?;
    let admin = visitor(&cluster, leader, Role::Admin).await?;
    let page = format!("/cluster/nodes/{leader}/hand-over");
    says(&admin, "/cluster", &[&format!("href=\"{page}\"")]).await?;
    says(&admin, &page, &["Your password"]).await?;
    let unsure = admin.post(&page, &[]).await?;
    ensure!(unsure.status == 422, "{unsure:?}");
    ensure!(cluster.leader().await? == leader, "handed over without a password");
    let done = admin.post(&page, &[("password", PASSWORD)]).await?;
    ensure!(done.status == 303, "{done:?}");
    let next = wait_for("another leader", PATIENCE, async || {
        let now = cluster.leader().await?;
        Ok((now != leader).then_some(now))
    })
    .await?;
    // The page of before, sent again, deposes nobody.
    let late = admin.post(&page, &[]).await?;
    ensure!(late.status == 409 && late.body.contains("does not lead"), "{late:?}");
    ensure!(cluster.leader().await? == next, "n{next} was deposed");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_keys_go_only_after_a_question_and_the_password() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let admin = visitor(&cluster, 1, Role::Admin).await?;
    let viewer = visitor(&cluster, 1, Role::Viewer).await?;
    let made = create_operator(&client, "billing", Role::Viewer).await?;
    let key = made.operator.context("no operator")?.id;
    let name = name_of(Role::Viewer);
    let pages = [
        (
            format!("/operators/accounts/{name}/delete"),
            "<strong>1 open session</strong> of it ends",
        ),
        (format!("/operators/keys/{key}/delete"), "opens nothing any more"),
    ];
    for (page, loss) in &pages {
        says(&admin, "/operators", &[&format!("href=\"{page}\"")]).await?;
        says(&admin, page, &["Your password", loss]).await?;
        ensure!(viewer.get(page).await?.status == 403, "{page} opens for a viewer");
        ensure!(viewer.post(page, &[]).await?.status == 403, "{page} obeys a viewer");
        let unsure = admin.post(page, &[]).await?;
        ensure!(unsure.status == 422, "{page}: {unsure:?}");
    }
    let stay = admin.get("/operators").await?.body;
    ensure!(stay.contains("billing") && stay.contains(name), "something went");
    for (page, _) in &pages {
        let done = admin.post(page, &[("password", PASSWORD)]).await?;
        ensure!(done.status == 303, "{page}: {done:?}");
        ensure!(admin.get(page).await?.status == 404, "{page} is still there");
    }
    ensure!(
        viewer.get("/help").await?.status == 303,
        "who was deleted is still signed in"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_role_may_not_do_is_shown_with_the_reason_and_leads_nowhere() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let viewer = visitor(&cluster, 1, Role::Viewer).await?;
    let admin = visitor(&cluster, 1, Role::Admin).await?;
    let barred = |label: &str, needed: &str| {
        format!("role=\"link\" aria-disabled=\"true\" title=\"Your role is viewer; this needs {needed}.\">{label}</a>")
    };
    let settings = format!("/authenticators/{BUILT_IN}/settings");
    says(
        &viewer,
        &settings,
        &[&barred("Delete…", "editor"), &barred("Operators", "admin")],
    )
    .await?;
    does_not_say(&viewer, "/cluster", "href=\"/operators\"").await?;
    says(&viewer, "/cluster", &[&barred("Remove n1…", "admin")]).await?;
    says(
        &admin,
        "/cluster",
        &["title=\"There is no other node.\">Remove n1…</a>"],
    )
    .await?;
    let found = says(
        &viewer,
        "/ui/palette?q=add",
        &["Your role is viewer; this needs editor."],
    )
    .await?;
    ensure!(!found.contains("data-to"), "{found}");
    says(&admin, "/ui/palette?q=add", &["data-to=\"/authenticators/new\""]).await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scram_database_takes_both_templates_that_its_page_offers() -> Result<()> {
    let (cluster, mut clients) = start(Options::new(node_binary!(), 1)).await?;
    let client = clients.pop().context("no node")?;
    let viewer = visitor(&cluster, 1, Role::Viewer).await?;
    for (kind, passwords) in [("plain", PasswordType::Plain), ("hash", PasswordType::Hash)] {
        let page = format!("/authenticators/{SCRAM}/users/import/template.csv?kind={kind}");
        let file = says(&viewer, &page, &["user-2"]).await?;
        let mut header = v1::ImportUsersHeader {
            authenticator: SCRAM.into(),
            ..v1::ImportUsersHeader::default()
        };
        header.set_format(Format::Csv);
        header.set_password_type(passwords);
        let done = import(&client, header, file.into()).await?;
        ensure!((done.total, done.failed) == (2, 0), "{kind}: {done:?}");
    }
    cluster.passed()
}
