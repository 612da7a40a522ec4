//! A server that hangs, dies and comes back.

use super::*;

#[tokio::test]
async fn a_server_that_hangs_up_or_hangs_is_a_failure_in_time() {
    let house = house(|_| Reply::status("204 No Content"), json!({"request_timeout": "300ms"})).await;
    let only_ann = |reply: Reply| {
        move |request: &Request| match request.text().contains("ann") {
            true => reply.clone(),
            false => Reply::status("204 No Content"),
        }
    };
    house.server.decide(only_ann(Reply::HangUp));
    assert_eq!(house.says_of("ann", "pw").await, "fail BACKEND_UNAVAILABLE");
    house.server.decide(only_ann(Reply::Silence));
    assert_eq!(house.says_of("ann", "pw").await, "fail BACKEND_TIMEOUT");
    assert_eq!(house.says_of("bob", "pw").await, "allow");
}

#[tokio::test]
async fn a_dead_server_is_not_asked_again_until_it_answers_a_probe() {
    let house = house(|_| Reply::status("204 No Content"), json!({})).await;
    house.server.decide(|_| Reply::status("500 Internal Server Error"));
    let end = Instant::now() + PATIENCE;
    loop {
        let error = house.answer(&client("ann", "pw")).await.unwrap_err();
        if error.detail.contains("not asked") {
            assert!(error.detail.contains("500"), "{error}");
            break;
        }
        assert!(Instant::now() < end, "{error}");
    }
    let health = house
        .health_when(|health| health.status == ProviderStatus::Disconnected)
        .await;
    assert!(health.error.contains("500"), "{health:?}");
    let before = house.asked().len();
    house.answer(&client("ann", "pw")).await.unwrap_err();
    assert_eq!(house.asked().len(), before);
    house.server.decide(|_| Reply::status("204 No Content"));
    house
        .health_when(|health| health.status == ProviderStatus::Connected)
        .await;
    assert_eq!(house.says_of("ann", "pw").await, "allow");
}

/// The server's opinion of one client says nothing of the server.
#[tokio::test]
async fn a_client_cannot_have_the_server_taken_for_dead() {
    let decide = |request: &Request| match request.text().contains("mallory") {
        true => Reply::status("400 Bad Request"),
        false => Reply::status("204 No Content"),
    };
    let house = house(decide, json!({})).await;
    for _ in 0..10 {
        assert_eq!(house.says_of("mallory", "pw").await, "fail BACKEND_BAD_RESPONSE");
    }
    assert_eq!(house.says_of("ann", "pw").await, "allow");
}

#[tokio::test]
async fn more_logins_than_may_wait_are_told_at_once() {
    let decide = |request: &Request| match request.text().contains("slow") {
        true => Reply::Silence,
        false => Reply::status("204 No Content"),
    };
    let more = json!({"pool_size": 1, "max_waiting": 1, "request_timeout": "10s"});
    let house = house(decide, more).await;
    let slow = client("slow", "pw");
    let (mut first, mut second) = (house.provider.authenticate(&slow), house.provider.authenticate(&slow));
    assert!(futures_util::poll!(&mut first).is_pending() && futures_util::poll!(&mut second).is_pending());
    let usage = house.provider.usage();
    assert_eq!((usage.asking, usage.waiting), (1, 1));
    assert_eq!(house.says_of("ann", "pw").await, "fail OVERLOADED");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_and_no_secret_with_it() {
    let house = house(
        |_| Reply::status("204 No Content"),
        json!({"headers": {"x-key": "hunter2"}}),
    )
    .await;
    let House { server, provider, .. } = house;
    drop(server);
    let error = provider.authenticate(&client("ann", "hunter3")).await.unwrap_err();
    let told = format!("{error} {error:?} {:?}", provider.health());
    assert!(!told.contains("hunter"), "{told}");
}
