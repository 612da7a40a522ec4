//! An algorithm can be changed at any time: nobody is locked out, and each login makes its record anew.

use anyhow::{Result, ensure};
use cluster_tests::calls::{create_user, get_user, is_allowed, set_algorithm, status};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::proxy::Fault;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::{Value, json};

fn argon2id() -> Value {
    json!({ "name": "argon2id", "memory_kib": 64, "iterations": 1, "parallelism": 1 })
}

fn bcrypt() -> Value {
    json!({ "name": "bcrypt", "salt_rounds": 4 })
}

async fn start() -> Result<Cluster> {
    Options::new(node_binary!(), 3)
        .set("hash", "rehash_per_second", 200)
        .start()
        .await
}

/// Logs in until the record is made as the authenticator makes them now: a busy node may leave it to a later login.
async fn made_anew(client: &Client, name: &str, password: &str, hash: &str) -> Result<v1::User> {
    wait_for(&format!("`{name}` to be kept as {hash}"), PATIENCE, async || {
        ensure!(is_allowed(client, name, password).await?, "`{name}` is not let in");
        let user = get_user(client, name).await?;
        Ok((user.hash == hash).then_some(user))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_algorithm_leaves_every_user_working_and_logins_make_their_records_anew() -> Result<()> {
    let cluster = start().await?;
    let leader = cluster.client(cluster.leader().await?).await?;
    let follower = cluster.client(cluster.follower().await?).await?;
    let created = create_user(&leader, "ada", "lovelace").await?;
    create_user(&leader, "bob", "by-himself").await?;
    assert_eq!(created.hash, "sha256");

    let mut before = created;
    for (algorithm, hash) in [(argon2id(), "argon2id"), (bcrypt(), "bcrypt")] {
        set_algorithm(&leader, algorithm).await?;
        cluster.agree().await?;
        let after = made_anew(&follower, "ada", "lovelace", hash).await?;
        assert!(after.revision > before.revision, "{before:?} {after:?}");
        for id in cluster.ids() {
            let client = cluster.client(id).await?;
            // A read here misses nothing, and what it waited for is what logins see.
            assert_eq!(get_user(&client, "ada").await?.hash, hash, "node {id}");
            assert!(is_allowed(&client, "ada", "lovelace").await?, "node {id}");
            assert!(!is_allowed(&client, "ada", "wrong").await?, "node {id}");
        }
        assert_eq!(get_user(&leader, "bob").await?.hash, "sha256");
        before = after;
    }
    for id in cluster.ids() {
        assert!(
            is_allowed(&cluster.client(id).await?, "bob", "by-himself").await?,
            "node {id}"
        );
    }
    made_anew(&follower, "bob", "by-himself", "bcrypt").await?;
    cluster.agree().await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_too_long_for_the_new_algorithm_keeps_its_record() -> Result<()> {
    let cluster = start().await?;
    let client = cluster.client(cluster.leader().await?).await?;
    let long = "long-enough-".repeat(7);
    create_user(&client, "ada", &long).await?;
    create_user(&client, "bob", "short").await?;
    set_algorithm(&client, bcrypt()).await?;
    assert!(is_allowed(&client, "ada", &long).await?);
    // Whoever comes after her is made anew, so her turn was over by then.
    made_anew(&client, "bob", "short", "bcrypt").await?;
    assert_eq!(get_user(&client, "ada").await?.hash, "sha256");
    assert!(is_allowed(&client, "ada", &long).await?);
    assert!(!is_allowed(&client, "ada", &long[..72]).await?);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_logins_go_on_and_the_record_is_made_anew_later() -> Result<()> {
    let cluster = start().await?;
    let leader = cluster.client(cluster.leader().await?).await?;
    create_user(&leader, "ada", "lovelace").await?;
    set_algorithm(&leader, argon2id()).await?;
    cluster.agree().await?;

    let cut = cluster.follower().await?;
    let client = cluster.client(cut).await?;
    cluster.isolate(cut, Fault::Silence);
    wait_for("an upgrade to be given up", PATIENCE, async || {
        ensure!(
            is_allowed(&client, "ada", "lovelace").await?,
            "a login without a quorum"
        );
        let hashing = status(&client).await?.hashing.unwrap_or_default();
        Ok((hashing.rehash_dropped > 0).then_some(()))
    })
    .await?;
    assert_eq!(get_user(&leader, "ada").await?.hash, "sha256");

    cluster.heal();
    let user = made_anew(&client, "ada", "lovelace", "argon2id").await?;
    assert!(is_allowed(&leader, "ada", "lovelace").await?);
    assert_eq!(user.hash, "argon2id");
    cluster.agree().await?;
    cluster.passed()
}
