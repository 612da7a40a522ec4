//! What the dashboard answers whom, also when its node is alone.

use anyhow::{Result, ensure};
use cluster_tests::browser::{PASSWORD, Visitor, name_of};
use cluster_tests::calls::{create_user, ensure_account};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::proxy::Fault;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;

const DATABASE: &str = "/authenticators/password_based:built_in_database";
/// Whoever is signed in may look at these.
const FOR_ALL: &[&str] = &[
    "/authenticators",
    "/authenticators/password_based:built_in_database",
    "/authenticators/password_based:built_in_database/settings",
    "/authenticators/password_based:built_in_database/users",
    "/authenticators/password_based:built_in_database/users?prefix=a&superuser=no",
    "/authenticators/password_based:built_in_database/users?contains=d",
    "/authenticators/password_based:built_in_database/users/ada",
    "/authenticators/password_based:built_in_database/users/import/template.csv?kind=plain",
    "/try",
    "/cluster",
    "/settings",
    "/account",
    "/help",
    "/help/password_based:postgresql",
    "/ui/palette?q=a",
];
const FOR_EDITORS: &[&str] = &[
    "/authenticators/new",
    "/authenticators/new/password_based",
    "/authenticators/new/password_based/redis",
    "/authenticators/new/jwt/none",
    "/authenticators/password_based:built_in_database/delete",
    "/authenticators/password_based:built_in_database/users/new",
    "/authenticators/password_based:built_in_database/users/import",
];
const FOR_ADMINS: &[&str] = &[
    "/operators",
    "/operators/accounts/ada",
    "/cluster/nodes/2/remove",
    "/cluster/nodes/2/hand-over",
];
/// What changes something, with a form that names nobody.
const CHANGES_OF_EDITORS: &[&str] = &["/authenticators/order", "/enabled", "/reset", "/users/new", "/delete"];

async fn visitors(cluster: &Cluster) -> Result<Vec<(Role, Visitor)>> {
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    let node = format!("http://{}", cluster.node(1)?.http);
    let mut visitors = Vec::new();
    for role in [Role::Viewer, Role::Editor, Role::Admin] {
        ensure_account(&client, name_of(role), role, PASSWORD).await?;
        let visitor = Visitor::at(&node)?.signed_in(name_of(role), PASSWORD).await?;
        visitors.push((role, visitor));
    }
    Ok(visitors)
}

/// Every page answers as the role deserves, and never with a fault of the server.
async fn all_answer(visitors: &[(Role, Visitor)]) -> Result<()> {
    for (role, visitor) in visitors {
        for (least, pages) in [
            (Role::Viewer, FOR_ALL),
            (Role::Editor, FOR_EDITORS),
            (Role::Admin, FOR_ADMINS),
        ] {
            let expected = if *role >= least { 200 } else { 403 };
            for page in pages {
                let answer = visitor.get(page).await?;
                ensure!(
                    answer.status == expected,
                    "{page} answers {} to {role:?}, not {expected}",
                    answer.status
                );
                ensure!(
                    expected == 200 || answer.body.contains("Your role is"),
                    "{page} does not say why not"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_answers_each_role_with_or_without_a_quorum() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let visitors = visitors(&cluster).await?;
    all_answer(&visitors).await?;

    cluster.isolate(1, Fault::Silence);
    let (_, viewer) = &visitors[0];
    wait_for("the node to notice that it is alone", PATIENCE, async || {
        let page = viewer.get("/authenticators").await?;
        Ok(page.body.contains("has lost the cluster").then_some(()))
    })
    .await?;
    all_answer(&visitors).await?;
    let (_, admin) = &visitors[2];
    for page in ["/authenticators", "/settings", "/operators", "/cluster"] {
        let body = admin.get(page).await?.body;
        ensure!(
            body.contains("title=\"This node has lost the cluster: nothing can be changed here.\""),
            "{page} offers what cannot be done"
        );
    }
    cluster.heal();
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_viewer_may_not_do_is_refused_whatever_the_page_shows() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let visitors = visitors(&cluster).await?;
    let (_, viewer) = &visitors[0];
    for path in CHANGES_OF_EDITORS {
        let path = if path.starts_with("/authenticators") {
            (*path).to_owned()
        } else {
            format!("{DATABASE}{path}")
        };
        let fields = [
            ("enabled", "false"),
            ("chain", "global"),
            ("was", "a"),
            ("move", "up a"),
        ];
        let answer = viewer.post(&path, &fields).await?;
        ensure!(answer.status == 403, "{path}: {}", answer.status);
    }
    for path in ["/settings", "/operators/keys", "/cluster/snapshot"] {
        let answer = visitors[1].1.post(path, &[]).await?;
        ensure!(answer.status == 403, "{path}: {}", answer.status);
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_signed_in_sees_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let stranger = Visitor::at(format!("http://{}", cluster.node(1)?.http))?;
    for page in FOR_ALL.iter().chain(FOR_EDITORS).chain(FOR_ADMINS) {
        let answer = stranger.get(page).await?;
        ensure!(
            answer.status == 303 && answer.location.starts_with("/login?next=") && answer.body.is_empty(),
            "{page} answers {} to a stranger",
            answer.status
        );
    }
    let stream = stranger.listen("cluster").await?;
    ensure!(stream.status() == 401, "the stream answers {}", stream.status());
    cluster.passed()
}
