//! A client that is not ours and was not made with us, PyPI's `scramp`, logs in: its SASLprep, its keys and its proofs.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use cluster_tests::Options;
use cluster_tests::calls::message;
use cluster_tests::node_binary;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::scram::{SCRAM, request, start};

const DEADLINE: Duration = Duration::from_secs(30);

/// The client in a process of its own, waiting for the server's first message.
struct Scramp {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    first: String,
    /// What scramp would keep of the password.
    keys: Value,
}

impl Scramp {
    async fn start(mechanism: &str, name: &str, password: &str) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python = root.join("target/tests-python/bin/python");
        ensure!(
            python.exists(),
            "`target/tests-python` is missing: `cluster-tests/run` makes it, with scramp"
        );
        let mut process = Command::new(python)
            .arg(root.join("cluster-tests/data/scram.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = process.stdin.take().context("no standard input")?;
        let output = process.stdout.take().context("no standard output")?;
        let mut client = Self {
            process,
            input,
            output: BufReader::new(output).lines(),
            first: String::new(),
            keys: Value::Null,
        };
        let order = json!({"mechanism": mechanism, "username": name, "password": password});
        let begun: Value = serde_json::from_str(&client.answer(order.to_string().as_bytes()).await?)?;
        let part = |name: &str| begun.get(name).cloned().with_context(|| format!("no `{name}`"));
        client.first = part("first")?.as_str().context("no text")?.to_owned();
        client.keys = part("keys")?;
        Ok(client)
    }

    /// Its line after that one.
    async fn answer(&mut self, line: &[u8]) -> Result<String> {
        self.input.write_all(line).await?;
        self.input.write_all(b"\n").await?;
        let answer = timeout(DEADLINE, self.output.next_line())
            .await
            .context("it does not answer")??;
        answer.context("it has given up: see its standard error")
    }

    /// Both steps on that node. An ALLOW that it does not believe is an error.
    async fn log_in(mut self, on: &Client, mechanism: &str) -> Result<v1::AuthenticateResponse> {
        let first = request(mechanism, self.first.clone().into_bytes(), &[]);
        let challenge = on.login().authenticate(first).await?.into_inner();
        if challenge.decision() != v1::Decision::Continue {
            bail!("no challenge: {challenge:?}");
        }
        let last = self.answer(&challenge.auth_data).await?;
        let last = request(mechanism, last.into_bytes(), &challenge.exchange);
        let answer = on.login().authenticate(last).await?.into_inner();
        if answer.decision() == v1::Decision::Allow {
            ensure!(self.answer(&answer.auth_data).await? == "believed");
            ensure!(timeout(DEADLINE, self.process.wait()).await??.success());
        }
        Ok(answer)
    }
}

/// Name and password as they are set, and as they are typed at the login.
const TYPED: [[(&str, &str); 2]; 6] = [
    [("bob", "secret"), ("bob", "secret")],
    [("a=b,c", "p,=\"'; "), ("a=b,c", "p,=\"'; ")],
    // Letters and marks apart or as one, wide and narrow, digits of other kinds, no break and soft hyphen.
    [("zo\u{eb}", "caf\u{e9}"), ("zoe\u{308}", "cafe\u{301}")],
    [("\u{ff21}\u{2168}\u{2460}", "\u{fb01}le\u{a0}1"), ("AIX1", "file 1")],
    [("I\u{ad}X", "\u{540d}\u{524d}"), ("IX", "\u{540d}\u{524d}\u{ad}")],
    [
        ("\u{627}\u{628}", "\u{5d0}\u{5d1}"),
        ("\u{627}\u{628}", "\u{5d0}\u{5d1}"),
    ],
];

async fn log_in(client: &Client, mechanism: &str, name: &str, password: &str) -> Result<v1::AuthenticateResponse> {
    Scramp::start(mechanism, name, password)
        .await?
        .log_in(client, mechanism)
        .await
}

async fn create(client: &Client, name: &str, password: Value) -> Result<v1::User> {
    let request: v1::CreateUserRequest = message(json!({
        "user": {"authenticator": SCRAM, "userId": name},
        "password": password,
    }))?;
    Ok(client.users().create(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_implementation_logs_in_by_both_mechanisms_whatever_the_script() -> Result<()> {
    let (cluster, clients) = start(Options::new(node_binary!(), 1)).await?;
    let client = &clients[0];
    for (mechanism, algorithm) in [("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-512", "sha512")] {
        let update: v1::UpdateAuthenticatorRequest = message(json!({
            "authenticator": {"id": SCRAM, "settings": {"algorithm": algorithm}},
            "updateMask": {"paths": ["settings"]},
        }))?;
        client.authenticators().update(update).await?;
        for [(set_name, set_password), (name, password)] in TYPED {
            // Both mechanisms use the same names one after the other.
            let user = create(client, set_name, json!({"password": set_password})).await?;
            assert_eq!(user.hash, mechanism, "{set_name:?}");
            let answer = log_in(client, mechanism, name, password).await?;
            assert_eq!(answer.decision(), v1::Decision::Allow, "{name:?} by {mechanism}");
            let proven = answer.client_attrs.get("scram_username");
            assert_eq!(proven, Some(&user.user_id), "{name:?} by {mechanism}");
            let wrong = log_in(client, mechanism, name, "wrong").await?;
            assert_eq!(wrong.reason(), v1::Reason::ScramBadProof, "{name:?} by {mechanism}");
            let delete = v1::DeleteUserRequest {
                authenticator: SCRAM.into(),
                user_id: name.into(),
                ..v1::DeleteUserRequest::default()
            };
            client.users().delete(delete).await?;
        }
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_another_implementation_has_made_let_its_users_in() -> Result<()> {
    let (cluster, clients) = start(Options::new(node_binary!(), 1)).await?;
    let client = &clients[0];
    for (number, mechanism) in ["SCRAM-SHA-256", "SCRAM-SHA-512"].into_iter().enumerate() {
        let name = format!("zo\u{eb}-{number}");
        let maker = Scramp::start(mechanism, &name, "cafe\u{301}").await?;
        let mut keys = maker.keys.clone();
        keys["algorithm"] = mechanism.into();
        let user = create(client, &name, keys).await?;
        assert_eq!(user.hash, mechanism);
        let answer = maker.log_in(client, mechanism).await?;
        assert_eq!(answer.decision(), v1::Decision::Allow, "{mechanism}");
    }
    cluster.passed()
}
