//! Final messages of a client that could prove its password.

use super::*;

/// What is wrong, the message, what the client is told, and why (empty: it is the proof that is wrong).
type Row = (&'static str, fn(&Good) -> Vec<u8>, &'static str, &'static str);

const NO_PROOF: &str = "the final message does not end with a proof (`p=`)";
const NO_BINDING: &str = "the final message does not begin with `c=`";
const NO_FINAL_NONCE: &str = "the final message has no nonce (`r=`) behind `c=`";
const NOT_BASE64: &str = "a part of the message is not base64";
const OTHER_BINDING: &str = "`c=` is not the GS2 header of the first message";
const OTHER_NONCE: &str = "the nonce is not the one of this exchange";

pub(super) const TABLE: &[Row] = &[
    ("nothing", |_| Vec::new(), "other-error", NO_PROOF),
    (
        "the first message again",
        |_| b"n,,n=user,r=nonce".to_vec(),
        "other-error",
        NO_PROOF,
    ),
    (
        "no proof",
        |good| format!("c=biws,r={}", good.nonce).into(),
        "other-error",
        NO_PROOF,
    ),
    (
        "the proof alone",
        |good| format!("p={}", good.proof).into(),
        "other-error",
        NO_PROOF,
    ),
    (
        "the proof in front",
        |good| format!("p={},c=biws,r={}", good.proof, good.nonce).into(),
        "other-error",
        NO_PROOF,
    ),
    (
        "no binding",
        |good| format!("r={},p={}", good.nonce, good.proof).into(),
        "other-error",
        NO_BINDING,
    ),
    (
        "nonce and binding the wrong way round",
        |good| format!("r={},c=biws,p={}", good.nonce, good.proof).into(),
        "other-error",
        NO_BINDING,
    ),
    (
        "an extension in front",
        |good| format!("m=1,c=biws,r={},p={}", good.nonce, good.proof).into(),
        "other-error",
        NO_BINDING,
    ),
    (
        "no nonce",
        |good| format!("c=biws,p={}", good.proof).into(),
        "other-error",
        NO_FINAL_NONCE,
    ),
    ("an empty attribute", |good| good.with_more(""), "other-error", ASTRAY),
    ("a name", |good| good.with_more("n=user"), "other-error", ASTRAY),
    ("two nonces", |good| good.with_more("r=nonce"), "other-error", ASTRAY),
    (
        "two proofs",
        |good| good.with_more(&format!("p={}", good.proof)),
        "other-error",
        ASTRAY,
    ),
    (
        "an extension without a value",
        |good| good.with_more("z="),
        "other-error",
        ASTRAY,
    ),
    (
        "an extension that is demanded",
        |good| good.with_more("m=1"),
        "extensions-not-supported",
        EXTENDED,
    ),
    (
        "an extension that was not signed",
        |good| good.with_more("z=1"),
        "invalid-proof",
        "",
    ),
    (
        "something behind the proof",
        |good| good.with_proof(&format!("{},z=1", good.proof)),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a line end behind the proof",
        |good| good.with_proof(&format!("{}\n", good.proof)),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a comma behind the proof",
        |good| good.with_proof(&format!("{},", good.proof)),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a proof that is not base64",
        |good| good.with_proof("!!!!"),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a proof in hexadecimal",
        |good| good.with_proof("abc"),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a proof for addresses",
        |good| good.with_proof("-_-_"),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a proof without its padding",
        |good| good.with_proof(good.proof.trim_end_matches('=')),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a proof that is padded twice",
        |good| good.with_proof(&format!("{}=", good.proof)),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "bits behind the last byte of the proof",
        |good| good.with_proof(&format!("{}B=", "A".repeat(42))),
        "invalid-encoding",
        NOT_BASE64,
    ),
    ("an empty proof", |good| good.with_proof(""), "invalid-proof", ""),
    (
        "a proof that is a byte too short",
        |good| good.with_proof_bytes(|proof| proof.truncate(31)),
        "invalid-proof",
        "",
    ),
    (
        "a proof that is a byte too long",
        |good| good.with_proof_bytes(|proof| proof.push(0)),
        "invalid-proof",
        "",
    ),
    (
        "a proof of which a bit was flipped",
        |good| good.with_proof_bytes(|proof| proof[0] ^= 1),
        "invalid-proof",
        "",
    ),
    (
        "a proof of zeros",
        |good| good.with_proof_bytes(|proof| proof.fill(0)),
        "invalid-proof",
        "",
    ),
    (
        "a binding that is not base64",
        |good| good.with("b!ws", &good.nonce, &good.proof),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "a binding that is cut",
        |good| good.with("biw", &good.nonce, &good.proof),
        "invalid-encoding",
        NOT_BASE64,
    ),
    (
        "an empty binding",
        |good| good.with_binding(""),
        "channel-bindings-dont-match",
        OTHER_BINDING,
    ),
    (
        "the flag of another header",
        |good| good.with_binding("y,,"),
        "channel-bindings-dont-match",
        OTHER_BINDING,
    ),
    (
        "the authzid of another header",
        |good| good.with_binding("n,a=user,"),
        "channel-bindings-dont-match",
        OTHER_BINDING,
    ),
    (
        "binding data that nobody asked for",
        |good| good.with_binding("n,,data"),
        "channel-bindings-dont-match",
        OTHER_BINDING,
    ),
    (
        "the binding of a connection",
        |good| good.with_binding("p=tls-exporter,,data"),
        "channel-bindings-dont-match",
        OTHER_BINDING,
    ),
    ("an empty nonce", |good| good.with_nonce(""), "other-error", OTHER_NONCE),
    (
        "the client's nonce alone",
        |good| good.with_nonce("nonce"),
        "other-error",
        OTHER_NONCE,
    ),
    (
        "the server's nonce alone",
        |good| good.with_nonce(good.nonce.strip_prefix("nonce").unwrap()),
        "other-error",
        OTHER_NONCE,
    ),
    (
        "a nonce that is cut",
        |good| good.with_nonce(&good.nonce[..good.nonce.len() - 1]),
        "other-error",
        OTHER_NONCE,
    ),
    (
        "a nonce that goes on",
        |good| good.with_nonce(&format!("{}x", good.nonce)),
        "other-error",
        OTHER_NONCE,
    ),
    (
        "a nonce in capitals",
        |good| good.with_nonce(&good.nonce.to_uppercase()),
        "other-error",
        OTHER_NONCE,
    ),
    (
        "a nonce with a comma",
        |good| good.with_nonce(&format!("{},x", good.nonce)),
        "other-error",
        ASTRAY,
    ),
    (
        "a NUL",
        |good| good.with_nonce(&format!("{}\0", good.nonce)),
        "invalid-encoding",
        NUL,
    ),
    (
        "what is no text",
        |good| [&good.with_proof(&good.proof)[..], b"\xff"].concat(),
        "invalid-encoding",
        NOT_UTF8,
    ),
];

#[tokio::test]
async fn every_faulty_final_message_is_told_what_rfc_5802_has_for_it() {
    let world = world().await;
    let node = world.node();
    for (what, message, told, why) in TABLE {
        let (exchange, good) = prepared(&node).await;
        let reason = match *told {
            "invalid-proof" => Reason::ScramBadProof,
            _ => Reason::ScramBadState,
        };
        expect(what, ask(&node, &message(&good), &exchange).await, reason, told, why);
        // Whatever was wrong, the exchange is over.
        let again = ask(&node, &good.with_proof(&good.proof), &exchange).await;
        expect(
            what,
            again,
            Reason::ScramBadState,
            "other-error",
            "the exchange has ended already",
        );
    }
    let (exchange, good) = prepared(&node).await;
    let long = good.with_more(&format!("z={}", "x".repeat(4096)));
    let why = "the message is longer than 4096 bytes";
    expect(
        "long",
        ask(&node, &long, &exchange).await,
        Reason::ScramBadState,
        "other-error",
        why,
    );
    let (exchange, good) = prepared(&node).await;
    identity(ask(&node, &good.with_proof(&good.proof), &exchange).await);
}

#[tokio::test]
async fn optional_extensions_are_signed_along() {
    let world = world().await;
    let node = world.node();
    let bare = "n=user,r=nonce,z=1";
    let challenge = challenged(&node, &format!("n,,{bare}")).await;
    let (last, signature) = final_message(ScramHash::Sha256, bare, &challenge, "pencil", "n,,");
    let answer = send(&node, METHOD, &last, &challenge.exchange).await;
    assert_eq!(String::from_utf8(identity(answer).auth_data).unwrap(), signature);

    let challenge = challenged(&node, &format!("n,,{bare}")).await;
    let (last, _) = final_message(ScramHash::Sha256, "n=user,r=nonce,z=2", &challenge, "pencil", "n,,");
    let answer = send(&node, METHOD, &last, &challenge.exchange).await;
    expect("another extension", answer, Reason::ScramBadProof, "invalid-proof", "");
}

#[tokio::test]
async fn a_proof_is_of_one_exchange() {
    let world = world().await;
    let node = world.node();
    let ((one, of_one), (other, of_other)) = (prepared(&node).await, prepared(&node).await);
    let crossed = of_one.with_nonce(&of_other.nonce);
    expect(
        "another's proof",
        ask(&node, &crossed, &other).await,
        Reason::ScramBadProof,
        "invalid-proof",
        "",
    );
    let whole = of_other.with_proof(&of_other.proof);
    let why = OTHER_NONCE;
    expect(
        "another's message",
        ask(&node, &whole, &one).await,
        Reason::ScramBadState,
        "other-error",
        why,
    );
}
