//! Tokens let in on every node, whoever made them, and keys come and go with their issuer.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cluster_tests::calls::{BUILT_IN, create_user, is_allowed, login, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::issuer::{Answer, Issuer};
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::{Value, json};
use tokio::process::Command;

const MADE: &str = include_str!("../../data/tokens.json");

/// Keys and tokens of `data/tokens.py`, of an earlier run or a new one.
struct Made(Value);

impl Made {
    fn before() -> Result<Self> {
        Ok(Self(serde_json::from_str(MADE)?))
    }

    fn list(&self, name: &str) -> Result<&Vec<Value>> {
        self.0
            .get(name)
            .and_then(Value::as_array)
            .with_context(|| format!("no list `{name}`"))
    }

    fn key(&self, kid: &str) -> Result<&Value> {
        let found = self.list("keys")?.iter().find(|key| key["kid"] == kid);
        found.with_context(|| format!("no key `{kid}`"))
    }

    fn token(&self, alg: &str) -> Result<&str> {
        let found = self.list("tokens")?.iter().find(|token| token["alg"] == alg);
        found
            .and_then(|token| token["token"].as_str())
            .with_context(|| format!("no token of {alg}"))
    }

    /// Of the key that follows `rsa` in a rotation.
    fn next_token(&self) -> Result<&str> {
        let found = self.list("tokens")?.iter().find(|token| token["kid"] == "rsa-next");
        found
            .and_then(|token| token["token"].as_str())
            .context("no token of the next key")
    }

    fn set(&self, kids: &[&str]) -> Result<String> {
        let keys: Result<Vec<_>> = kids.iter().map(|kid| Ok(self.key(kid)?["jwk"].clone())).collect();
        Ok(json!({"keys": keys?}).to_string())
    }

    fn pems(&self, kids: &[&str]) -> Result<Vec<Value>> {
        kids.iter().map(|kid| Ok(self.key(kid)?["pem"].clone())).collect()
    }

    fn secret(&self) -> Result<String> {
        let text = self
            .0
            .get("secret_base64url")
            .and_then(Value::as_str)
            .context("no secret")?;
        Ok(text.replace('-', "+").replace('_', "/"))
    }

    fn by_secret(&self) -> Result<Value> {
        Ok(json!({"algorithm": "hmac-based", "secret": self.secret()?, "secret_base64_encoded": true}))
    }

    fn by_public_keys(&self) -> Result<Value> {
        let keys = self.pems(&["rsa", "rsa-next", "p256", "p384", "ed25519"])?;
        Ok(json!({"algorithm": "public-key", "public_key": keys}))
    }
}

/// Creates the authenticator and asks it before all others.
async fn create(client: &Client, id: &str, settings: Value) -> Result<v1::Authenticator> {
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {"id": id, "mechanism": "jwt", "enabled": true, "settings": settings},
    }))?;
    let created = client.authenticators().create(request).await?.into_inner();
    let to_the_front: v1::MoveAuthenticatorRequest = message(json!({"id": id, "front": true}))?;
    client.authenticators().r#move(to_the_front).await?;
    Ok(created)
}

async fn status_of(client: &Client, id: &str) -> Result<v1::AuthenticatorStatus> {
    let request = v1::GetAuthenticatorStatusRequest {
        id: id.into(),
        ..v1::GetAuthenticatorStatusRequest::default()
    };
    Ok(client.authenticators().get_status(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_let_in_on_every_node_and_passwords_go_on_to_the_next() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let made = Made::before()?;
    let first = cluster.client(1).await?;
    create_user(&first, "ada", "lovelace").await?;
    create(&first, "shared", made.by_secret()?).await?;
    create(&first, "jwt", made.by_public_keys()?).await?;
    cluster.agree().await?;
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        for (alg, by) in [
            ("HS256", "shared"),
            ("RS256", "jwt"),
            ("ES256", "jwt"),
            ("EdDSA", "jwt"),
        ] {
            let answer = login(&client, "anybody", made.token(alg)?).await?;
            assert_eq!(answer.decision(), v1::Decision::Allow, "{alg} on node {id}");
            assert_eq!(answer.authenticator, by, "{alg} on node {id}");
            assert!(answer.is_superuser);
            assert_eq!(answer.client_attrs.get("tenant").map(String::as_str), Some("a"));
            assert_eq!(answer.acl.first().map(|rule| rule.topic.as_str()), Some("a/#"));
        }
        let by_password = login(&client, "ada", "lovelace").await?;
        assert_eq!(by_password.decision(), v1::Decision::Allow, "node {id}");
        assert_eq!(by_password.authenticator, BUILT_IN);
        assert!(!is_allowed(&client, "ada", "wrong").await?, "node {id}");
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mismatching_token_is_denied_for_good_and_explain_names_the_claim() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let made = Made::before()?;
    let first = cluster.client(1).await?;
    let mut settings = made.by_public_keys()?;
    settings["verify_claims"] = json!({"realm.role": "operator"});
    create(&first, "jwt", settings).await?;
    // One who would be let in by the next authenticator, were it asked.
    let token = made.token("ES256")?;
    create_user(&first, "ada", token).await?;
    cluster.agree().await?;
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        let request = v1::AuthenticateRequest {
            username: "ada".into(),
            password: Some(Bytes::copy_from_slice(token.as_bytes())),
            ..v1::AuthenticateRequest::default()
        };
        let explained = client.login().explain(request).await?.into_inner();
        let decision = explained.decision.context("no decision")?;
        assert_eq!(decision.decision(), v1::Decision::Deny, "node {id}");
        assert_eq!(decision.reason(), v1::Reason::TokenClaimMismatch, "node {id}");
        let step = explained.steps.first().context("no step")?;
        assert!(step.detail.contains("`realm.role`"), "{}", step.detail);
        let last = explained.steps.last().context("no step")?;
        assert_eq!(
            (last.authenticator.as_str(), last.verdict()),
            (BUILT_IN, v1::Verdict::NotReached)
        );
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_and_tokens_never_come_back() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let made = Made::before()?;
    let client = cluster.client(1).await?;
    let created = create(&client, "shared", made.by_secret()?).await?;
    let issuer = Issuer::start(Answer::Set(made.set(&["rsa"])?, "1")).await?;
    let credential = "Bearer a-credential-of-the-node";
    let settings = json!({"use_jwks": true, "endpoint": issuer.url(), "headers": {"Authorization": credential}});
    let set = create(&client, "set", settings).await?;
    let listed = client
        .authenticators()
        .list(v1::ListAuthenticatorsRequest::default())
        .await?
        .into_inner();
    let shown = serde_json::to_string(&json!([created, set, listed]))?;
    assert!(
        !shown.contains(&made.secret()?) && !shown.contains(credential),
        "{shown}"
    );
    assert_eq!(shown.matches("******").count(), 4, "{shown}");

    // What was shown can be sent back, and keeps what was hidden.
    let request: v1::UpdateAuthenticatorRequest = message(
        json!({"authenticator": {"id": "shared", "settings": created.settings}, "updateMask": {"paths": ["settings"]}}),
    )?;
    client.authenticators().update(request).await?;
    assert!(is_allowed(&client, "anybody", made.token("HS256")?).await?);
    let log = cluster.node(1)?.log();
    for secret in [made.secret()?.as_str(), credential, made.token("HS256")?] {
        assert!(!log.contains(secret), "the log holds a secret");
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_follows_the_issuer_and_outlives_it() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let made = Made::before()?;
    let first = cluster.client(1).await?;
    let issuer = Issuer::start(Answer::Set(made.set(&["rsa"])?, "1")).await?;
    create(
        &first,
        "jwt",
        json!({"use_jwks": true, "endpoint": issuer.url(), "refresh_interval": 1}),
    )
    .await?;
    cluster.agree().await?;
    for id in cluster.ids() {
        assert!(
            is_allowed(&cluster.client(id).await?, "anybody", made.token("RS256")?).await?,
            "node {id}"
        );
    }

    issuer.answer(Answer::Set(made.set(&["rsa-next"])?, "2"));
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        wait_for(&format!("node {id} to follow the rotation"), PATIENCE, async || {
            let (new, old) = (made.next_token()?, made.token("RS256")?);
            let follows = is_allowed(&client, "anybody", new).await? && !is_allowed(&client, "anybody", old).await?;
            Ok(follows.then_some(()))
        })
        .await?;
    }
    assert_eq!(status_of(&first, "jwt").await?.status(), Status::Connected);

    issuer.answer(Answer::HangUp);
    wait_for("every node to tell that the issuer is gone", PATIENCE, async || {
        let nodes = status_of(&first, "jwt").await?.nodes;
        let tells = |node: &v1::NodeAuthenticatorStatus| {
            node.status() == Status::Disconnected && node.error.contains("s ago are used")
        };
        Ok((nodes.len() == 3 && nodes.iter().all(tells)).then_some(()))
    })
    .await?;
    for id in cluster.ids() {
        assert!(
            is_allowed(&cluster.client(id).await?, "anybody", made.next_token()?).await?,
            "node {id}"
        );
    }

    // Whoever starts meanwhile has the keys from its disk.
    let follower = cluster.follower().await?;
    cluster.node_mut(follower)?.kill().await?;
    cluster.node_mut(follower)?.start()?;
    cluster.node_ready(follower).await?;
    let restarted = cluster.client(follower).await?;
    wait_for("the restarted node to use the kept keys", PATIENCE, async || {
        Ok(is_allowed(&restarted, "anybody", made.next_token()?)
            .await?
            .then_some(()))
    })
    .await?;

    issuer.answer(Answer::Set(made.set(&["rsa-next"])?, "2"));
    wait_for(
        "every node to be connected again",
        Duration::from_secs(60),
        async || Ok((status_of(&first, "jwt").await?.status() == Status::Connected).then_some(())),
    )
    .await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fresh_tokens_of_two_other_implementations_let_in() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/tests-python/bin/python");
    ensure!(
        python.exists(),
        "`target/tests-python` is missing: `cluster-tests/run` makes it, with PyJWT, jwcrypto and cryptography"
    );
    let output = Command::new(python)
        .arg(root.join("cluster-tests/data/tokens.py"))
        .output()
        .await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = Made(serde_json::from_slice(&output.stdout)?);
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    create(&client, "shared", made.by_secret()?).await?;
    create(&client, "jwt", made.by_public_keys()?).await?;
    let mut seen = 0;
    for entry in made.list("tokens")? {
        let (alg, by) = (&entry["alg"], &entry["by"]);
        // The library has no P-521.
        if alg == "ES512" {
            continue;
        }
        let token = entry["token"].as_str().context("no token")?;
        assert!(is_allowed(&client, "anybody", token).await?, "{alg} by {by}");
        seen += 1;
    }
    assert_eq!(seen, 26);
    cluster.passed()
}
