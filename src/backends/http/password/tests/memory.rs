//! Answers that are remembered, where the settings ask for it.

use futures_util::future::join_all;

use super::*;

fn on(mut more: Value) -> Value {
    more["enable"] = true.into();
    json!({ "cache": more })
}

fn allow_pw(request: &Request) -> Reply {
    let is_right = request.text().contains(r#""password":"pw""#);
    Reply::json(json!({ "result": if is_right { "allow" } else { "deny" } }))
}

#[tokio::test]
async fn without_a_cache_each_login_is_asked_about() {
    let house = house(allow_pw, json!({})).await;
    for _ in 0..3 {
        assert_eq!(house.says_of("ann", "pw").await, "allow");
    }
    assert_eq!(house.asked().len(), 3);
    assert_eq!(house.provider.usage().cache, None);
}

#[tokio::test]
async fn the_same_values_are_asked_about_once_and_others_again() {
    let house = house(allow_pw, on(json!({}))).await;
    for _ in 0..3 {
        assert_eq!(house.says_of("ann", "pw").await, "allow");
        assert_eq!(house.says_of("ann", "wrong").await, "deny NOT_AUTHORIZED");
    }
    assert_eq!(house.asked().len(), 2);
    let cache = house.provider.usage().cache.unwrap();
    assert_eq!((cache.hits, cache.misses), (4, 2));
    // What the request does not carry makes no difference.
    let elsewhere = Credentials {
        peer_port: 4711,
        ..client("ann", "pw")
    };
    assert_eq!(says(&*house.provider, &elsewhere).await, "allow");
    assert_eq!(house.asked().len(), 2);
}

#[tokio::test]
async fn of_many_at_once_one_asks() {
    let house = house(allow_pw, on(json!({}))).await;
    let answers = join_all((0..20).map(|_| house.says_of("ann", "pw"))).await;
    assert!(answers.iter().all(|answer| answer == "allow"));
    assert_eq!(house.asked().len(), 1);
}

#[tokio::test]
async fn a_purge_forgets_and_a_time_of_zero_never_remembers() {
    let purged = house(allow_pw, on(json!({}))).await;
    purged.says_of("ann", "pw").await;
    purged.provider.purge();
    purged.says_of("ann", "pw").await;
    assert_eq!(purged.asked().len(), 2);

    let short = house(allow_pw, on(json!({"negative_ttl": 0}))).await;
    for _ in 0..2 {
        short.says_of("ann", "wrong").await;
        short.says_of("ann", "pw").await;
    }
    assert_eq!(short.asked().len(), 3);
}

#[tokio::test]
async fn a_failure_is_never_remembered() {
    let house = house(|_| Reply::status("400 Bad Request"), on(json!({}))).await;
    assert_eq!(house.says_of("ann", "pw").await, "fail BACKEND_BAD_RESPONSE");
    house.server.decide(allow_pw);
    assert_eq!(house.says_of("ann", "pw").await, "allow");
}
