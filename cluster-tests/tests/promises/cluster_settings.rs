//! The cluster's settings are one object that every node keeps to.

use anyhow::Result;
use cluster_tests::calls::{credentials, faulty_fields, message, reason_of};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::{Value, json};
use tonic::{Code, Status};

async fn set(client: &Client, request: Value) -> Result<v1::ClusterSettings, Status> {
    let request: v1::UpdateSettingsRequest = message(request).map_err(|why| Status::internal(why.to_string()))?;
    Ok(client.nodes().update_settings(request).await?.into_inner())
}

async fn get(client: &Client) -> Result<v1::ClusterSettings, Status> {
    Ok(client
        .nodes()
        .get_settings(v1::GetSettingsRequest {})
        .await?
        .into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_is_not_given_stays_as_it_is() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let [one, two, three] = [
        cluster.client(1).await?,
        cluster.client(2).await?,
        cluster.client(3).await?,
    ];
    set(&one, json!({ "settings": { "detailedReasons": true } })).await?;
    let both = set(&two, json!({ "settings": { "maxStaleness": "90s" } })).await?;
    assert_eq!(
        (both.detailed_reasons, both.no_authenticator().as_str_name()),
        (Some(true), "ALLOW")
    );
    let last = set(
        &three,
        json!({ "settings": { "noAuthenticator": "DENY", "detailedReasons": false } }),
    )
    .await?;
    assert_eq!(last.detailed_reasons, Some(false));
    assert_eq!(last.max_staleness.map(|bound| bound.seconds), Some(90));
    for client in [&one, &two, &three] {
        assert_eq!(get(client).await?, last);
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_holds_on_every_node() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    set(
        &cluster.client(1).await?,
        json!({ "settings": { "detailedReasons": true } }),
    )
    .await?;
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        wait_for(&format!("node {id} to tell the exact reason"), PATIENCE, async || {
            let answer = client
                .login()
                .authenticate(credentials("nobody", "x"))
                .await?
                .into_inner();
            Ok((answer.reason() == v1::Reason::UnknownUser).then_some(()))
        })
        .await?;
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_settings_that_cannot_be_made_says_why_and_changes_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(cluster.follower().await?).await?;
    let before = set(&client, json!({ "settings": { "maxStaleness": "90s" } })).await?;
    for (request, fields) in [
        (json!({ "settings": {} }), &["update_mask"][..]),
        (
            json!({ "settings": { "maxStaleness": "0s" }, "updateMask": ["max_staleness", "no_authenticator"] }),
            &["max_staleness", "no_authenticator"],
        ),
        (
            json!({ "settings": {}, "updateMask": ["max_stalenes", "detailed_reasons"] }),
            &["detailed_reasons", "update_mask"],
        ),
        (json!({}), &["settings"]),
    ] {
        let status = set(&client, request.clone()).await.expect_err("it was taken");
        assert_eq!(status.code(), Code::InvalidArgument, "{request}");
        assert_eq!(faulty_fields(&status), fields, "{request}");
    }
    let stale = json!({
        "settings": { "detailedReasons": true },
        "ifRevision": (before.revision + 1).to_string(),
    });
    let status = set(&client, stale).await.expect_err("the revision is another one");
    assert_eq!(
        (status.code(), &*reason_of(&status)),
        (Code::Aborted, "REVISION_MISMATCH")
    );
    assert_eq!(get(&client).await?, before);
    let right = json!({
        "settings": { "detailedReasons": true },
        "ifRevision": before.revision.to_string(),
    });
    assert!(set(&client, right).await?.revision > before.revision);
    cluster.passed()
}
