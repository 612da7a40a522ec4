//! Users are listed, changed and deleted by any node, and a login heeds what is said of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cluster_tests::calls::{
    BUILT_IN, create_user, credentials, delete_user, export, import, list_users, login, message, new_user, sha256_file,
};
use cluster_tests::{Cluster, node_binary};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::import_users_header::Format;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Changes a user by the JSON of the request.
async fn update(client: &Client, request: Value) -> Result<v1::User, Status> {
    let request: v1::UpdateUserRequest = message(request).map_err(|error| Status::internal(error.to_string()))?;
    Ok(client.users().update(request).await?.into_inner())
}

/// What the client is told of a denial, and what an operator is.
async fn reasons(client: &Client, name: &str, password: &str) -> Result<(v1::Reason, v1::Reason)> {
    let answer = login(client, name, password).await?;
    assert_eq!(answer.decision(), v1::Decision::Deny);
    assert_eq!((answer.is_superuser, answer.client_attrs.len()), (false, 0));
    let explained = client.login().explain(credentials(name, password)).await?.into_inner();
    let step = explained.steps.first().context("no step")?.clone();
    Ok((answer.reason(), step.reason()))
}

/// The code and the first field at fault.
fn fault<T>(answer: Result<T, Status>) -> (Code, String) {
    let Err(status) = answer else {
        return (Code::Ok, String::new());
    };
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone());
    let field = violations.unwrap_or_default().into_iter().next().map(|one| one.field);
    (status.code(), field.unwrap_or_default())
}

fn invalid(field: &str) -> (Code, String) {
    (Code::InvalidArgument, field.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_of_a_user_shows_at_its_next_login_on_every_node() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(cluster.follower().await?).await?;
    create_user(&client, "ada", "lovelace").await?;
    let change = |mask: &'static [&str], mut user: Value| {
        user["userId"] = "ada".into();
        let request = json!({"user": user, "updateMask": {"paths": mask}});
        let (client, cluster) = (&client, &cluster);
        async move {
            update(client, request).await?;
            cluster.agree().await
        }
    };
    change(
        &["is_superuser", "attributes"],
        json!({"isSuperuser": true, "attributes": {"tenant": "a", "": "x"}}),
    )
    .await
    .expect_err("an attribute without a name");
    change(
        &["is_superuser", "attributes"],
        json!({"isSuperuser": true, "attributes": {"tenant": "a"}}),
    )
    .await?;
    for id in cluster.ids() {
        let answer = login(&cluster.client(id).await?, "ada", "lovelace").await?;
        assert_eq!((answer.decision(), answer.is_superuser), (v1::Decision::Allow, true));
        assert_eq!(answer.client_attrs.get("tenant").map(String::as_str), Some("a"));
    }
    use v1::Reason::{BadUsernameOrPassword, CredentialExpired, UserDisabled};
    change(&["disabled"], json!({"disabled": true})).await?;
    for id in cluster.ids() {
        let told = reasons(&cluster.client(id).await?, "ada", "lovelace").await?;
        assert_eq!(told, (BadUsernameOrPassword, UserDisabled), "node {id}");
    }
    change(
        &["disabled", "expires_at"],
        json!({"expiresAt": "2001-02-03T04:05:06Z"}),
    )
    .await?;
    for id in cluster.ids() {
        let told = reasons(&cluster.client(id).await?, "ada", "lovelace").await?;
        assert_eq!(told, (BadUsernameOrPassword, CredentialExpired), "node {id}");
        let told = reasons(&cluster.client(id).await?, "ada", "wrong").await?;
        assert_eq!(told, (BadUsernameOrPassword, BadUsernameOrPassword), "node {id}");
    }
    change(
        &["expires_at", "attributes"],
        json!({"expiresAt": "2099-01-01T00:00:00Z"}),
    )
    .await?;
    let answer = login(&client, "ada", "lovelace").await?;
    assert!(answer.decision() == v1::Decision::Allow && answer.expire_at.is_some() && answer.client_attrs.is_empty());
    change(&["expires_at"], json!({})).await?;
    let answer = login(&client, "ada", "lovelace").await?;
    assert_eq!((answer.decision(), answer.expire_at), (v1::Decision::Allow, None));
    assert!(answer.is_superuser, "nobody changed it");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_said_of_a_user_is_refused_with_its_field() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let ada = create_user(&client, "ada", "lovelace").await?;
    let both = json!({"password": "x", "passwordHash": "ab"});
    for (request, field) in [
        (json!({"user": {"userId": "ada"}}), "update_mask"),
        (
            json!({"user": {"userId": "ada"}, "updateMask": {"paths": ["hash"]}}),
            "update_mask",
        ),
        (
            json!({"user": {"userId": "ada"}, "updateMask": {"paths": ["password"]}}),
            "password",
        ),
        (json!({"user": {"userId": "ada"}, "password": both}), "password"),
        (
            json!({"user": {"userId": ""}, "updateMask": {"paths": ["disabled"]}}),
            "user_id",
        ),
    ] {
        assert_eq!(
            fault(update(&client, request.clone()).await),
            invalid(field),
            "{request}"
        );
    }
    let list = list_users(&client, v1::ListUsersRequest::default()).await?;
    assert_eq!(list, [ada], "a refused change changes nothing");

    let (longest, too_long) = ("é".repeat(256), format!("{}x", "é".repeat(256)));
    for wrong in ["", "a\nb", "a\u{7f}", "a\u{85}", &too_long] {
        assert_eq!(
            fault(create_user(&client, wrong, "x").await),
            invalid("user_id"),
            "{wrong:?}"
        );
    }
    // Compared byte by byte: none of these is another.
    let names = ["Ada", "ada ", " ada", "zo\u{eb}", "zoe\u{308}", &longest];
    for name in names {
        create_user(&client, name, name).await?;
    }
    for name in names {
        let request = v1::GetUserRequest {
            user_id: name.into(),
            ..v1::GetUserRequest::default()
        };
        assert_eq!(client.users().get(request).await?.into_inner().user_id, name);
        assert_eq!(
            login(&client, name, name).await?.decision(),
            v1::Decision::Allow,
            "{name:?}"
        );
        delete_user(&client, name).await?;
    }
    let list = list_users(&client, v1::ListUsersRequest::default()).await?;
    assert_eq!(list.len(), 1);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_users_are_deleted_in_one_change() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(cluster.follower().await?).await?;
    for name in ["ada", "bob", "cid"] {
        create_user(&client, name, name).await?;
    }
    let request = |names: &[&str]| v1::BatchDeleteUsersRequest {
        user_ids: names.iter().map(|name| (*name).to_owned()).collect(),
        request_id: "delete-1".into(),
        ..v1::BatchDeleteUsersRequest::default()
    };
    let names = ["cid", "ada", "nobody", "ada"];
    let deleted = client.users().batch_delete(request(&names)).await?.into_inner();
    assert_eq!(
        (deleted.deleted, deleted.missing),
        (2, 1),
        "a name that comes twice counts once"
    );
    create_user(&client, "ada", "ada").await?;
    cluster.agree().await?;
    let elsewhere = cluster.client(cluster.leader().await?).await?;
    let again = elsewhere.users().batch_delete(request(&names)).await?.into_inner();
    assert_eq!(again, deleted, "a repeated request deletes nobody twice");
    cluster.agree().await?;
    for id in cluster.ids() {
        let left = list_users(&cluster.client(id).await?, v1::ListUsersRequest::default()).await?;
        let left: Vec<_> = left.iter().map(|user| user.user_id.as_str()).collect();
        assert_eq!(left, ["ada", "bob"], "node {id}");
    }

    for wrong in [vec![], vec!["x"; 1001]] {
        assert_eq!(
            fault(client.users().batch_delete(request(&wrong)).await),
            invalid("user_ids")
        );
    }
    let nameless = client.users().batch_delete(request(&["bob", ""])).await;
    assert_eq!(fault(nameless), invalid("user_ids[1]"));
    let elsewhere = v1::BatchDeleteUsersRequest {
        authenticator: "none".into(),
        request_id: String::new(),
        ..request(&["bob"])
    };
    assert_eq!(fault(client.users().batch_delete(elsewhere).await).0, Code::NotFound);
    cluster.passed()
}

const STABLE: usize = 2000;

fn stable(n: usize) -> String {
    format!("user-{n:05}")
}

/// Creates and deletes users between the stable ones until it is told to stop; returns how many it has made.
async fn come_and_go(client: &Client, seed: usize, stop: &AtomicBool) -> Result<usize> {
    let mut made = 0;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("{}-visitor-{seed}", stable((made * 769 + seed * 31) % STABLE));
        client.users().create(new_user(&name, "x", "")).await?;
        made += 1;
        if made % 3 != 0 {
            delete_user(client, &name).await?;
        }
    }
    Ok(made)
}

/// That these names ascend, and that each stable one is among them.
fn check_names(names: &[String]) -> Result<()> {
    ensure!(
        names.is_sorted_by(|one, other| one < other),
        "a name comes twice or out of order"
    );
    let names: BTreeSet<_> = names.iter().cloned().collect();
    for n in 0..STABLE {
        ensure!(names.contains(&stable(n)), "{} is missing", stable(n));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_exports_hold_everyone_who_stays_once_while_others_come_and_go() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let mut file = "user_id,password_hash,salt\n".to_owned();
    for n in 0..STABLE {
        file.push_str(&format!("{},{},x\n", stable(n), "ab".repeat(32)));
    }
    let leader = cluster.client(cluster.leader().await?).await?;
    let done = import(&leader, sha256_file(Format::Csv), Bytes::from(file)).await?;
    assert_eq!(done.created, STABLE as u64);
    let reader = cluster.client(cluster.follower().await?).await?;
    let stop = AtomicBool::new(false);
    let reading = async {
        for _ in 0..3 {
            let request = v1::ListUsersRequest {
                page_size: 100,
                ..v1::ListUsersRequest::default()
            };
            let listed = list_users(&reader, request).await?;
            check_names(&listed.into_iter().map(|user| user.user_id).collect::<Vec<_>>()).context("list")?;
            let (file, users) = export(&reader, BUILT_IN, v1::UserFileFormat::Ndjson).await?;
            let names = names_in(&file)?;
            assert_eq!(names.len() as u64, users);
            check_names(&names).context("export")?;
        }
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let visitors = futures_util::future::try_join(come_and_go(&leader, 1, &stop), come_and_go(&reader, 2, &stop));
    let ((), made) = tokio::try_join!(reading, visitors)?;
    assert!(made.0 > 0 && made.1 > 0);

    cluster.agree().await?;
    let request = v1::ListUsersRequest {
        prefix: "user-001".into(),
        page_size: 7,
        ..v1::ListUsersRequest::default()
    };
    let all = list_users(&reader, request.clone()).await?;
    let page = reader.users().list(request).await?.into_inner();
    assert_eq!(page.total_size, all.len() as u64);
    assert!(all.len() >= 100 && page.users.len() == 7);
    cluster.passed()
}

fn names_in(ndjson: &[u8]) -> Result<Vec<String>> {
    let name = |line: &str| {
        let user: Value = serde_json::from_str(line)?;
        let name = user.get("user_id").and_then(Value::as_str);
        Ok(name.context("no name")?.to_owned())
    };
    std::str::from_utf8(ndjson)?.lines().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_filtered_by_text_and_by_flag() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    for name in ["ada", "adam", "bob", "madam"] {
        create_user(&client, name, "x").await?;
    }
    update(&client, json!({"user": {"userId": "madam", "isSuperuser": true}})).await?;
    let list = async |request: Value| {
        let users = list_users(&client, message(request)?).await?;
        anyhow::Ok(users.into_iter().map(|user| user.user_id).collect::<Vec<_>>())
    };
    assert_eq!(list(json!({"prefix": "ada", "pageSize": 1})).await?, ["ada", "adam"]);
    assert_eq!(
        list(json!({"contains": "dam", "pageSize": 1})).await?,
        ["adam", "madam"]
    );
    assert_eq!(list(json!({"isSuperuser": true})).await?, ["madam"]);
    assert_eq!(
        list(json!({"contains": "a", "isSuperuser": false})).await?,
        ["ada", "adam"]
    );
    assert_eq!(list(json!({"prefix": "c"})).await?, [""; 0]);
    cluster.passed()
}
