//! Issuers behind TLS: whom a node takes its keys from, and as whom it asks for them.

use super::authority::{Authority, Pair};
use super::implementations::made;
use super::issuer::{Answer, Issuer};
use super::key_sets::health_when;
use super::*;
use crate::auth::ProviderStatus;

fn set() -> Answer {
    Answer::Set(made().set(&["rsa"]), "1")
}

/// What comes of an endpoint with this `ssl`: an empty text if the keys are there, else what the status says.
async fn trouble_with(issuer: &Issuer, ssl: Value) -> String {
    let dir = tempfile::tempdir().unwrap();
    let settings = json!({"use_jwks": true, "endpoint": issuer.url(), "refresh_interval": "1d", "ssl": ssl});
    let fixture = open_in(dir.path().into(), &settings);
    let health = health_when(&fixture, |health| health.status != ProviderStatus::Connecting).await;
    let answer = fixture.answer(&made().token("RS256", "pyjwt")).await;
    match health.status {
        ProviderStatus::Connected => assert_eq!(said(&answer.unwrap()), "allow"),
        _ => assert_eq!(answer.unwrap_err().reason, Reason::BackendUnavailable),
    }
    health.error
}

#[tokio::test]
async fn an_issuer_of_an_authority_that_nobody_knows_is_not_asked() {
    let authority = Authority::new("an authority").unwrap();
    let tls = authority.acceptor("127.0.0.1", None).unwrap();
    let issuer = Issuer::start_with_tls(set(), tls).await.unwrap();
    let other = Authority::new("an authority").unwrap().certificate;
    for ssl in [json!({}), json!({"cacertfile": other})] {
        let trouble = trouble_with(&issuer, ssl).await;
        assert!(
            trouble.starts_with("invalid peer certificate: ") && trouble.ends_with("; there are no keys"),
            "{trouble}"
        );
    }
    assert_eq!(issuer.requests().len(), 0);
    assert_eq!(
        trouble_with(&issuer, json!({"cacertfile": authority.certificate})).await,
        ""
    );
    assert_eq!(issuer.requests().len(), 1);
}

#[tokio::test]
async fn an_issuer_of_another_name_is_not_asked_unless_that_name_is_expected() {
    let authority = Authority::new("an authority").unwrap();
    let tls = authority.acceptor("issuer.example", None).unwrap();
    let issuer = Issuer::start_with_tls(set(), tls).await.unwrap();
    let trouble = trouble_with(&issuer, json!({"cacertfile": authority.certificate})).await;
    assert!(
        trouble.starts_with("invalid peer certificate: ") && trouble.contains("issuer.example"),
        "{trouble}"
    );
    assert_eq!(issuer.requests().len(), 0);
    for (name, is_expected) in [("issuer.example", true), ("other.example", false)] {
        let ssl = json!({"cacertfile": authority.certificate, "server_name_indication": name});
        assert_eq!(trouble_with(&issuer, ssl).await.is_empty(), is_expected, "{name}");
    }
}

#[tokio::test]
async fn without_verification_any_issuer_is_asked() {
    let tls = Authority::new("an authority")
        .unwrap()
        .acceptor("other.example", None)
        .unwrap();
    let issuer = Issuer::start_with_tls(set(), tls).await.unwrap();
    assert_eq!(trouble_with(&issuer, json!({"verify": "verify_none"})).await, "");
}

#[tokio::test]
async fn a_node_shows_its_certificate_to_an_issuer_that_wants_one() {
    let (servers, clients) = (
        Authority::new("an authority").unwrap(),
        Authority::new("an authority").unwrap(),
    );
    let tls = servers.acceptor("127.0.0.1", Some(&clients)).unwrap();
    let issuer = Issuer::start_with_tls(set(), tls).await.unwrap();
    let showing =
        |Pair { certificate, key }| json!({"cacertfile": servers.certificate, "certfile": certificate, "keyfile": key});
    assert_eq!(
        trouble_with(&issuer, showing(clients.client("a node").unwrap())).await,
        ""
    );
    assert_eq!(issuer.requests().len(), 1);
    for ssl in [
        json!({"cacertfile": servers.certificate}),
        showing(servers.client("a node").unwrap()),
    ] {
        let trouble = trouble_with(&issuer, ssl).await;
        assert!(trouble.contains("alert"), "{trouble}");
    }
    assert_eq!(issuer.requests().len(), 1);
}

#[tokio::test]
async fn certificates_keys_and_headers_may_lie_in_files_of_the_node() {
    let (servers, clients) = (
        Authority::new("an authority").unwrap(),
        Authority::new("an authority").unwrap(),
    );
    let tls = servers.acceptor("127.0.0.1", Some(&clients)).unwrap();
    let issuer = Issuer::start_with_tls(set(), tls).await.unwrap();
    let (dir, Pair { certificate, key }) = (tempfile::tempdir().unwrap(), clients.client("a node").unwrap());
    for (name, text) in [
        ("ca", servers.certificate),
        ("cert", certificate),
        ("key", key),
        ("header", "Bearer x\n".into()),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let settings = json!({
        "use_jwks": true, "endpoint": issuer.url(), "headers": {"authorization": "file:header"},
        "ssl": {"cacertfile": "file:ca", "certfile": "file:cert", "keyfile": "file:key"},
    });
    let fixture = open_in(dir.path().into(), &settings);
    let health = health_when(&fixture, |health| health.status != ProviderStatus::Connecting).await;
    assert_eq!((health.status, &*health.error), (ProviderStatus::Connected, ""));
    let headers = issuer.requests()[0].to_ascii_lowercase();
    assert!(headers.contains("authorization: bearer x"), "{headers}");
}

#[tokio::test]
async fn an_issuer_does_not_lead_from_tls_to_plain_text() {
    let plain = Issuer::start(set()).await.unwrap();
    let authority = Authority::new("an authority").unwrap();
    let tls = authority.acceptor("127.0.0.1", None).unwrap();
    let redirect = Answer::Raw(
        format!("HTTP/1.1 302 Found\r\nLocation: {}", plain.url()),
        String::new(),
    );
    let issuer = Issuer::start_with_tls(redirect, tls).await.unwrap();
    let trouble = trouble_with(&issuer, json!({"cacertfile": authority.certificate})).await;
    assert!(trouble.contains("redirects to another host"), "{trouble}");
    assert_eq!(plain.requests().len(), 0);
}
