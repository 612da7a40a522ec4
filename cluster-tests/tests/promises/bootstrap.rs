//! A file fills a built-in database at its beginning, once.

use std::fmt::Write as _;

use anyhow::Result;
use cluster_tests::calls::{self, create_user, delete_user, is_allowed, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use portcullis::wire::pb::v1;
use serde_json::json;

const USERS: u64 = 300;
const SAYS_FILLED: &str = "an authenticator was filled from its bootstrap file";

fn put_file(cluster: &Cluster) -> Result<()> {
    let mut text = String::from("user_id,password,is_superuser\n");
    for number in 0..USERS {
        writeln!(text, "user-{number},secret,false")?;
    }
    text.push_str("nobody,,\n");
    for id in cluster.ids() {
        let folder = cluster.node(id)?.data_dir().join("bootstrap");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("users.csv"), &text)?;
    }
    Ok(())
}

async fn restart(cluster: &mut Cluster) -> Result<()> {
    for id in cluster.ids() {
        cluster.node_mut(id)?.kill().await?;
    }
    cluster.start_all()?;
    cluster.ready().await
}

fn times_said(cluster: &Cluster, words: &str) -> Result<usize> {
    let logs = cluster
        .ids()
        .into_iter()
        .map(|id| Ok(cluster.node(id)?.log().matches(words).count()));
    logs.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_start_at_once_fill_the_database_once() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 3).prepare().await?;
    cluster.start_all()?;
    cluster.initialize().await?;
    cluster.ready().await?;
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {
            "mechanism": "password_based",
            "backend": "built_in_database",
            "enabled": true,
            "settings": {
                "password_hash_algorithm": { "name": "sha256" },
                "bootstrap_file": "users.csv",
            },
        },
    }))?;
    let client = cluster.client(1).await?;
    client.authenticators().create(request).await?;
    create_user(&client, "user-7", "hers").await?;
    wait_for("the missing file to be told", PATIENCE, async || {
        Ok((times_said(&cluster, "there is no such file")? > 0).then_some(()))
    })
    .await?;

    put_file(&cluster)?;
    restart(&mut cluster).await?;
    wait_for("the database to be filled", PATIENCE, async || {
        Ok((times_said(&cluster, SAYS_FILLED)? > 0).then_some(()))
    })
    .await?;
    assert_eq!(cluster.agree().await?.users, USERS);
    assert_eq!(times_said(&cluster, "a row of a bootstrap file is bad")?, 1);
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        assert!(is_allowed(&client, "user-0", "secret").await?);
        assert!(is_allowed(&client, "user-7", "hers").await?);
        assert!(!is_allowed(&client, "user-7", "secret").await?);
    }

    delete_user(&cluster.client(2).await?, "user-0").await?;
    restart(&mut cluster).await?;
    // A file of its own shows when the nodes have looked again.
    let second = "user_id,password\nafterwards,secret\n";
    for id in cluster.ids() {
        std::fs::write(cluster.node(id)?.data_dir().join("bootstrap/second.csv"), second)?;
    }
    let request: v1::UpdateAuthenticatorRequest = message(json!({
        "authenticator": {
            "chain": "global",
            "id": calls::BUILT_IN,
            "settings": {
                "password_hash_algorithm": { "name": "sha256" },
                "bootstrap_file": "second.csv",
            },
        },
        "updateMask": { "paths": ["settings"] },
    }))?;
    let client = cluster.client(1).await?;
    client.authenticators().update(request).await?;
    wait_for("the second file", PATIENCE, async || {
        Ok(is_allowed(&client, "afterwards", "secret").await?.then_some(()))
    })
    .await?;
    assert_eq!(cluster.agree().await?.users, USERS);
    assert!(!is_allowed(&client, "user-0", "secret").await?);
    cluster.passed()
}
