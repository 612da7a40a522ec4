//! A node with more passwords to check than it has threads and memory for says so, and never that a password is wrong.

use anyhow::{Result, ensure};
use cluster_tests::calls::{create_user, credentials, explain, login, reason_of, set_algorithm, status};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use portcullis::wire::pb::v1;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

/// Logins at once, of which two at most find room.
const LOGINS: u64 = 24;
const MEMORY_KIB: u32 = 8 << 10;

/// One node where one hash takes all the memory there is, and one more may wait.
async fn start() -> Result<Cluster> {
    let cluster = Options::new(node_binary!(), 1)
        .set("hash", "memory_mib", i64::from(MEMORY_KIB >> 10))
        .set("hash", "queue", 1)
        .start()
        .await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    set_algorithm(
        &client,
        json!({ "name": "argon2id", "memory_kib": MEMORY_KIB, "iterations": 20 }),
    )
    .await?;
    Ok(cluster)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_beyond_the_queue_is_told_to_try_again_and_not_that_it_is_wrong() -> Result<()> {
    let cluster = start().await?;
    let client = cluster.client(1).await?;
    let refused = wait_for("a login to be refused", PATIENCE, async || {
        let answers = join_all((0..LOGINS).map(|_| login(&client, "nobody", "x"))).await;
        let mut refused = None;
        for answer in answers {
            match answer {
                Ok(answer) => ensure!(answer.decision() == v1::Decision::Deny, "{answer:?}"),
                Err(status) => refused = Some(status),
            }
        }
        Ok(refused)
    })
    .await?;
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(reason_of(&refused), "OVERLOADED");
    assert!(refused.get_error_details().retry_info().is_some(), "{refused:?}");
    let hashing = status(&client).await?.hashing.unwrap_or_default();
    assert!(hashing.refused > 0 && hashing.done > 0, "{hashing:?}");
    assert_eq!(hashing.memory_bytes, u64::from(MEMORY_KIB) << 10);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_hears_of_too_much_work_what_a_single_login_would() -> Result<()> {
    let cluster = start().await?;
    let client = cluster.client(1).await?;
    let error = wait_for("a login of the stream to be refused", PATIENCE, async || {
        let requests = (0..LOGINS).map(|id| v1::AuthenticateRequest {
            id,
            ..credentials("nobody", "x")
        });
        let answers = client.login().authenticate_stream(tokio_stream::iter(requests)).await?;
        let answers: Vec<_> = answers.into_inner().try_collect().await?;
        ensure!(answers.len() as u64 == LOGINS, "{} answers", answers.len());
        Ok(answers.into_iter().find_map(|answer| answer.error))
    })
    .await?;
    assert_eq!(error.code, Code::ResourceExhausted as i32, "{error:?}");
    assert_eq!(error.reason(), v1::Reason::Overloaded);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explanation_has_too_much_work_as_a_step_and_says_how_long_the_others_waited() -> Result<()> {
    let cluster = start().await?;
    let client = cluster.client(1).await?;
    let (refused, decided) = wait_for("an explanation of a refusal, and of none", PATIENCE, async || {
        let explained = join_all((0..LOGINS).map(|_| explain(&client, credentials("nobody", "x")))).await;
        let explained: Vec<_> = explained.into_iter().collect::<Result<_, _>>()?;
        let is_refused = |one: &v1::ExplainResponse| one.decision.as_ref().is_some_and(|answer| answer.error.is_some());
        let (refused, decided): (Vec<_>, Vec<_>) = explained.into_iter().partition(is_refused);
        Ok(refused.into_iter().next().zip(decided.into_iter().next()))
    })
    .await?;
    let (step, story) = (&refused.steps[0], &decided.steps[0].detail);
    assert_eq!(
        (step.verdict(), step.reason()),
        (v1::Verdict::Failed, v1::Reason::Overloaded)
    );
    let error = refused.decision.and_then(|answer| answer.error).unwrap_or_default();
    assert_eq!(error.reason(), v1::Reason::Overloaded);
    assert!(story.contains("hashed") && story.contains("in the queue"), "{story}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_work_gets_nobody_past_an_authenticator() -> Result<()> {
    let cluster = start().await?;
    let client = cluster.client(1).await?;
    let lenient = json!({ "authenticator": { "id": cluster_tests::calls::BUILT_IN, "onFailure": "NEXT" }, "updateMask": { "paths": ["on_failure"] } });
    let lenient: v1::UpdateAuthenticatorRequest = cluster_tests::calls::message(lenient)?;
    client.authenticators().update(lenient).await?;
    let second: v1::CreateAuthenticatorRequest = cluster_tests::calls::message(json!({
        "authenticator": {
            "id": "second",
            "mechanism": "password_based",
            "backend": "built_in_database",
            "enabled": true,
            "settings": { "password_hash_algorithm": { "name": "sha256" } },
        },
    }))?;
    client.authenticators().create(second).await?;
    let mut twin = cluster_tests::calls::new_user("ada", "of the second", "");
    if let Some(user) = &mut twin.user {
        user.authenticator = "second".into();
    }
    client.users().create(twin).await?;
    // To the first one this password of hers is wrong.
    wait_for("a login to be refused", PATIENCE, async || {
        let answers = join_all((0..LOGINS).map(|_| login(&client, "ada", "of the second"))).await;
        let mut refused = None;
        for answer in answers {
            match answer {
                Ok(answer) => ensure!(answer.decision() == v1::Decision::Deny, "let in past the first"),
                Err(status) => refused = Some(status.code()),
            }
        }
        Ok(refused)
    })
    .await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_algorithm_beyond_the_memory_is_refused_when_it_is_stored() -> Result<()> {
    let cluster = start().await?;
    let client = cluster.client(1).await?;
    let beyond = json!({ "name": "argon2id", "memory_kib": 2 * MEMORY_KIB, "iterations": 1 });
    let error = set_algorithm(&client, beyond)
        .await
        .expect_err("it could never be used");
    let status = error.downcast_ref::<tonic::Status>().expect("the node's answer");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let violations = &details.bad_request().expect("violations").field_violations;
    assert_eq!(violations[0].field, "settings.password_hash_algorithm");
    assert!(violations[0].description.contains("hash.memory_mib"), "{violations:?}");
    cluster.passed()
}
