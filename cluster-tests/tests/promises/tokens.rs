//! Tokens let in on every node, whoever made them, and keys come and go with their issuer.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use cluster_tests::authority::Authority;
use cluster_tests::calls::{BUILT_IN, create_user, faulty_fields, is_allowed, login, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::issuer::{Answer, Issuer};
use cluster_tests::made_tokens::Made;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::{Value, json};
use tokio::process::Command;

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
            ("ES512", "jwt"),
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
    // Neither is a token that comes as a name, and is denied, in the log.
    let denied = login(&client, made.token("HS256")?, "wrong").await?;
    assert_eq!(denied.decision(), v1::Decision::Deny);
    let log = cluster.node(1)?.log();
    assert!(log.contains("(a token)"), "{log}");
    for secret in [made.secret()?.as_str(), credential, made.token("HS256")?] {
        assert!(!log.contains(secret), "the log holds a secret");
    }
    cluster.passed()
}

/// A token of exactly that many bytes.
fn signed(secret: &str, bytes: usize) -> Result<String> {
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let header = encode(br#"{"alg":"HS256"}"#);
    let key = hmac::Key::new(HMAC_SHA256, secret.as_bytes());
    // Three bytes of the payload are four of the token.
    let mut tokens = (0..bytes * 3 / 4).rev().map(|filler| {
        let message = format!(
            "{header}.{}",
            encode(format!("{{\"x\":\"{}\"}}", "y".repeat(filler)).as_bytes())
        );
        let signature = hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", encode(signature.as_ref()))
    });
    tokens
        .find(|token| token.len() == bytes)
        .context("no token has that length")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_may_have_16_kib_and_a_longer_one_is_no_request() -> Result<()> {
    const LONGEST: usize = 16 * 1024;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let secret = "a secret of more than thirty-two bytes";
    let settings = |from| json!({"algorithm": "hmac-based", "secret": secret, "from": from});
    create(&client, "by-password", settings("password")).await?;
    create(&client, "by-name", settings("username")).await?;
    let (longest, longer) = (signed(secret, LONGEST)?, signed(secret, LONGEST + 1)?);
    assert!(is_allowed(&client, "ada", &longest).await?);
    assert!(is_allowed(&client, &longest, "").await?);
    // No token, so the next one is asked, to whom it is no password either.
    let filler = "x".repeat(LONGEST);
    let denied = login(&client, "ada", &filler).await?;
    assert_eq!(denied.reason(), v1::Reason::BadUsernameOrPassword);
    for (name, password, field) in [("ada", &longer, "password"), (longer.as_str(), &filler, "username")] {
        let refused = login(&client, name, password).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert_eq!(faulty_fields(&refused), [field]);
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_come_from_an_issuer_whose_authority_is_known() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let made = Made::before()?;
    let client = cluster.client(1).await?;
    let authority = Authority::new("the issuer's authority")?;
    let tls = authority.acceptor("127.0.0.1", None)?;
    let issuer = Issuer::start_with_tls(Answer::Set(made.set(&["rsa"])?, "1"), tls).await?;
    let settings = |ssl: Value| json!({"use_jwks": true, "endpoint": issuer.url(), "ssl": ssl});
    create(&client, "strict", settings(json!({}))).await?;
    wait_for(
        "the status to tell that nobody knows the authority",
        PATIENCE,
        async || {
            let nodes = status_of(&client, "strict").await?.nodes;
            let tells = |node: &v1::NodeAuthenticatorStatus| {
                node.status() == Status::Disconnected && node.error.contains("invalid peer certificate")
            };
            Ok((nodes.len() == 1 && nodes.iter().all(tells)).then_some(()))
        },
    )
    .await?;
    assert!(!is_allowed(&client, "anybody", made.token("RS256")?).await?);
    create(
        &client,
        "trusting",
        settings(json!({"cacertfile": authority.certificate})),
    )
    .await?;
    let answer = login(&client, "anybody", made.token("RS256")?).await?;
    assert_eq!(
        (answer.decision(), answer.authenticator.as_str()),
        (v1::Decision::Allow, "trusting")
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_anybody_could_replace_or_guess_are_taken_with_a_warning() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let set = |endpoint: &str, ssl: Value| json!({"use_jwks": true, "endpoint": endpoint, "ssl": ssl});
    for (id, settings, warned_of) in [
        (
            "plain",
            set("http://issuer.invalid/", json!({})),
            "without verified TLS",
        ),
        (
            "trusting",
            set("https://issuer.invalid/", json!({"verify": "verify_none"})),
            "without verified TLS",
        ),
        (
            "short",
            json!({"algorithm": "hmac-based", "secret": "abcdef"}),
            "fewer than 32 bytes",
        ),
    ] {
        let warnings = create(&client, id, settings).await?.warnings;
        assert!(
            warnings.len() == 1 && warnings[0].contains(warned_of),
            "{id}: {warnings:?}"
        );
        assert!(cluster.node(1)?.log().contains(&warnings[0]), "{id}");
    }
    let strict = create(&client, "strict", set("https://issuer.invalid/", json!({}))).await?;
    assert_eq!(strict.warnings, Vec::<String>::new());
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_keeps_of_an_issuer_goes_with_the_authenticator() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 1).await?;
    let made = Made::before()?;
    let client = cluster.client(1).await?;
    let issuer = Issuer::start(Answer::Set(made.set(&["rsa"])?, "1")).await?;
    create(&client, "jwt", json!({"use_jwks": true, "endpoint": issuer.url()})).await?;
    let folder = cluster.node(1)?.data_dir().join("kept");
    let kept = async || -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    };
    let own = wait_for("the set to be kept", PATIENCE, async || {
        let names = kept().await?;
        Ok(names.into_iter().find(|name| name.ends_with(".json")))
    })
    .await?;

    // One that went while this node was down.
    cluster.node_mut(1)?.kill().await?;
    std::fs::write(folder.join("jwks-00000000000000000000000000000000.json"), "{}")?;
    issuer.answer(Answer::HangUp);
    cluster.node_mut(1)?.start()?;
    cluster.node_ready(1).await?;
    wait_for("the other's file to be removed", PATIENCE, async || {
        Ok((kept().await? == [own.as_str()]).then_some(()))
    })
    .await?;
    let client = cluster.client(1).await?;
    assert!(is_allowed(&client, "anybody", made.token("RS256")?).await?);

    let request = v1::DeleteAuthenticatorRequest {
        id: "jwt".into(),
        ..v1::DeleteAuthenticatorRequest::default()
    };
    client.authenticators().delete(request).await?;
    wait_for("its own file to be removed", PATIENCE, async || {
        Ok(kept().await?.is_empty().then_some(()))
    })
    .await?;
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
    let made = Made::parse(&output.stdout)?;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    create(&client, "shared", made.by_secret()?).await?;
    create(&client, "jwt", made.by_public_keys()?).await?;
    let mut seen = 0;
    for entry in made.list("tokens")? {
        let (alg, by) = (&entry["alg"], &entry["by"]);
        let token = entry["token"].as_str().context("no token")?;
        assert!(is_allowed(&client, "anybody", token).await?, "{alg} by {by}");
        seen += 1;
    }
    assert_eq!(seen, 28);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_only_named_is_noticed_when_it_comes_and_when_it_changes() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let (made, client) = (Made::before()?, cluster.client(1).await?);
    let mut settings = made.by_secret()?;
    settings["secret"] = "file:shared".into();
    let created = create(&client, "named", settings).await?;
    let shown = serde_json::to_value(&created.settings)?;
    assert_eq!(shown["secret"], "file:shared");
    let wait_until = async |status: Status| {
        wait_for(&format!("{status:?}"), PATIENCE, async || {
            let found = status_of(&client, "named").await?;
            let node = found.nodes.into_iter().next().context("no node")?;
            Ok((node.status() == status).then_some(node.error))
        })
        .await
    };
    let error = wait_until(Status::Disconnected).await?;
    ensure!(error.contains("secrets/shared"), "{error}");
    let folder = cluster.node(1)?.data_dir().join("secrets");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("shared"), made.secret()?)?;
    wait_until(Status::Connected).await?;
    ensure!(is_allowed(&client, "anybody", made.token("HS256")?).await?);
    std::fs::write(
        folder.join("shared"),
        "YW5vdGhlciBzZWNyZXQgb2YgbW9yZSB0aGFuIDMyIGJ5dGVz\n",
    )?;
    wait_for("tokens of the old secret to be turned away", PATIENCE, async || {
        let is_let_in = is_allowed(&client, "anybody", made.token("HS256")?).await?;
        Ok((!is_let_in).then_some(()))
    })
    .await?;
    cluster.passed()
}
