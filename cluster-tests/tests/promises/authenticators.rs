//! Every change of an authenticator, made on one node, is in force on every other.

use std::time::Duration;

use anyhow::{Context as _, Result};
use cluster_tests::calls::{
    BUILT_IN, built_in, create_user, create_user_of, credentials, declare, explain, fares, faulty_fields, is_allowed,
    login, message, reason_of, set_enabled,
};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::{Decision, Reason, Verdict};
use serde_json::{Value, json};
use tonic::{Code, Status};

/// A second is promised to nodes with machines of their own; here several share two cores.
const IN_FORCE: Duration = Duration::from_secs(5);

/// The chain that decides on this node, in its order; what is switched off in parentheses.
async fn chain_on(client: &Client) -> Result<String> {
    let explained = explain(client, credentials("nobody", "x")).await?;
    let shown = explained.steps.iter().map(|step| match step.verdict() {
        Verdict::Skipped => format!("({})", step.authenticator),
        _ => step.authenticator.clone(),
    });
    Ok(shown.collect::<Vec<_>>().join(" ").replace(BUILT_IN, "first"))
}

async fn is_in_force(cluster: &Cluster, expected: &str) -> Result<()> {
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        wait_for(&format!("`{expected}` on node {id}"), IN_FORCE, async || {
            let chain = chain_on(&client).await?;
            anyhow::ensure!(chain == expected, "it is `{chain}`");
            Ok(Some(()))
        })
        .await?;
    }
    Ok(())
}

async fn put(client: &Client, request: Value) -> Result<Vec<String>, Status> {
    let request: v1::MoveAuthenticatorRequest = message(request).map_err(|why| Status::internal(why.to_string()))?;
    Ok(ids(&client.authenticators().r#move(request).await?.into_inner()))
}

async fn reorder(client: &Client, ids_in_order: &[&str]) -> Result<Vec<String>, Status> {
    let request = v1::ReorderAuthenticatorsRequest {
        ids: ids_in_order.iter().map(|id| (*id).to_owned()).collect(),
        ..v1::ReorderAuthenticatorsRequest::default()
    };
    Ok(ids(&client.authenticators().reorder(request).await?.into_inner()))
}

fn ids(chain: &v1::ListAuthenticatorsResponse) -> Vec<String> {
    chain.authenticators.iter().map(|one| one.id.clone()).collect()
}

async fn update(client: &Client, request: Value) -> Result<v1::Authenticator, Status> {
    let request: v1::UpdateAuthenticatorRequest = message(request).map_err(|why| Status::internal(why.to_string()))?;
    Ok(client.authenticators().update(request).await?.into_inner())
}

async fn get(client: &Client, id: &str) -> Result<v1::Authenticator, Status> {
    let request = v1::GetAuthenticatorRequest {
        id: id.into(),
        ..v1::GetAuthenticatorRequest::default()
    };
    Ok(client.authenticators().get(request).await?.into_inner())
}

async fn delete(client: &Client, id: &str, if_revision: u64) -> Result<v1::DeleteAuthenticatorResponse, Status> {
    let request = v1::DeleteAuthenticatorRequest {
        id: id.into(),
        if_revision,
        ..v1::DeleteAuthenticatorRequest::default()
    };
    Ok(client.authenticators().delete(request).await?.into_inner())
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Status {
    match answer {
        Err(status) => status,
        Ok(taken) => panic!("it was not refused: {taken:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_on_one_node_is_in_force_on_every_other() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let [one, two, three] = [
        cluster.client(1).await?,
        cluster.client(2).await?,
        cluster.client(3).await?,
    ];
    declare(&one, json!({ "id": "b" })).await?;
    is_in_force(&cluster, "first b").await?;
    declare(&two, json!({ "id": "c" })).await?;
    is_in_force(&cluster, "first b c").await?;

    set_enabled(&three, "b", false).await?;
    is_in_force(&cluster, "first (b) c").await?;
    set_enabled(&one, "b", true).await?;
    is_in_force(&cluster, "first b c").await?;

    assert_eq!(
        put(&two, json!({ "id": "c", "front": true })).await?,
        ["c", BUILT_IN, "b"]
    );
    is_in_force(&cluster, "c first b").await?;
    put(&three, json!({ "id": "c", "rear": true })).await?;
    is_in_force(&cluster, "first b c").await?;
    put(&one, json!({ "id": "c", "before": "b" })).await?;
    is_in_force(&cluster, "first c b").await?;
    put(&two, json!({ "id": BUILT_IN, "after": "b" })).await?;
    is_in_force(&cluster, "c b first").await?;
    assert_eq!(reorder(&three, &["b", BUILT_IN, "c"]).await?, ["b", BUILT_IN, "c"]);
    is_in_force(&cluster, "b first c").await?;

    let changed = update(
        &one,
        json!({ "authenticator": { "id": "b", "settings": { "user_id_type": "clientid" } } }),
    );
    let revision = changed.await?.revision;
    create_user_of(&two, "global", "b", "test", "by client id").await?;
    for id in cluster.ids() {
        let mut request = credentials("whoever", "by client id");
        request.min_revision = revision;
        let client = cluster.client(id).await?;
        wait_for(&format!("the new settings on node {id}"), IN_FORCE, async || {
            let answer = client.login().authenticate(request.clone()).await?.into_inner();
            Ok((answer.decision() == Decision::Allow).then_some(()))
        })
        .await?;
    }

    let deleted = delete(&three, "b", 0).await?;
    assert_eq!((deleted.existed, deleted.users_deleted), (true, 1));
    is_in_force(&cluster, "first c").await?;
    let again = delete(&one, "b", 0).await?;
    assert_eq!((again.existed, again.users_deleted), (false, 0));
    declare(&two, json!({ "id": "b", "settings": { "user_id_type": "clientid" } })).await?;
    is_in_force(&cluster, "first c b").await?;
    assert_eq!(cluster.agree().await?.users, 0);
    let gone = login(&one, "whoever", "by client id").await?;
    assert_eq!(
        gone.decision(),
        Decision::Deny,
        "the users outlived their authenticator"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_no_permutation_is_refused_and_changes_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(cluster.follower().await?).await?;
    declare(&client, json!({ "id": "b" })).await?;
    declare(&client, json!({ "id": "c" })).await?;
    for (order, fault) in [
        (vec!["b", "c"], format!("missing: `{BUILT_IN}`")),
        (vec!["b", "c", BUILT_IN, "x"], "unknown: `x`".to_owned()),
        (vec!["b", "c", BUILT_IN, "b"], "named twice: `b`".to_owned()),
        (vec![], format!("missing: `b`, `c`, `{BUILT_IN}`")),
    ] {
        let status = refused(reorder(&client, &order).await);
        assert_eq!(status.code(), Code::InvalidArgument, "{order:?}: {status:?}");
        assert_eq!(faulty_fields(&status), ["ids"]);
        assert!(status.message().contains(&fault), "{order:?}: {}", status.message());
    }
    let beside_itself = refused(put(&client, json!({ "id": "b", "after": "b" })).await);
    assert_eq!(beside_itself.code(), Code::InvalidArgument);
    let beside_nobody = refused(put(&client, json!({ "id": "b", "before": "x" })).await);
    assert_eq!(beside_nobody.code(), Code::NotFound);
    let nowhere = refused(put(&client, json!({ "id": "b" })).await);
    assert_eq!(faulty_fields(&nowhere), ["position"]);
    is_in_force(&cluster, "first b c").await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_page_overwrites_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let [one, two] = [cluster.client(1).await?, cluster.client(2).await?];
    let page = get(&one, BUILT_IN).await?;
    let newer = update(
        &two,
        json!({
            "authenticator": { "id": BUILT_IN, "onFailure": "NEXT", "timeout": "7s" },
            "ifRevision": page.revision.to_string(),
        }),
    )
    .await?;
    assert!(newer.revision > page.revision);

    // The flag alone, from a page that knows nothing of the newer settings.
    let off = set_enabled(&one, BUILT_IN, false).await?;
    let expected = v1::Authenticator {
        enabled: Some(false),
        revision: off.revision,
        updated_at: off.updated_at,
        warnings: off.warnings.clone(),
        ..newer.clone()
    };
    assert_eq!(off, expected);

    for status in [
        refused(delete(&one, BUILT_IN, page.revision).await),
        refused(
            update(
                &one,
                json!({
                    "authenticator": { "id": BUILT_IN, "enabled": true },
                    "ifRevision": newer.revision.to_string(),
                }),
            )
            .await,
        ),
        refused(
            one.authenticators()
                .set_enabled(v1::SetEnabledRequest {
                    id: BUILT_IN.into(),
                    enabled: true,
                    if_revision: page.revision,
                    ..v1::SetEnabledRequest::default()
                })
                .await,
        ),
    ] {
        assert_eq!(
            (status.code(), &*reason_of(&status)),
            (Code::Aborted, "REVISION_MISMATCH")
        );
    }
    assert_eq!(get(&two, BUILT_IN).await?, off);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_repeated_under_its_request_id_is_made_once() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let mut request = built_in(json!({ "id": "b" }))?;
    request.request_id = "create-b".into();
    let mut revisions = Vec::new();
    for id in cluster.ids() {
        let created = cluster
            .client(id)
            .await?
            .authenticators()
            .create(request.clone())
            .await?;
        revisions.push(created.into_inner().revision);
    }
    revisions.dedup();
    assert_eq!(revisions.len(), 1, "the nodes answered with {revisions:?}");
    let client = cluster.client(2).await?;
    let twice = client.authenticators().create(built_in(json!({ "id": "b" }))?).await;
    assert_eq!(refused(twice).code(), Code::AlreadyExists);

    // A deletion that was done tells the same again, even if the authenticator has come back since.
    create_user_of(&client, "global", "b", "ada", "lovelace").await?;
    let deletion = v1::DeleteAuthenticatorRequest {
        id: "b".into(),
        request_id: "delete-b".into(),
        ..v1::DeleteAuthenticatorRequest::default()
    };
    let first = client.authenticators().delete(deletion.clone()).await?.into_inner();
    assert_eq!((first.existed, first.users_deleted), (true, 1));
    declare(&client, json!({ "id": "b" })).await?;
    let second = cluster
        .client(3)
        .await?
        .authenticators()
        .delete(deletion)
        .await?
        .into_inner();
    assert_eq!(second, first);
    is_in_force(&cluster, "first b").await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_change_names_every_fault_and_leaves_the_old_instance_running() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(cluster.follower().await?).await?;
    create_user(&client, "ada", "lovelace").await?;
    assert!(is_allowed(&client, "ada", "lovelace").await?);
    let before = get(&client, BUILT_IN).await?;

    let faulty = json!({
        "user_id_typ": "username",
        "password_hash_algorithm": { "name": "pbkdf2", "mac_fun": "md4", "iterations": 0 },
    });
    let faults = [
        "settings.password_hash_algorithm.iterations",
        "settings.password_hash_algorithm.mac_fun",
        "settings.user_id_typ",
    ];
    let update_of = |more: Value| {
        let mut authenticator = json!({ "id": BUILT_IN, "settings": faulty });
        authenticator
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "authenticator": authenticator })
    };
    let status = refused(update(&client, update_of(json!({ "timeout": "0.001s", "backend": "mysql" }))).await);
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        faulty_fields(&status),
        [&["backend"][..], &faults[..], &["timeout"][..]].concat()
    );
    assert!(
        status.message().contains("did you mean `user_id_type`?"),
        "{}",
        status.message()
    );

    let mut creation = built_in(json!({ "id": "a b", "chain": "x/y", "settings": faulty }))?;
    creation.authenticator.get_or_insert_default().on_failure = 9;
    let create = client.authenticators().create(creation).await;
    let fields = [&["chain", "id", "on_failure"][..], &faults[..]].concat();
    assert_eq!(faulty_fields(&refused(create)), fields);

    for (mask, fields) in [
        (json!(["id", "mechanism", "backend", "chain"]), vec!["update_mask"; 4]),
        (
            json!(["settings.user_id_type", "timeout"]),
            vec!["timeout", "update_mask"],
        ),
        (json!([]), vec!["update_mask"]),
    ] {
        let request = json!({ "authenticator": { "id": BUILT_IN }, "updateMask": { "paths": mask } });
        let status = refused(update(&client, request).await);
        assert_eq!(
            (status.code(), faulty_fields(&status)),
            (
                Code::InvalidArgument,
                fields.iter().map(|field| (*field).to_owned()).collect()
            ),
            "{mask}"
        );
    }

    assert_eq!(get(&client, BUILT_IN).await?, before);
    for id in cluster.ids() {
        assert!(
            is_allowed(&cluster.client(id).await?, "ada", "lovelace").await?,
            "node {id}"
        );
    }
    wait_for(
        "the instance that ran before to have counted on",
        PATIENCE,
        async || {
            let figures = fares(&client, BUILT_IN).await?.total.context("no figures")?;
            Ok(((figures.total, figures.success) == (4, 4)).then_some(()))
        },
    )
    .await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_tells_what_can_be_set() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let kinds = client
        .authenticators()
        .list_backends(v1::ListBackendsRequest {})
        .await?
        .into_inner();
    let built_in = kinds
        .backends
        .iter()
        .find(|kind| kind.mechanism == "password_based" && kind.backend == "built_in_database")
        .context("no built-in database")?;
    let schema = serde_json::to_value(&built_in.settings_schema)?;
    let user_id_type = &schema["properties"]["user_id_type"];
    assert_eq!(user_id_type["default"], "username");
    assert!(user_id_type["title"].is_string() && user_id_type["description"].is_string());

    // What is not given is as the schema says.
    let created = declare(&client, json!({ "id": "bare", "settings": {} })).await?;
    let settings = serde_json::to_value(&created.settings)?;
    for field in ["user_id_type", "password_hash_algorithm"] {
        assert_eq!(settings[field], schema["properties"][field]["default"], "{field}");
    }
    let the_same: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": { "mechanism": "password_based", "backend": "built_in_database" },
    }))?;
    let twice = client.authenticators().create(the_same).await;
    assert_eq!(refused(twice).code(), Code::AlreadyExists);
    let unknown = credentials("nobody", "x");
    let explained = explain(&client, unknown).await?;
    assert_eq!(
        explained.decision.map(|decision| decision.reason()),
        Some(Reason::UnknownUser)
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_allowed_but_unwise_is_told_in_every_answer() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let bcrypt = |rounds: u32| json!({ "password_hash_algorithm": { "name": "bcrypt", "salt_rounds": rounds } });
    let wise = declare(&client, json!({ "id": "b", "settings": bcrypt(12) })).await?;
    assert_eq!(wise.warnings, Vec::<String>::new());
    let change = json!({ "authenticator": { "id": "b", "settings": bcrypt(13) } });
    let unwise = update(&client, change).await?;
    assert_eq!(unwise.warnings.len(), 1, "{:?}", unwise.warnings);
    assert_eq!(get(&client, "b").await?, unwise);
    for rounds in [3, 17] {
        let change = json!({ "authenticator": { "id": "b", "settings": bcrypt(rounds) } });
        let status = refused(update(&client, change).await);
        assert_eq!(faulty_fields(&status), ["settings.password_hash_algorithm.salt_rounds"]);
    }
    cluster.passed()
}
