//! SCRAM exchanges in a second and what a step costs the node's processor, beside the empty service and the bare arithmetic.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cluster_tests::calls::{create_user_of, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, wait_for};
use hmac::{Hmac, KeyInit, Mac};
use portcullis::hash::ScramHash;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};

use crate::echo::EchoProcess;
use crate::process_figures::processor_time;
use crate::rate::{self, per_second};
use crate::table::Table;

const IN_FLIGHT: u64 = 64;
const NAME: &str = "ada";
const PASSWORD: &str = "lovelace";
const VERIFICATIONS: u32 = 200_000;

/// Exchanges with one node of three, by both mechanisms, each on a listener of its own.
pub(crate) async fn measure(table: &mut Table, span: Duration) -> Result<()> {
    let cluster = Options::as_shipped(std::env::current_exe()?, 3).start().await?;
    let client = cluster.client(1).await?;
    let echo = EchoProcess::start()?;
    let echo_client = echo.client(&cluster.connection(1)?).await?;
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        let user = User::create(&cluster, &client, hash).await?;
        let node = cluster
            .node(1)?
            .pid()
            .context("the node has ended")?
            .as_raw_nonzero()
            .get();
        let ours = exchanges(&client, node, &user, span).await?;
        let beside = empty_exchanges(&echo_client, echo.pid()?, &user, span).await?;
        report(table, &user, &ours, &beside);
    }
    cluster.passed()
}

fn report(table: &mut Table, user: &User, ours: &Measured, beside: &Measured) {
    let mechanism = user.hash.mechanism();
    let exchanges = format!("{mechanism} exchanges, beside two empty tonic calls");
    table.compare(&exchanges, "1/s", ours.per_second, beside.per_second, "");
    let step = format!("{mechanism} step, processor time of the node");
    table.compare(&step, "µs", ours.micros_each / 2.0, beside.micros_each / 2.0, "");
    let bare = user.bare_verification();
    table.state(
        &format!("{mechanism} verification, the bare arithmetic"),
        "µs",
        bare,
        "",
    );
    // One of the two steps verifies.
    let beyond = (ours.micros_each - beside.micros_each - bare) / 2.0;
    table.state(
        &format!("{mechanism} step, beyond arithmetic and empty call"),
        "µs",
        beyond,
        "≤ 3",
    );
}

struct Measured {
    per_second: f64,
    /// Of the server's processor.
    micros_each: f64,
}

impl Measured {
    async fn of<F>(server: i32, span: Duration, act: impl Fn(u64, u64) -> F + Clone + Send + 'static) -> Result<Self>
    where
        F: Future<Output = Result<()>> + Send,
    {
        let before = processor_time(server)?;
        let rate = rate::measure(IN_FLIGHT, span, act).await?;
        let spent = processor_time(server)? - before;
        Ok(Self {
            per_second: rate.per_second,
            micros_each: 1_000_000.0 / per_second(rate.count, spent),
        })
    }
}

async fn exchanges(client: &Client, node: i32, user: &User, span: Duration) -> Result<Measured> {
    let (client, user) = (client.clone(), user.clone());
    Measured::of(node, span, move |lane, turn| {
        let (client, user) = (client.clone(), user.clone());
        async move {
            let bare = format!("n={NAME},r=client-{lane}-{turn}");
            let challenge = user.begin(&client, &bare).await?;
            let last = user.prove(&bare, &challenge.auth_data)?;
            let answer = client
                .login()
                .authenticate(user.request(last, &challenge.exchange))
                .await?
                .into_inner();
            ensure!(answer.decision() == v1::Decision::Allow, "not let in: {answer:?}");
            Ok(())
        }
    })
    .await
}

/// The same messages, to a service that reads them and answers nothing.
async fn empty_exchanges(client: &Client, echo: i32, user: &User, span: Duration) -> Result<Measured> {
    let (client, first, last) = (client.clone(), user.first.clone(), user.last.clone());
    Measured::of(echo, span, move |_, _| {
        let (client, first, last) = (client.clone(), first.clone(), last.clone());
        async move {
            client.login().authenticate(first).await?;
            client.login().authenticate(last).await?;
            Ok(())
        }
    })
    .await
}

/// A user and what its client computes once: salt and iterations do not change.
#[derive(Clone)]
struct User {
    hash: ScramHash,
    listener: String,
    client_key: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
    /// Both requests of one exchange.
    first: v1::AuthenticateRequest,
    last: v1::AuthenticateRequest,
}

impl User {
    async fn create(cluster: &Cluster, client: &Client, hash: ScramHash) -> Result<Self> {
        let listener = format!("tcp:{}", hash.word());
        let request: v1::CreateAuthenticatorRequest = message(json!({"authenticator": {
            "chain": listener, "mechanism": "scram", "backend": "built_in_database", "enabled": true,
            "settings": {"algorithm": hash.word()},
        }}))?;
        let created = client.authenticators().create(request).await?.into_inner();
        create_user_of(client, &listener, &created.id, NAME, PASSWORD).await?;
        wait_for("the keys of the cluster", PATIENCE, async || {
            let request = v1::GetAuthenticatorStatusRequest {
                chain: listener.clone(),
                id: created.id.clone(),
            };
            let status = client.authenticators().get_status(request).await?.into_inner();
            Ok((status.status() == Status::Connected).then_some(()))
        })
        .await?;
        cluster.agree().await?;
        let mut user = Self {
            hash,
            listener,
            client_key: Vec::new(),
            stored_key: Vec::new(),
            server_key: Vec::new(),
            first: v1::AuthenticateRequest::default(),
            last: v1::AuthenticateRequest::default(),
        };
        let bare = format!("n={NAME},r=client-0-0");
        let challenge = user.begin(client, &bare).await?;
        user.derive(&challenge.auth_data)?;
        user.first = user.request(format!("n,,{bare}"), &[]);
        user.last = user.request(user.prove(&bare, &challenge.auth_data)?, &challenge.exchange);
        Ok(user)
    }

    fn request(&self, data: String, exchange: &[u8]) -> v1::AuthenticateRequest {
        v1::AuthenticateRequest {
            listener: self.listener.clone(),
            client_id: "figures".into(),
            auth_method: self.hash.mechanism().into(),
            auth_data: data.into_bytes().into(),
            exchange: exchange.to_vec().into(),
            ..v1::AuthenticateRequest::default()
        }
    }

    async fn begin(&self, client: &Client, bare: &str) -> Result<v1::AuthenticateResponse> {
        let first = self.request(format!("n,,{bare}"), &[]);
        let challenge = client.login().authenticate(first).await?.into_inner();
        ensure!(
            challenge.decision() == v1::Decision::Continue,
            "no challenge: {challenge:?}"
        );
        Ok(challenge)
    }

    fn derive(&mut self, challenge: &[u8]) -> Result<()> {
        let [_, salt, iterations] = parts(challenge)?;
        let salted = self.salted_password(&STANDARD.decode(salt)?, iterations.parse()?)?;
        self.client_key = self.hmac(&salted, b"Client Key")?;
        self.stored_key = self.digest(&self.client_key);
        self.server_key = self.hmac(&salted, b"Server Key")?;
        Ok(())
    }

    fn salted_password(&self, salt: &[u8], iterations: u32) -> Result<Vec<u8>> {
        let mut block = self.hmac(PASSWORD.as_bytes(), &[salt, &1_u32.to_be_bytes()].concat())?;
        let mut salted = block.clone();
        for _ in 1..iterations {
            block = self.hmac(PASSWORD.as_bytes(), &block)?;
            salted = xor(&salted, &block);
        }
        Ok(salted)
    }

    fn prove(&self, bare: &str, challenge: &[u8]) -> Result<String> {
        let [nonce, ..] = parts(challenge)?;
        let without_proof = format!("c=biws,r={nonce}");
        let messages = format!("{bare},{},{without_proof}", std::str::from_utf8(challenge)?);
        let signature = self.hmac(&self.stored_key, messages.as_bytes())?;
        let proof = STANDARD.encode(xor(&self.client_key, &signature));
        Ok(format!("{without_proof},p={proof}"))
    }

    /// What RFC 5802 asks of a server that verifies, over messages as long as those of an exchange, in µs.
    fn bare_verification(&self) -> f64 {
        let messages = [b'x'; 200];
        let proof = vec![7; self.client_key.len()];
        let started = Instant::now();
        for _ in 0..VERIFICATIONS {
            let signature = self.hmac(&self.stored_key, black_box(&messages)).unwrap_or_default();
            let is_right = self.digest(&xor(&proof, &signature)) == self.stored_key;
            black_box((
                is_right,
                self.hmac(&self.server_key, black_box(&messages)).unwrap_or_default(),
            ));
        }
        started.elapsed().as_secs_f64() * 1_000_000.0 / f64::from(VERIFICATIONS)
    }

    fn hmac(&self, key: &[u8], text: &[u8]) -> Result<Vec<u8>> {
        match self.hash {
            ScramHash::Sha256 => mac::<Hmac<Sha256>>(key, text),
            ScramHash::Sha512 => mac::<Hmac<Sha512>>(key, text),
        }
    }

    fn digest(&self, of: &[u8]) -> Vec<u8> {
        match self.hash {
            ScramHash::Sha256 => Sha256::digest(of).to_vec(),
            ScramHash::Sha512 => Sha512::digest(of).to_vec(),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key)?;
    mac.update(text);
    Ok(mac.finalize().into_bytes().to_vec())
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

/// Nonce, salt and iterations of the server's first message.
fn parts(challenge: &[u8]) -> Result<[&str; 3]> {
    let mut attributes = std::str::from_utf8(challenge)?.split(',');
    let mut next = |name: &'static str| {
        let value = attributes.next().and_then(|attribute| attribute.strip_prefix(name));
        value.with_context(|| format!("the challenge lacks `{name}`"))
    };
    Ok([next("r=")?, next("s=")?, next("i=")?])
}
