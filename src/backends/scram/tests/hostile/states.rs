//! States that were changed, that are of elsewhere, or that something has overtaken.

use super::*;
use crate::auth::{Key, SharedKeys};
use crate::backends::scram::tests::world::World;

const FOREIGN: &str = "the state of the exchange is not from this cluster, or was changed on its way";
const UNKNOWN_KEY: &str = "the state of the exchange was sealed under a key that is no longer kept";
const LATE: &str = "the client took longer than 30 seconds to answer";

/// What was done to the state, and why it is refused.
type StateRow = (&'static str, fn(&mut Vec<u8>), &'static str);

const STATES: &[StateRow] = &[
    ("one byte", |state| state.truncate(1), FOREIGN),
    ("the head alone", |state| state.truncate(5), FOREIGN),
    ("nothing that is sealed", |state| state.truncate(17), FOREIGN),
    ("cut in the middle", |state| state.truncate(state.len() / 2), FOREIGN),
    (
        "without its last byte",
        |state| state.truncate(state.len() - 1),
        FOREIGN,
    ),
    ("with a byte more", |state| state.push(0), FOREIGN),
    ("twice", |state| state.extend(state.clone()), FOREIGN),
    ("of another version", |state| state[0] = 200, FOREIGN),
    ("of another key", |state| state[4] ^= 4, UNKNOWN_KEY),
    ("under another nonce", |state| state[5] ^= 1, FOREIGN),
    ("changed in what is sealed", |state| state[17] ^= 0x80, FOREIGN),
    ("changed in its tag", |state| *state.last_mut().unwrap() ^= 1, FOREIGN),
    ("of zeros", |state| state.fill(0), FOREIGN),
    ("rubbish", |state| *state = b"rubbish".to_vec(), FOREIGN),
];

#[tokio::test]
async fn a_state_that_was_changed_is_foreign() {
    let world = world().await;
    let node = world.node();
    for (what, change, why) in STATES {
        let (mut exchange, good) = prepared(&node).await;
        let untouched = exchange.clone();
        change(&mut exchange);
        let last = good.with_proof(&good.proof);
        expect(
            what,
            ask(&node, &last, &exchange).await,
            Reason::ScramBadState,
            "other-error",
            why,
        );
        // Who cannot bring it whole does not end it for whom it belongs to.
        identity(ask(&node, &last, &untouched).await);
    }
    let (_, good) = prepared(&node).await;
    let without_state = ask(&node, &good.with_proof(&good.proof), b"").await;
    expect(
        "no state",
        without_state,
        Reason::ScramBadState,
        "other-error",
        BAD_FLAG,
    );
}

/// What happened between the steps, and why the state is refused.
type CrossedRow = (&'static str, fn(&World), &'static str);

const CROSSED: &[CrossedRow] = &[
    ("late", |world| world.clock.advance(Duration::from_secs(31)), LATE),
    (
        "the user was changed",
        |world| world.change("user", |user| user.revision = 5),
        "the user has changed since the exchange began",
    ),
    (
        "the key was forgotten",
        |world| *world.keys.lock().unwrap() = keys(5),
        UNKNOWN_KEY,
    ),
    (
        "the keys were drawn anew",
        |world| *world.keys.lock().unwrap() = other_keys(),
        FOREIGN,
    ),
];

/// What another cluster has under the same id.
fn other_keys() -> Option<Arc<SharedKeys>> {
    let mut shared = SharedKeys::clone(keys(1)?.as_ref());
    shared.sealing.first_mut()?.key = Key::new([99; 32]);
    Some(Arc::new(shared))
}

#[tokio::test]
async fn a_state_that_was_overtaken_is_bad() {
    for (what, happens, why) in CROSSED {
        let world = world().await;
        let node = world.node();
        let (exchange, good) = prepared(&node).await;
        happens(&world);
        let answer = ask(&node, &good.with_proof(&good.proof), &exchange).await;
        expect(what, answer, Reason::ScramBadState, "other-error", why);
    }
}

#[tokio::test]
async fn a_state_from_elsewhere_is_bad() {
    let world = world().await;
    let node = world.node();
    let elsewhere = "the exchange was begun on another listener or chain";
    let (exchange, good) = prepared(&node).await;
    let last = good.with_proof(&good.proof);
    let credentials = |listener: &str, method: &str| Credentials {
        listener: listener.to_owned(),
        auth_method: method.to_owned(),
        auth_data: last.clone(),
        exchange: exchange.clone(),
        ..Credentials::default()
    };
    let on = |listener| credentials(listener, METHOD);
    let bad = |what, answer, why| expect(what, answer, Reason::ScramBadState, "other-error", why);

    bad("listener", node.authenticate(&on("ssl:default")).await, elsewhere);
    bad("no listener", node.authenticate(&on("")).await, elsewhere);
    let other_chain = world.node_of("tcp:default", "scram", json!({}));
    bad("chain", other_chain.authenticate(&on("tcp:default")).await, elsewhere);
    let other_settings = world.node_with("scram", json!({"iteration_count": 5000}));
    let why = "the authenticator's settings have changed since the exchange began";
    bad("settings", other_settings.authenticate(&on("tcp:default")).await, why);
    let why = "the exchange was begun under another mechanism";
    let answer = node.authenticate(&credentials("tcp:default", "SCRAM-SHA-512")).await;
    bad("mechanism", answer, why);
    for method in ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "scram-sha-256", ""] {
        let answer = node.authenticate(&credentials("tcp:default", method)).await;
        assert_eq!(answer, Ok(Verdict::ignore(Reason::MethodMismatch)), "{method}");
    }
    let other = world.node_with("other", json!({}));
    let Ok(Verdict::Ignore(finding)) = other.authenticate(&on("tcp:default")).await else {
        panic!("not passed on");
    };
    assert_eq!(finding.reason, Reason::MethodMismatch);
    // None of them has ended it.
    identity(node.authenticate(&on("tcp:default")).await);
    bad(
        "replayed",
        node.authenticate(&on("tcp:default")).await,
        "the exchange has ended already",
    );
}
