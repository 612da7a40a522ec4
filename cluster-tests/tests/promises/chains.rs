//! Who is asked about a login, and what comes of it: the chain's semantics over real gRPC.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use cluster_tests::calls::{
    BUILT_IN, create_user, create_user_of, credentials, declare, explain, fares, is_allowed, login, message,
    set_enabled, set_no_authenticator,
};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::other_version::propose;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::auth::{AuthenticatorKey, OnFailure};
use portcullis::store::Command;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status as Fares;
use portcullis::wire::pb::v1::{Decision, Reason, Verdict};
use serde_json::json;

const ALLOWED: (Verdict, Reason) = (Verdict::Allowed, Reason::Unspecified);
const NOT_REACHED: (Verdict, Reason) = (Verdict::NotReached, Reason::Unspecified);
const UNKNOWN: (Verdict, Reason) = (Verdict::NotFound, Reason::UnknownUser);
const DISABLED: (Verdict, Reason) = (Verdict::Skipped, Reason::Disabled);

/// What the client is told: the decision, the reason, and who decided.
fn told(answer: &v1::AuthenticateResponse) -> (Decision, Reason, &str) {
    (answer.decision(), answer.reason(), &answer.authenticator)
}

/// What each authenticator did, in the order of the chain.
fn trace(explained: &v1::ExplainResponse) -> Vec<(Verdict, Reason)> {
    let steps = explained.steps.iter();
    steps.map(|step| (step.verdict(), step.reason())).collect()
}

async fn ask(client: &Client, request: v1::AuthenticateRequest) -> Result<v1::AuthenticateResponse> {
    Ok(client.login().authenticate(request).await?.into_inner())
}

/// Total, success, failed, nomatch.
async fn counted(client: &Client, id: &str) -> Result<(u64, u64, u64, u64)> {
    let total = fares(client, id).await?.total.context("no figures")?;
    Ok((total.total, total.success, total.failed, total.nomatch))
}

/// Nodes tell each other what they count every second.
async fn counts(client: &Client, id: &str, expected: (u64, u64, u64, u64)) -> Result<()> {
    let what = format!("`{id}` to have counted {expected:?}");
    wait_for(&what, PATIENCE, async || {
        Ok((counted(client, id).await? == expected).then_some(()))
    })
    .await
}

fn through(listener: &str, request: v1::AuthenticateRequest) -> v1::AuthenticateRequest {
    v1::AuthenticateRequest {
        listener: listener.into(),
        ..request
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_user_is_asked_for_at_the_next_one_and_a_wrong_password_is_final() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    declare(&client, json!({ "id": "second" })).await?;
    declare(&client, json!({ "id": "off", "enabled": false })).await?;
    create_user(&client, "ada", "lovelace").await?;
    create_user_of(&client, "global", "second", "ada", "byron").await?;
    create_user_of(&client, "global", "second", "grace", "hopper").await?;

    let grace = login(&client, "grace", "hopper").await?;
    assert_eq!(told(&grace), (Decision::Allow, Reason::Unspecified, "second"));
    let ada = login(&client, "ada", "byron").await?;
    assert_eq!(told(&ada), (Decision::Deny, Reason::BadUsernameOrPassword, ""));
    let nobody = login(&client, "nobody", "x").await?;
    assert_eq!(told(&nobody), (Decision::Deny, Reason::BadUsernameOrPassword, ""));

    let grace = explain(&client, credentials("grace", "hopper")).await?;
    assert_eq!(trace(&grace), [UNKNOWN, ALLOWED, NOT_REACHED]);
    let ada = explain(&client, credentials("ada", "byron")).await?;
    let denied = (Verdict::Denied, Reason::BadUsernameOrPassword);
    assert_eq!(trace(&ada), [denied, NOT_REACHED, NOT_REACHED]);
    assert_eq!(
        ada.decision.as_ref().map(|decision| &*decision.authenticator),
        Some(BUILT_IN)
    );
    let nobody = explain(&client, credentials("nobody", "x")).await?;
    assert_eq!(trace(&nobody), [UNKNOWN, UNKNOWN, DISABLED]);
    assert_eq!(
        nobody.decision.map(|decision| decision.reason()),
        Some(Reason::UnknownUser)
    );

    // Three logins; what was only explained is not counted.
    counts(&client, BUILT_IN, (3, 0, 1, 2)).await?;
    counts(&client, "second", (2, 1, 0, 1)).await?;
    counts(&client, "off", (0, 0, 0, 0)).await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticator_is_skipped_without_what_it_needs() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let by_client_id = json!({ "id": "devices", "settings": { "user_id_type": "clientid" } });
    declare(&client, by_client_id).await?;
    create_user(&client, "ada", "lovelace").await?;
    let ada = || credentials("ada", "lovelace");
    let skipped = |reason| (Verdict::Skipped, reason);

    let without_password = v1::AuthenticateRequest {
        password: None,
        ..ada()
    };
    let with_method = v1::AuthenticateRequest {
        auth_method: "SCRAM-SHA-256".into(),
        ..ada()
    };
    for (request, reason) in [
        (without_password, Reason::MissingCredential),
        (with_method, Reason::MethodMismatch),
    ] {
        let explained = explain(&client, request.clone()).await?;
        assert_eq!(trace(&explained), [skipped(reason), skipped(reason)]);
        let answer = ask(&client, request).await?;
        assert_eq!(told(&answer), (Decision::Deny, Reason::NotAuthorized, ""));
    }

    let without_client_id = v1::AuthenticateRequest {
        username: "nobody".into(),
        client_id: String::new(),
        ..ada()
    };
    let explained = explain(&client, without_client_id).await?;
    assert_eq!(trace(&explained), [UNKNOWN, skipped(Reason::MissingCredential)]);
    // What was skipped was not asked, and is not counted.
    counts(&client, BUILT_IN, (0, 0, 0, 0)).await?;

    // An empty password is one.
    let empty = v1::AuthenticateRequest {
        password: Some(Bytes::new()),
        ..ada()
    };
    let answer = ask(&client, empty).await?;
    assert_eq!(told(&answer), (Decision::Deny, Reason::BadUsernameOrPassword, ""));
    counts(&client, BUILT_IN, (1, 0, 1, 0)).await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_without_an_enabled_authenticator_answers_as_the_cluster_is_set_and_warns() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    let anybody = || credentials("anybody", "x");
    let open = (Decision::Allow, Reason::Unspecified, "");
    let closed = (Decision::Deny, Reason::NoAuthenticator, "");
    let is_loud = |warnings: &[String]| warnings.iter().any(|warning| warning.contains("EVERYBODY IS LET IN"));

    let off = set_enabled(&client, BUILT_IN, false).await?;
    assert!(is_loud(&off.warnings), "{:?}", off.warnings);
    assert!(
        cluster
            .node(1)?
            .log()
            .contains("EVERYBODY IS LET IN through chain `global`")
    );
    let answer = ask(&client, anybody()).await?;
    assert_eq!(told(&answer), open);
    assert!(!answer.is_superuser);
    assert_eq!(trace(&explain(&client, anybody()).await?), [DISABLED]);

    let settings = set_no_authenticator(&client, "DENY").await?;
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(told(&ask(&client, anybody()).await?), closed);
    let right = login(&client, "ada", "lovelace").await?;
    assert_eq!(told(&right), closed, "a disabled authenticator knows nobody");
    let on = set_enabled(&client, BUILT_IN, true).await?;
    assert!(!is_loud(&on.warnings), "{:?}", on.warnings);
    assert!(is_allowed(&client, "ada", "lovelace").await?);

    let settings = set_no_authenticator(&client, "ALLOW").await?;
    assert_eq!(settings.warnings, Vec::<String>::new(), "one is enabled");
    let deleted = client
        .authenticators()
        .delete(v1::DeleteAuthenticatorRequest {
            id: BUILT_IN.into(),
            ..v1::DeleteAuthenticatorRequest::default()
        })
        .await?
        .into_inner();
    assert!(is_loud(&deleted.warnings), "{:?}", deleted.warnings);
    assert_eq!(told(&ask(&client, anybody()).await?), open);
    let settings = client
        .nodes()
        .get_settings(v1::GetSettingsRequest {})
        .await?
        .into_inner();
    assert!(is_loud(&settings.warnings), "{:?}", settings.warnings);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_with_a_chain_of_its_own_never_falls_back() -> Result<()> {
    const OWN: &str = "tcp:own";
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    let own = declare(&client, json!({ "chain": OWN })).await?;
    assert_eq!((&*own.chain, &*own.id), (OWN, BUILT_IN));
    create_user_of(&client, OWN, BUILT_IN, "grace", "hopper").await?;
    let (ada, grace) = (credentials("ada", "lovelace"), credentials("grace", "hopper"));
    let wrong = credentials("ada", "wrong");
    let answers = async |listener: &str, request: &v1::AuthenticateRequest| {
        Ok::<_, anyhow::Error>(ask(&client, through(listener, request.clone())).await?.decision())
    };

    assert_eq!(answers(OWN, &grace).await?, Decision::Allow);
    assert_eq!(answers(OWN, &ada).await?, Decision::Deny);
    assert_eq!(answers("tcp:other", &ada).await?, Decision::Allow);
    assert_eq!(answers("tcp:other", &grace).await?, Decision::Deny);

    // All of it disabled is an empty chain, and not the global one.
    let off: v1::SetEnabledRequest = message(json!({ "chain": OWN, "id": BUILT_IN, "enabled": false }))?;
    let off = client.authenticators().set_enabled(off).await?.into_inner();
    assert!(
        off.warnings.iter().any(|warning| warning.contains(OWN)),
        "{:?}",
        off.warnings
    );
    assert_eq!(answers(OWN, &wrong).await?, Decision::Allow);
    assert_eq!(answers("tcp:other", &wrong).await?, Decision::Deny);
    set_no_authenticator(&client, "DENY").await?;
    let answer = ask(&client, through(OWN, ada.clone())).await?;
    assert_eq!(told(&answer), (Decision::Deny, Reason::NoAuthenticator, ""));

    // With its last authenticator goes the chain: now the global one decides.
    let deletion: v1::DeleteAuthenticatorRequest = message(json!({ "chain": OWN, "id": BUILT_IN }))?;
    let deleted = client.authenticators().delete(deletion).await?.into_inner();
    assert_eq!((deleted.existed, deleted.users_deleted), (true, 1));
    assert_eq!(answers(OWN, &ada).await?, Decision::Allow);
    assert_eq!(answers(OWN, &wrong).await?, Decision::Deny);
    assert_eq!(answers(OWN, &grace).await?, Decision::Deny);
    cluster.passed()
}

/// A record that this version cannot open, in front of the chain.
fn unusable(id: &str, mechanism: &str, settings: &str) -> [Command; 2] {
    let key = AuthenticatorKey {
        chain: "global".into(),
        id: id.into(),
    };
    let create = Command::CreateAuthenticator {
        key: key.clone(),
        mechanism: mechanism.into(),
        backend: "built_in_database".into(),
        enabled: true,
        settings: settings.into(),
        precondition: String::new(),
        on_failure: OnFailure::Deny,
        timeout: Duration::from_secs(5),
    };
    let position = portcullis::store::Position::Front;
    [create, Command::MoveAuthenticator { key, position }]
}

async fn update(client: &Client, json: serde_json::Value) -> Result<v1::Authenticator> {
    let request: v1::UpdateAuthenticatorRequest = message(json!({ "authenticator": json }))?;
    Ok(client.authenticators().update(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_cannot_be_opened_fail_every_login_and_are_never_absent() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    for command in unusable("broken", "password_based", r#"{"colour": "red"}"#) {
        propose(&cluster, command).await?;
    }
    cluster.agree().await?;

    let denied = (Decision::Deny, Reason::BackendUnavailable, "broken");
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        let answer = login(&client, "ada", "lovelace").await?;
        assert_eq!(told(&answer), denied, "node {id}");
        assert!(!format!("{answer:?}").contains("colour"), "told the client: {answer:?}");
        let explained = explain(&client, credentials("ada", "lovelace")).await?;
        let failed = (Verdict::Failed, Reason::BackendUnavailable);
        assert_eq!(trace(&explained), [failed, NOT_REACHED]);
        assert!(explained.steps[0].detail.contains("`settings.colour`"), "{explained:?}");
    }
    let status = wait_for("every node to tell", PATIENCE, async || {
        let status = fares(&client, "broken").await?;
        let told = status
            .nodes
            .iter()
            .filter(|node| node.status() == Fares::Disconnected)
            .count();
        Ok((told == 3).then_some(status))
    })
    .await?;
    assert_eq!(status.status(), Fares::Disconnected);
    for node in &status.nodes {
        assert!(node.error.contains("`settings.colour`"), "{node:?}");
    }
    counts(&client, "broken", (3, 0, 0, 0)).await?;

    // The same at start: what cannot be opened is there before the first login.
    let restarted = cluster.follower().await?;
    cluster.node_mut(restarted)?.kill().await?;
    cluster.node_mut(restarted)?.start()?;
    cluster.node_ready(restarted).await?;
    let answer = login(&cluster.client(restarted).await?, "ada", "lovelace").await?;
    assert_eq!(told(&answer), denied);

    // Its failure asks the next one, if it is told to; nobody left to ask is no allow.
    let client = cluster.client(restarted).await?;
    update(&client, json!({ "id": "broken", "onFailure": "NEXT" })).await?;
    assert_eq!(
        told(&login(&client, "ada", "lovelace").await?),
        (Decision::Allow, Reason::Unspecified, BUILT_IN)
    );
    assert_eq!(login(&client, "nobody", "x").await?.decision(), Decision::Deny);
    set_enabled(&client, BUILT_IN, false).await?;
    let answer = login(&client, "ada", "lovelace").await?;
    assert_eq!(told(&answer), (Decision::Deny, Reason::BackendUnavailable, ""));

    // And it is mended as any other is changed.
    update(&client, json!({ "id": "broken", "settings": {} })).await?;
    wait_for(
        "the mended authenticator to be open on every node",
        PATIENCE,
        async || {
            let status = fares(&client, "broken").await?;
            Ok((status.status() == Fares::Connected).then_some(()))
        },
    )
    .await?;
    let explained = explain(&client, credentials("ada", "lovelace")).await?;
    assert_eq!(trace(&explained), [UNKNOWN, DISABLED]);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticator_of_an_unknown_kind_is_not_passed_by_presenting_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    for command in unusable("future", "telepathy", "{}") {
        propose(&cluster, command).await?;
    }
    cluster.agree().await?;
    let nothing = v1::AuthenticateRequest {
        client_id: "c".into(),
        ..v1::AuthenticateRequest::default()
    };
    let with_method = v1::AuthenticateRequest {
        auth_method: "SCRAM-SHA-256".into(),
        ..nothing.clone()
    };
    for request in [nothing, with_method] {
        let answer = ask(&client, request).await?;
        assert_eq!(told(&answer), (Decision::Deny, Reason::BackendUnavailable, "future"));
    }
    cluster.passed()
}
