//! Keys that a server knows.

use serde_json::Value;

use super::world::World;
use super::*;
use crate::backends::scram::HTTP_BACKEND;
use crate::backends::stand;
use crate::backends::stand::decider::{Decider, Reply, Request};

/// Those of `user` with the password `pencil`, salt and iterations as in RFC 7677.
fn keys_of_user() -> Value {
    json!({
        "salt": "5b6d99689d12358eeca04b141236fa81",
        "stored_key": "586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6",
        "server_key": "c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5",
        "is_superuser": true,
        "client_attrs": {"tenant": "a"},
    })
}

fn knows_user(request: &Request) -> Reply {
    match request.text().as_str() {
        r#"{"u":"user"}"# => Reply::json(keys_of_user()),
        r#"{"u":"gone"}"# => Reply::status("404 Not Found"),
        _ => Reply::json("{}"),
    }
}

fn node(world: &Arc<World>, server: &Decider) -> Arc<dyn Provider> {
    let settings =
        json!({"method": "post", "url": server.url(), "body": {"u": "${username}"}, "request_timeout": "2s"});
    let settings = check("scram", "http", &settings).unwrap();
    (HTTP_BACKEND.open)(&stand::key(), &settings, &world.context()).unwrap()
}

async fn both(decide: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Decider, [Arc<dyn Provider>; 2]) {
    let (world, server) = (world().await, Decider::start(decide).await.unwrap());
    let nodes = [node(&world, &server), node(&world, &server)];
    (server, nodes)
}

#[tokio::test]
async fn what_one_node_has_fetched_another_checks_the_proof_against() {
    let (server, [one, other]) = both(knows_user).await;
    let bare = "n=user,r=nonce";
    let challenge = challenged(&one, &format!("n,,{bare}")).await;
    // What the server says from now on is too late for this exchange.
    server.decide(|_| Reply::json("{}"));
    let (last, signature) = final_message(ScramHash::Sha256, bare, &challenge, "pencil", "n,,");
    let answer = send(&other, METHOD, &last, &challenge.exchange).await;
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
async fn whom_the_server_does_not_know_fails_at_the_proof_like_a_wrong_password() {
    let (_server, [one, other]) = both(knows_user).await;
    let wrong = denial(exchange(&one, &other, "user", "pen").await.0);
    assert_eq!((wrong.0, wrong.1.as_str()), (Reason::ScramBadProof, "e=invalid-proof"));
    for name in ["nobody", "gone"] {
        assert_eq!(denial(exchange(&one, &other, name, "pencil").await.0), wrong, "{name}");
    }
}

#[tokio::test]
async fn half_an_answer_and_none_at_all_are_failures_and_no_challenge() {
    let (server, [node, _]) = both(knows_user).await;
    for (field, value) in [
        ("salt", json!("xyz")),
        ("salt", json!("")),
        ("stored_key", json!(null)),
        ("stored_key", json!("abcd")),
        ("server_key", json!(7)),
        ("client_attrs", json!([])),
        ("expire_at", json!("soon")),
    ] {
        let mut keys = keys_of_user();
        keys[field] = value;
        server.decide(move |request| match request.text().contains("ann") {
            true => Reply::json(&keys),
            false => Reply::json("{}"),
        });
        let error = send(&node, METHOD, "n,,n=ann,r=nonce", b"").await.unwrap_err();
        assert_eq!(error.reason, Reason::BackendBadResponse, "{field}: {error}");
    }
    server.decide(|_| Reply::status("500 Internal Server Error"));
    let error = send(&node, METHOD, "n,,n=user,r=nonce", b"").await.unwrap_err();
    assert_eq!(error.reason, Reason::BackendUnavailable);
}

#[tokio::test]
async fn another_mechanism_and_an_expired_user_are_not_let_in() {
    let (server, [node, _]) = both(knows_user).await;
    assert!(!node.speaks("SCRAM-SHA-512") && node.speaks(METHOD));
    let answer = send(&node, "SCRAM-SHA-512", "n,,n=user,r=nonce", b"").await;
    assert_eq!(answer, Ok(Verdict::ignore(Reason::MethodMismatch)));
    server.decide(|_| {
        let mut keys = keys_of_user();
        keys["expire_at"] = json!(1);
        Reply::json(keys)
    });
    assert_eq!(
        denial(exchange(&node, &node, "user", "pencil").await.0).0,
        Reason::CredentialExpired
    );
}
