//! First messages.

use super::*;

/// A first message, what the client is told, and why.
type Row = (&'static [u8], &'static str, &'static str);

const NO_HEADER: &str = "the first message has no GS2 header";
const BOUND: &str = "the client demands channel binding, which needs data of its TLS connection";
const NO_AUTHZID: &str = "the GS2 header holds something other than an authzid";
const SOMEBODY_ELSE: &str = "the client wants to act as somebody else (authzid)";
const NO_NAME: &str = "the first message does not begin with the name (`n=`)";
const NO_NONCE: &str = "the first message has no nonce (`r=`) behind the name";
const BAD_NONCE: &str = "the nonce is empty, longer than 256 bytes or not printable";
const BAD_EQUALS: &str = "a `=` in the name is neither `=2C` nor `=3D`";
const EMPTY_NAME: &str = "the name is empty";
const PROHIBITED: &str =
    "holds characters that SASLprep (RFC 4013) prohibits or does not know, or mixes directions of writing";
const NOTHING_LEFT: &str = "is empty once SASLprep (RFC 4013) has removed what it maps to nothing";

pub(super) const TABLE: &[Row] = &[
    (b"n", "other-error", NO_HEADER),
    (b"n,", "other-error", NO_HEADER),
    (b"n=user,r=x", "other-error", NO_HEADER),
    (b"GET / HTTP/1.1\r\n\r\n", "other-error", NO_HEADER),
    (b"x,,n=user,r=x", "other-error", BAD_FLAG),
    (b",,n=user,r=x", "other-error", BAD_FLAG),
    (b"nn,,n=user,r=x", "other-error", BAD_FLAG),
    (b"N,,n=user,r=x", "other-error", BAD_FLAG),
    (b" n,,n=user,r=x", "other-error", BAD_FLAG),
    (b"p,,n=user,r=x", "other-error", BAD_FLAG),
    (b"c=biws,r=x,p=AAAA", "other-error", BAD_FLAG),
    (b"p=tls-exporter,,n=user,r=x", "channel-binding-not-supported", BOUND),
    (b"p=tls-unique,,n=user,r=x", "channel-binding-not-supported", BOUND),
    (
        b"p=tls-exporter,a=user,n=user,r=x",
        "channel-binding-not-supported",
        BOUND,
    ),
    (b"p=,,n=user,r=x", "channel-binding-not-supported", BOUND),
    (b"n,b=user,n=user,r=x", "other-error", NO_AUTHZID),
    (b"n,user,n=user,r=x", "other-error", NO_AUTHZID),
    (b"n,m=1,n=user,r=x", "other-error", NO_AUTHZID),
    (b"n,A=user,n=user,r=x", "other-error", NO_AUTHZID),
    (b"n,a=,n=user,r=x", "invalid-username-encoding", EMPTY_NAME),
    (b"n,a=us=er,n=user,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,a=user=2c,n=user,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,a=user\x07,n=user,r=x", "invalid-username-encoding", PROHIBITED),
    (b"n,a=other,n=user,r=x", "other-error", SOMEBODY_ELSE),
    (b"y,a=USER,n=user,r=x", "other-error", SOMEBODY_ELSE),
    (b"n,a=user=2C,n=user,r=x", "other-error", SOMEBODY_ELSE),
    (b"n,,", "other-error", NO_NAME),
    (b"n,,,n=user,r=x", "other-error", NO_NAME),
    (b"n,,r=x,n=user", "other-error", NO_NAME),
    (b"n,,N=user,r=x", "other-error", NO_NAME),
    (b"n,,a=user,n=user,r=x", "other-error", NO_NAME),
    (b"n,,n=user", "other-error", NO_NONCE),
    (b"n,,n=user,", "other-error", NO_NONCE),
    (b"n,,n=user,s=x", "other-error", NO_NONCE),
    (b"n,,n=user,z=1,r=x", "other-error", NO_NONCE),
    (b"n,,n=us,er,r=x", "other-error", NO_NONCE),
    (b"n,,n=user,r=", "other-error", BAD_NONCE),
    (b"n,,n=user,r=a b", "other-error", BAD_NONCE),
    (b"n,,n=user,r=a\tb", "other-error", BAD_NONCE),
    (b"n,,n=user,r=x\n", "other-error", BAD_NONCE),
    (b"n,,n=user,r=\x7f", "other-error", BAD_NONCE),
    (b"n,,n=user,r=\xc3\xa4", "other-error", BAD_NONCE),
    (b"n,,n=user,r=a,b", "other-error", ASTRAY),
    (b"n,,n=user,r=x,", "other-error", ASTRAY),
    (b"n,,n=user,r=x,r=y", "other-error", ASTRAY),
    (b"n,,n=user,r=x,n=other", "other-error", ASTRAY),
    (b"n,,n=user,r=x,p=AAAA", "other-error", ASTRAY),
    (b"n,,n=user,r=x,1=y", "other-error", ASTRAY),
    (b"n,,n=user,r=x,zz", "other-error", ASTRAY),
    (b"n,,n=user,r=x,z=", "other-error", ASTRAY),
    (b"n,,m=1,n=user,r=x", "extensions-not-supported", EXTENDED),
    (b"n,,n=user,r=x,m=1", "extensions-not-supported", EXTENDED),
    (b"n,,n=user,r=x,z=1,m=", "extensions-not-supported", EXTENDED),
    (b"n,,n=,r=x", "invalid-username-encoding", EMPTY_NAME),
    (b"n,,n==,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,,n=a=b,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,,n=a=2,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,,n=a=2c,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,,n=a=3d,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,,n=a=3D=,r=x", "invalid-username-encoding", BAD_EQUALS),
    (b"n,,n=a\x07b,r=x", "invalid-username-encoding", PROHIBITED),
    // A change of direction, letters of two directions, private use, unassigned in Unicode 3.2.
    (b"n,,n=\xe2\x80\xaeuser,r=x", "invalid-username-encoding", PROHIBITED),
    (b"n,,n=a\xd8\xa7,r=x", "invalid-username-encoding", PROHIBITED),
    (b"n,,n=\xee\x80\x80,r=x", "invalid-username-encoding", PROHIBITED),
    (b"n,,n=\xf0\x9f\x90\x9a,r=x", "invalid-username-encoding", PROHIBITED),
    (b"n,,n=\xc2\xad,r=x", "invalid-username-encoding", NOTHING_LEFT),
    (b"n,,n=\xff,r=x", "invalid-encoding", NOT_UTF8),
    // Longer than it need be, half a pair, cut short.
    (b"n,,n=\xc0\xaf,r=x", "invalid-encoding", NOT_UTF8),
    (b"n,,n=\xed\xa0\x80,r=x", "invalid-encoding", NOT_UTF8),
    (b"n,,n=user,r=x,z=\xc3", "invalid-encoding", NOT_UTF8),
    (b"n,,n=user\0,r=x", "invalid-encoding", NUL),
    (b"\0", "invalid-encoding", NUL),
];

#[tokio::test]
async fn every_faulty_first_message_is_told_what_rfc_5802_has_for_it() {
    let world = world().await;
    let node = world.node();
    for (message, told, why) in TABLE {
        let what = String::from_utf8_lossy(message);
        expect(&what, ask(&node, message, b"").await, Reason::ScramBadState, told, why);
    }
    challenged(&node, "n,a=user,n=user,r=x").await;
    challenged(&node, "y,,n=user,r=x,z=1,y=2").await;
}

#[tokio::test]
async fn a_first_message_past_a_bound_is_refused_and_one_at_it_is_not() {
    let world = world().await;
    let node = world.node();
    let long = |name: usize, nonce: usize| format!("n,,n={},r={}", "u".repeat(name), "x".repeat(nonce));
    challenged(&node, &long(1024, 256)).await;
    for (name, nonce, told, why) in [
        (
            1025,
            1,
            "invalid-username-encoding",
            "the name is longer than 1024 bytes",
        ),
        (1, 257, "other-error", BAD_NONCE),
        (1, 4090, "other-error", "the message is longer than 4096 bytes"),
    ] {
        let answer = ask(&node, long(name, nonce).as_bytes(), b"").await;
        expect(&format!("{name} and {nonce}"), answer, Reason::ScramBadState, told, why);
    }
}
