//! Access tokens that are shown to the server.

use super::*;

fn give_out(request: &Request) -> Reply {
    match request.text().as_str() {
        "grant_type=client_credentials&client_id=me&client_secret=s%26cret&scope=auth" => {
            Reply::json(json!({"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600}))
        }
        _ => Reply::status("401 Unauthorized"),
    }
}

fn by_token(request: &Request) -> Reply {
    match request.header("authorization") {
        "Bearer t0ken" => Reply::json(json!({"result": "allow"})),
        _ => Reply::status("401 Unauthorized"),
    }
}

fn grant(from: &Decider, secret: &str) -> Value {
    json!({"oauth2": {
        "enable": true,
        "token_endpoint": format!("{}/token", from.url()),
        "client_id": "me",
        "client_secret": secret,
        "scope": "auth",
    }})
}

#[tokio::test]
async fn one_token_is_shown_with_every_request() {
    let tokens = Decider::start(give_out).await.unwrap();
    let house = house(by_token, grant(&tokens, "s&cret")).await;
    for _ in 0..3 {
        assert_eq!(house.says_of("ann", "pw").await, "allow");
    }
    assert_eq!(tokens.requests().len(), 1);
}

#[tokio::test]
async fn without_a_token_nobody_is_asked() {
    let tokens = Decider::start(give_out).await.unwrap();
    let house = house(by_token, grant(&tokens, "wrong")).await;
    let error = house.answer(&client("ann", "pw")).await.unwrap_err();
    assert!(
        error.detail.contains("access token") && error.detail.contains("401"),
        "{error}"
    );
    assert!(house.server.requests().is_empty());
    assert_eq!(house.provider.health().status, ProviderStatus::Disconnected);
}

#[tokio::test]
async fn the_secret_may_lie_in_a_file_of_the_node_and_is_read_anew() {
    let tokens = Decider::start(give_out).await.unwrap();
    let house = house(by_token, grant(&tokens, "file:idp")).await;
    let health = house.provider.health();
    assert!(health.error.contains("idp"), "{health:?}");
    std::fs::write(house.secrets.path().join("idp"), "s&cret\n").unwrap();
    house
        .health_when(|health| health.status == ProviderStatus::Connected)
        .await;
    assert_eq!(house.says_of("ann", "pw").await, "allow");
}
