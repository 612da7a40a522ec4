//! The exchange's promises, over a directory and keys in memory. The client's side is computed by the `hash` room.

mod hostile;
mod http;
mod world;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use self::world::{keys, world};
use crate::auth::{
    Challenge, Credentials, Denial, Identity, Provider, ProviderError, ProviderStatus, Reason, Timestamp, Verdict,
};
use crate::backends::check;
use crate::hash::{Scram, ScramHash, scram_client_proof};

type Answer = Result<Verdict, ProviderError>;

async fn send(node: &Arc<dyn Provider>, method: &str, data: &str, exchange: &[u8]) -> Answer {
    let credentials = Credentials {
        listener: "tcp:default".to_owned(),
        auth_method: method.to_owned(),
        auth_data: data.as_bytes().to_vec(),
        exchange: exchange.to_vec(),
        ..Credentials::default()
    };
    node.authenticate(&credentials).await
}

const METHOD: &str = "SCRAM-SHA-256";

async fn challenged(node: &Arc<dyn Provider>, first: &str) -> Challenge {
    match send(node, METHOD, first, b"").await {
        Ok(Verdict::Continue(challenge)) => challenge,
        other => panic!("no challenge for {first}: {other:?}"),
    }
}

/// The final message of a client that knows `password`, and the signature it expects.
fn final_message(hash: ScramHash, bare: &str, challenge: &Challenge, password: &str, gs2: &str) -> (String, String) {
    let server_first = std::str::from_utf8(&challenge.auth_data).unwrap();
    let mut parts = server_first.split(',');
    let nonce = parts.next().unwrap().strip_prefix("r=").unwrap();
    let salt = STANDARD
        .decode(parts.next().unwrap().strip_prefix("s=").unwrap())
        .unwrap();
    let iterations = parts.next().unwrap().strip_prefix("i=").unwrap().parse().unwrap();
    let without_proof = format!("c={},r={nonce}", STANDARD.encode(gs2));
    let auth_message = format!("{bare},{server_first},{without_proof}");
    let made = Scram { hash, iterations };
    let (proof, signature) = scram_client_proof(made, &salt, password.as_bytes(), auth_message.as_bytes()).unwrap();
    (
        format!("{without_proof},p={}", STANDARD.encode(proof)),
        format!("v={}", STANDARD.encode(signature)),
    )
}

/// A whole exchange: the first step on one node, the last on another.
async fn exchange(one: &Arc<dyn Provider>, other: &Arc<dyn Provider>, name: &str, password: &str) -> (Answer, String) {
    let bare = format!("n={name},r=nonce");
    let challenge = challenged(one, &format!("n,,{bare}")).await;
    let (last, signature) = final_message(ScramHash::Sha256, &bare, &challenge, password, "n,,");
    (send(other, METHOD, &last, &challenge.exchange).await, signature)
}

fn identity(answer: Answer) -> Box<Identity> {
    match answer {
        Ok(Verdict::Allow(identity)) => identity,
        other => panic!("not allowed: {other:?}"),
    }
}

/// Reason, what the client is told, and the operator's detail.
fn denial(answer: Answer) -> (Reason, String, String) {
    match answer {
        Ok(Verdict::Deny(Denial { finding, auth_data })) => {
            (finding.reason, String::from_utf8(auth_data).unwrap(), finding.detail)
        }
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn an_exchange_begun_on_one_node_ends_on_another() {
    let world = world().await;
    let (answer, signature) = exchange(&world.node(), &world.node(), "user", "pencil").await;
    let identity = identity(answer);
    assert_eq!(String::from_utf8(identity.auth_data).unwrap(), signature);
    assert!(identity.is_superuser);
    let expected = [("scram_username", "user"), ("tenant", "a")];
    assert_eq!(
        identity.client_attrs,
        expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_fail_alike_at_the_proof() {
    let world = world().await;
    let node = world.node();
    let wrong = denial(exchange(&node, &node, "user", "pen").await.0);
    let unknown = denial(exchange(&node, &node, "nobody", "pencil").await.0);
    assert_eq!(
        wrong,
        (Reason::ScramBadProof, "e=invalid-proof".to_owned(), String::new())
    );
    assert_eq!(unknown, wrong);
}

#[tokio::test]
async fn an_unknown_user_is_challenged_alike_by_every_node_for_ever() {
    let world = world().await;
    let told = |challenge: Challenge| {
        let message = String::from_utf8(challenge.auth_data).unwrap();
        message.split_once(",s=").unwrap().1.to_owned()
    };
    let one = told(challenged(&world.node(), "n,,n=nobody,r=a").await);
    *world.keys.lock().unwrap() = keys(5);
    let other = told(challenged(&world.node(), "n,,n=nobody,r=b").await);
    assert_eq!(one, other);
    let known = told(challenged(&world.node(), "n,,n=user,r=b").await);
    assert_eq!((known.len(), one.ends_with(",i=4096")), (one.len(), true));
    assert_ne!(one, told(challenged(&world.node(), "n,,n=somebody,r=b").await));
}

#[tokio::test]
async fn an_exchange_outlives_a_rotation_of_the_keys() {
    let world = world().await;
    let node = world.node();
    let challenge = challenged(&node, "n,,n=user,r=nonce").await;
    *world.keys.lock().unwrap() = keys(2);
    let (last, _) = final_message(ScramHash::Sha256, "n=user,r=nonce", &challenge, "pencil", "n,,");
    identity(send(&node, METHOD, &last, &challenge.exchange).await);
}

#[tokio::test]
async fn a_user_deleted_in_between_fails_at_the_proof() {
    let world = world().await;
    let node = world.node();
    let challenge = challenged(&node, "n,,n=user,r=nonce").await;
    let (last, _) = final_message(ScramHash::Sha256, "n=user,r=nonce", &challenge, "pencil", "n,,");
    world.users.lock().unwrap().clear();
    assert_eq!(
        denial(send(&node, METHOD, &last, &challenge.exchange).await).0,
        Reason::ScramBadProof
    );
}

#[tokio::test]
async fn a_node_that_has_not_heard_of_the_user_yet_does_not_decide() {
    let world = world().await;
    let node = world.node();
    let challenge = challenged(&node, "n,,n=user,r=nonce").await;
    let (last, _) = final_message(ScramHash::Sha256, "n=user,r=nonce", &challenge, "pencil", "n,,");
    world.change("user", |user| user.revision = 3);
    assert_eq!(
        send(&node, METHOD, &last, &challenge.exchange)
            .await
            .unwrap_err()
            .reason,
        Reason::NotReady
    );
}

#[tokio::test]
async fn only_who_proves_the_password_learns_that_the_user_may_not_log_in() {
    let world = world().await;
    let node = world.node();
    world.change("user", |user| user.disabled = true);
    assert_eq!(
        denial(exchange(&node, &node, "user", "pencil").await.0).0,
        Reason::UserDisabled
    );
    assert_eq!(
        denial(exchange(&node, &node, "user", "wrong").await.0).0,
        Reason::ScramBadProof
    );
    world.change("user", |user| {
        user.disabled = false;
        user.expires_at = Some(Timestamp(1_000_000));
    });
    assert_eq!(
        denial(exchange(&node, &node, "user", "pencil").await.0).0,
        Reason::CredentialExpired
    );
}

#[tokio::test]
async fn the_name_of_the_connection_must_be_the_proven_one_unless_told_otherwise() {
    let world = world().await;
    for (bind, claimed, allowed) in [
        (true, "user", true),
        (true, "", true),
        (true, "I am another", false),
        (false, "I am another", true),
    ] {
        let node = world.node_with("scram", json!({ "bind_username": bind }));
        let challenge = challenged(&node, "n,,n=user,r=nonce").await;
        let (last, _) = final_message(ScramHash::Sha256, "n=user,r=nonce", &challenge, "pencil", "n,,");
        let credentials = Credentials {
            listener: "tcp:default".to_owned(),
            username: claimed.to_owned(),
            auth_method: METHOD.to_owned(),
            auth_data: last.into_bytes(),
            exchange: challenge.exchange,
            ..Credentials::default()
        };
        let answer = node.authenticate(&credentials).await;
        if allowed {
            identity(answer);
        } else {
            assert_eq!(denial(answer).0, Reason::NotAuthorized);
        }
    }
}

#[tokio::test]
async fn a_change_of_algorithm_or_iterations_breaks_nobody() {
    let world = world().await;
    let changed = world.node_with("scram", json!({"algorithm": "sha512", "iteration_count": 10_000}));
    identity(exchange(&changed, &changed, "user", "pencil").await.0);

    world.put("new", "paper", "sha512").await;
    let bare = "n=new,r=nonce";
    let Ok(Verdict::Continue(challenge)) = send(&changed, "SCRAM-SHA-512", "n,,n=new,r=nonce", b"").await else {
        panic!("no challenge");
    };
    let (last, _) = final_message(ScramHash::Sha512, bare, &challenge, "paper", "n,,");
    identity(send(&changed, "SCRAM-SHA-512", &last, &challenge.exchange).await);
}

#[tokio::test]
async fn who_asks_for_another_method_or_brings_no_message_is_passed_on() {
    let world = world().await;
    let node = world.node();
    for (method, first, reason) in [
        ("SCRAM-SHA-512", "n,,n=nobody,r=x", Reason::MethodMismatch),
        ("SCRAM-SHA-512", "n,,n=user,r=x", Reason::MethodMismatch),
        ("SCRAM-SHA-1", "n,,n=user,r=x", Reason::MethodMismatch),
        ("", "n,,n=user,r=x", Reason::MethodMismatch),
        (METHOD, "", Reason::MissingCredential),
    ] {
        assert_eq!(
            send(&node, method, first, b"").await,
            Ok(Verdict::ignore(reason)),
            "{method} {first}"
        );
    }
    assert!(node.speaks(METHOD) && node.speaks("SCRAM-SHA-512") && !node.speaks("SCRAM-SHA-1"));
}

#[tokio::test]
async fn names_are_prepared() {
    let world = world().await;
    let node = world.node();
    world.put("IX", "pencil", "sha256").await;
    let challenge = challenged(&node, "n,,n=\u{2168},r=nonce").await;
    let (last, _) = final_message(ScramHash::Sha256, "n=\u{2168},r=nonce", &challenge, "pencil", "n,,");
    identity(send(&node, METHOD, &last, &challenge.exchange).await);
}

#[tokio::test]
async fn without_keys_it_fails_and_says_so() {
    let world = world().await;
    *world.keys.lock().unwrap() = None;
    let node = world.node();
    let error = send(&node, METHOD, "n,,n=user,r=x", b"").await.unwrap_err();
    assert_eq!(error.reason, Reason::BackendUnavailable);
    assert_eq!(node.health().status, ProviderStatus::Connecting);
}

#[test]
fn every_fault_of_the_settings_is_named_at_once() {
    let settings = json!({"algorithm": "sha1", "iteration_count": 0, "bind_username": "yes", "name": "x"});
    let faults = check("scram", "built_in_database", &settings).unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "settings.bind_username",
            "settings.algorithm",
            "settings.iteration_count",
            "settings.name"
        ]
    );
    let defaults = json!({"algorithm": "sha256", "iteration_count": 4096, "bind_username": true});
    assert_eq!(check("scram", "built_in_database", &json!({})).unwrap(), defaults);
}
