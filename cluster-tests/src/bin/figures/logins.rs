//! Decisions in a second, one call each and streamed, and what one costs the node's processor.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cluster_tests::Options;
use cluster_tests::calls::{create_user, credentials};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::echo::EchoProcess;
use crate::process_figures::processor_time;
use crate::rate::{self, per_second};
use crate::table::Table;

const IN_FLIGHT: u64 = 64;

/// What was done, how fast, and what it cost the server.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) micros_each: f64,
}

impl Measured {
    pub(crate) fn new(count: u64, rate: f64, processor: Duration) -> Self {
        Self {
            per_second: rate,
            micros_each: 1_000_000.0 / per_second(count, processor),
        }
    }
}

/// Logins against a sha256 record on one node of three, beside the empty service.
pub(crate) async fn measure(table: &mut Table, span: Duration) -> Result<()> {
    let cluster = Options::as_shipped(std::env::current_exe()?, 3).start().await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    cluster.agree().await?;
    let node = cluster
        .node(1)?
        .pid()
        .context("the node has ended")?
        .as_raw_nonzero()
        .get();
    let echo = EchoProcess::start()?;
    let echo_client = echo.client(&cluster.connection(1)?).await?;

    let request = credentials("ada", "lovelace");
    let (ours, beside) = (
        unary(&client, node, span, &request).await?,
        unary(&echo_client, echo.pid()?, span, &request).await?,
    );
    report(table, "unary", &ours, &beside, "≤ 1.5");
    let login = credentials("ada", "lovelace");
    let (ours, beside) = (
        streamed(&client, &login, node, span).await?,
        streamed(&echo_client, &login, echo.pid()?, span).await?,
    );
    report(table, "streamed", &ours, &beside, "≤ 3");
    cluster.passed()
}

fn report(table: &mut Table, kind: &str, ours: &Measured, beside: &Measured, aim: &str) {
    let decisions = format!("{kind} decisions, beside an empty tonic call");
    table.compare(&decisions, "1/s", ours.per_second, beside.per_second, "");
    table.compare(
        &format!("{kind} decision, processor time of the node"),
        "µs",
        ours.micros_each,
        beside.micros_each,
        aim,
    );
}

/// The same question over and over, one call each.
pub(crate) async fn unary(
    client: &Client,
    server: i32,
    span: Duration,
    request: &v1::AuthenticateRequest,
) -> Result<Measured> {
    let before = processor_time(server)?;
    let (client, request) = (client.clone(), request.clone());
    let rate = rate::measure(IN_FLIGHT, span, move |_, _| {
        let (mut login, request) = (client.login(), request.clone());
        async move {
            login.authenticate(request).await?;
            Ok(())
        }
    })
    .await?;
    Ok(Measured::new(
        rate.count,
        rate.per_second,
        processor_time(server)? - before,
    ))
}

/// One stream with a bounded number of questions under way: each answer makes room for the next.
pub(crate) async fn streamed(
    client: &Client,
    login: &v1::AuthenticateRequest,
    server: i32,
    span: Duration,
) -> Result<Measured> {
    let before = processor_time(server)?;
    let (questions, queue) = mpsc::channel::<v1::AuthenticateRequest>(usize::try_from(IN_FLIGHT)?);
    for id in 0..IN_FLIGHT {
        questions.send(v1::AuthenticateRequest { id, ..login.clone() }).await?;
    }
    let mut answers = client
        .login()
        .authenticate_stream(ReceiverStream::new(queue))
        .await?
        .into_inner();
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < span {
        let answer = answers.message().await?.context("the stream ended")?;
        ensure!(
            answer.error.is_none(),
            "a login could not be decided: {:?}",
            answer.error
        );
        ensure!(
            answer.decision() == v1::Decision::Allow,
            "a login is turned away: {answer:?}"
        );
        count += 1;
        questions
            .send(v1::AuthenticateRequest {
                id: answer.id,
                ..login.clone()
            })
            .await?;
    }
    let rate = per_second(count, started.elapsed());
    Ok(Measured::new(count, rate, processor_time(server)? - before))
}
