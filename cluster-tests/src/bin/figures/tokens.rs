//! Decisions on tokens in a second, and what one costs the node's processor: beside an empty call of the same size and the bare check
//! of the same signature.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use cluster_tests::Options;
use cluster_tests::calls::message;
use cluster_tests::made_tokens::Made;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::{Value, json};

use crate::echo::EchoProcess;
use crate::logins::unary;
use crate::process_figures::processor_time;
use crate::rate::per_second;
use crate::table::Table;

/// With the key that has signed its token.
const ALGORITHMS: [(&str, &str); 4] = [
    ("HS256", "shared"),
    ("RS256", "rsa"),
    ("ES256", "p256"),
    ("EdDSA", "ed25519"),
];
/// Checks between two looks at the clock.
const AT_ONCE: u64 = 64;
/// What a decision may take beyond both yardsticks.
const AIM: &str = "≤ 3";

/// One node, where each algorithm has a chain with one authenticator of one key.
pub(crate) async fn measure(table: &mut Table, span: Duration) -> Result<()> {
    let cluster = Options::as_shipped(std::env::current_exe()?, 1).start().await?;
    let client = cluster.client(1).await?;
    let node = cluster
        .node(1)?
        .pid()
        .context("the node has ended")?
        .as_raw_nonzero()
        .get();
    let echo = EchoProcess::start()?;
    let echo_client = echo.client(&cluster.connection(1)?).await?;
    let made = Made::before()?;
    for (alg, kid) in ALGORITHMS {
        let token = made.token(alg)?;
        let request = v1::AuthenticateRequest {
            listener: declare(&client, &made, alg, kid).await?,
            client_id: "test".into(),
            username: "ada".into(),
            password: Some(Bytes::copy_from_slice(token.as_bytes())),
            ..v1::AuthenticateRequest::default()
        };
        let answer = client.login().authenticate(request.clone()).await?.into_inner();
        ensure!(answer.decision() == v1::Decision::Allow, "{alg} is not let in");

        let ours = unary(&client, node, span, &request).await?;
        let empty = unary(&echo_client, echo.pid()?, span, &request).await?;
        let bare = bare(&Key::of(&made, kid)?, token, span)?;
        table.compare(
            &format!("{alg} decisions, beside an empty tonic call"),
            "1/s",
            ours.per_second,
            empty.per_second,
            "",
        );
        let beside = bare + empty.micros_each;
        let what = format!("{alg} decision of the node, beside check and call");
        table.compare(&what, "µs", ours.micros_each, beside, "");
        table.state(&format!("{alg} check of the signature alone"), "µs", bare, "");
        let what = format!("{alg} decision beyond check and call");
        table.state(&what, "µs", ours.micros_each - beside, AIM);
    }
    cluster.passed()
}

/// Creates the authenticator of an algorithm, and answers the listener whose chain it is.
async fn declare(client: &Client, made: &Made, alg: &str, kid: &str) -> Result<String> {
    let settings = if kid == "shared" {
        made.by_secret()?
    } else {
        json!({"algorithm": "public-key", "public_key": made.pems(&[kid])?})
    };
    let chain = format!("tcp:{alg}");
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {"chain": chain, "mechanism": "jwt", "enabled": true, "settings": settings},
    }))?;
    client.authenticators().create(request).await?;
    Ok(chain)
}

/// A key as the product has it: read once.
enum Key {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Key {
    fn of(made: &Made, kid: &str) -> Result<Self> {
        if kid == "shared" {
            let secret = STANDARD_NO_PAD.decode(made.secret()?)?;
            return Ok(Self::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &secret))));
        }
        let jwk = &made.key(kid)?["jwk"];
        let member = |name: &str| member(jwk, name);
        let parsed = |algorithm: &'static dyn VerificationAlgorithm, bytes: &[u8]| {
            ParsedPublicKey::new(algorithm, bytes).map(Self::Public)
        };
        let key = match kid {
            "rsa" => RsaPublicKeyComponents {
                n: member("n")?,
                e: member("e")?,
            }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map(Self::Public),
            "p256" => parsed(
                &ECDSA_P256_SHA256_FIXED,
                &[vec![4], member("x")?, member("y")?].concat(),
            ),
            _ => parsed(&ED25519, &member("x")?),
        };
        key.with_context(|| format!("`{kid}` is refused"))
    }

    fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

fn member(jwk: &Value, name: &str) -> Result<Vec<u8>> {
    let text = jwk[name].as_str().with_context(|| format!("no `{name}`"))?;
    Ok(URL_SAFE_NO_PAD.decode(text)?)
}

/// Processor time of one check, in µs: the same call as the product's, over and over on one thread of this process.
fn bare(key: &Key, token: &str, span: Duration) -> Result<f64> {
    let (message, signature) = token.rsplit_once('.').context("no token")?;
    let signature = URL_SAFE_NO_PAD.decode(signature)?;
    let this = i32::try_from(std::process::id())?;
    let (before, started) = (processor_time(this)?, Instant::now());
    let mut count = 0;
    while started.elapsed() < span {
        for _ in 0..AT_ONCE {
            ensure!(
                key.accepts(message.as_bytes(), &signature),
                "a good signature is refused"
            );
        }
        count += AT_ONCE;
    }
    Ok(1_000_000.0 / per_second(count, processor_time(this)? - before))
}
