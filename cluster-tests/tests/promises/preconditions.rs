//! An authenticator is asked only about the clients that its precondition names.

use anyhow::{Context as _, Result};
use cluster_tests::calls::{create_user, credentials, login, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::Verdict;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const BUILT_IN: &str = cluster_tests::calls::BUILT_IN;

/// Declares one more built-in database behind the others.
async fn create(client: &Client, id: &str, precondition: &str, on_failure: &str) -> Result<Result<(), Status>> {
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {
            "id": id,
            "mechanism": "password_based",
            "backend": "built_in_database",
            "enabled": true,
            "settings": { "password_hash_algorithm": { "name": "sha256" } },
            "precondition": precondition,
            "onFailure": on_failure,
        },
    }))?;
    Ok(client.authenticators().create(request).await.map(|_| ()))
}

async fn set_precondition(client: &Client, id: &str, precondition: &str) -> Result<Result<(), Status>> {
    let request: v1::UpdateAuthenticatorRequest = message(json!({
        "authenticator": { "id": id, "precondition": precondition },
        "updateMask": { "paths": ["precondition"] },
    }))?;
    Ok(client.authenticators().update(request).await.map(|_| ()))
}

async fn explain(client: &Client, request: v1::AuthenticateRequest) -> Result<Vec<(String, Verdict, v1::Reason)>> {
    let answer = client.login().explain(request).await?.into_inner();
    let shown = |step: v1::Step| (step.authenticator.clone(), step.verdict(), step.reason());
    Ok(answer.steps.into_iter().map(shown).collect())
}

fn through(listener: &str, request: v1::AuthenticateRequest) -> v1::AuthenticateRequest {
    v1::AuthenticateRequest {
        listener: listener.into(),
        ..request
    }
}

/// Total, failed and not matched, over all nodes.
async fn counted(client: &Client, id: &str) -> Result<(u64, u64, u64)> {
    let request = v1::GetAuthenticatorStatusRequest {
        chain: String::new(),
        id: id.into(),
    };
    let status = client.authenticators().get_status(request).await?.into_inner();
    let total = status.total.context("no figures")?;
    Ok((total.total, total.failed, total.nomatch))
}

/// Nodes tell each other what they count every second.
async fn counts(client: &Client, id: &str, expected: (u64, u64, u64)) -> Result<()> {
    let what = format!("`{id}` to have counted {expected:?}");
    wait_for(&what, PATIENCE, async || {
        Ok((counted(client, id).await? == expected).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_asks_by_listener_and_name() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    set_precondition(&client, BUILT_IN, "str_eq(listener,'tcp:default')").await??;
    create(
        &client,
        "devices",
        "username.startsWith('dev-') && !has(client_attrs.tns)",
        "DENY",
    )
    .await??;
    cluster.agree().await?;

    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        let ada = credentials("ada", "lovelace");
        assert_eq!(
            explain(&client, through("tcp:default", ada.clone())).await?,
            [
                (BUILT_IN.into(), Verdict::Allowed, v1::Reason::Unspecified),
                ("devices".into(), Verdict::NotReached, v1::Reason::Unspecified),
            ],
            "node {id}"
        );
        assert_eq!(
            explain(&client, through("ssl:default", ada)).await?,
            [
                (BUILT_IN.into(), Verdict::Skipped, v1::Reason::PreconditionFalse),
                ("devices".into(), Verdict::Skipped, v1::Reason::PreconditionFalse),
            ],
            "node {id}"
        );
        let device = through("ssl:default", credentials("dev-1", "x"));
        assert_eq!(
            explain(&client, device.clone()).await?.get(1),
            Some(&("devices".into(), Verdict::NotFound, v1::Reason::UnknownUser)),
            "node {id}"
        );
        client.login().authenticate(device).await?;
    }
    // Who was skipped was not asked; each node counts its own login, and Explain counts none.
    counts(&client, BUILT_IN, (0, 0, 0)).await?;
    counts(&client, "devices", (3, 0, 3)).await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_precondition_without_a_value_is_a_counted_failure_and_never_lets_in() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    set_precondition(&client, BUILT_IN, "username == 'nobody'").await??;
    let refers_to_what_is_missing = "client_attrs.tns == 'acme'";
    create(&client, "lenient", refers_to_what_is_missing, "NEXT").await??;
    create(&client, "strict", refers_to_what_is_missing, "DENY").await??;
    create(&client, "last", "", "DENY").await??;

    let answer = login(&client, "ada", "lovelace").await?;
    assert_eq!(answer.decision(), v1::Decision::Deny);
    assert_eq!(answer.authenticator, "strict");
    assert_eq!(
        explain(&client, credentials("ada", "lovelace")).await?,
        [
            (BUILT_IN.into(), Verdict::Skipped, v1::Reason::PreconditionFalse),
            ("lenient".into(), Verdict::Failed, v1::Reason::PreconditionError),
            ("strict".into(), Verdict::Failed, v1::Reason::PreconditionError),
            ("last".into(), Verdict::NotReached, v1::Reason::Unspecified),
        ]
    );
    counts(&client, BUILT_IN, (0, 0, 0)).await?;
    counts(&client, "lenient", (1, 0, 0)).await?;
    counts(&client, "strict", (1, 0, 0)).await?;
    counts(&client, "last", (0, 0, 0)).await?;

    let mut acme = credentials("ada", "lovelace");
    acme.client_attrs.insert("tns".into(), "acme".into());
    let asked = explain(&client, acme).await?;
    assert_eq!(asked.get(1).map(|step| step.1), Some(Verdict::NotFound), "{asked:?}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_precondition_that_cannot_work_is_refused_with_its_field_and_place() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    for (text, place) in [
        ("usrname == 'a'", "line 1, column 1: "),
        ("true &&\n  str_eq(password, 'x')", "line 2, column 10: "),
        ("username == ", "line 1, column 13: "),
        ("getenv('HOME') == ''", "`getenv` is not available"),
    ] {
        let refused = create(&client, "conditional", text, "DENY").await?.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{text}");
        let details = refused.get_error_details();
        let violations = &details.bad_request().context("no field violations")?.field_violations;
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!(violations[0].field, "precondition");
        assert!(violations[0].description.contains(place), "{violations:?}");
    }
    // What runs goes on as it was.
    let refused = set_precondition(&client, BUILT_IN, "(").await?.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    create_user(&client, "ada", "lovelace").await?;
    assert_eq!(login(&client, "ada", "lovelace").await?.decision(), v1::Decision::Allow);
    cluster.passed()
}
