//! What becomes of logins when the server dies, hangs, hangs up, or is not the one it should be.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use portcullis::wire::pb::v1::authenticator_status::Status;
use portcullis::wire::pb::v1::{Decision, Reason, Verdict};
use serde_json::{Value, json};

use super::bench::{ELSEWHERE, Link, lay_over};
use super::{Bench, Server, User};
use crate::authority::Authority;
use crate::proxy::{Edge, Fault};

const PASSWORD: &str = "secret word";
/// The time for a question where the server will not answer in time.
const SHORT: &str = "500ms";
/// What such a login may take on a busy machine.
const IN_TIME: Duration = Duration::from_secs(4);

fn plain() -> Value {
    json!({"password_hash_algorithm": {"name": "plain", "salt_position": "disable"}, "probe_interval": "1s"})
}

async fn put(server: &impl Server, name: &str) -> Result<()> {
    let user = User {
        name: name.into(),
        password_hash: Some(PASSWORD.into()),
        ..User::default()
    };
    server.put(&user).await
}

/// While it is dead its authenticator fails, says why and turns nobody away by itself; when it is back, logins go on.
pub async fn a_killed_server_is_missed_and_found_again(bench: &Bench, server: &mut impl Server) -> Result<()> {
    put(server, "survivor").await?;
    let link = bench.link_to(server, plain(), json!({"onFailure": "NEXT"})).await?;
    bench.wait_for_status(&link, Status::Connected).await?;
    ensure!(bench.step(&link, "survivor", PASSWORD).await?.verdict() == Verdict::Allowed);
    server.kill()?;
    let step = bench.step(&link, "survivor", PASSWORD).await?;
    ensure!(
        step.verdict() == Verdict::Failed && step.reason() == Reason::BackendUnavailable,
        "a dead server: {step:?}"
    );
    let answer = bench.decision(&link, "survivor", Some(PASSWORD.as_bytes())).await?;
    ensure!(
        answer.reason() == Reason::BackendUnavailable,
        "a dead server: {answer:?}"
    );
    let answer = bench.decision(&link, ELSEWHERE, Some(ELSEWHERE.as_bytes())).await?;
    ensure!(
        answer.decision() == Decision::Allow,
        "the next one was not asked: {answer:?}"
    );
    let error = bench.wait_for_status(&link, Status::Disconnected).await?;
    ensure!(!error.is_empty(), "a dead server, and no word why");
    server.start_again().await?;
    bench.wait_for_status(&link, Status::Connected).await?;
    // Every connection that was kept is dead, and no login may find that out for the client.
    for _ in 0..20 {
        let step = bench.step(&link, "survivor", PASSWORD).await?;
        ensure!(step.verdict() == Verdict::Allowed, "after it came back: {step:?}");
    }
    bench.drop_link(link).await
}

/// A restart between two logins is noticed by nobody.
async fn a_restart_between_two_logins_is_not_noticed(bench: &Bench, server: &mut impl Server) -> Result<()> {
    let settings = json!({"probe_interval": "1h"});
    let mut over = plain();
    lay_over(&mut over, settings);
    let link = bench.link_to(server, over, json!({})).await?;
    ensure!(bench.step(&link, "sleeper", PASSWORD).await?.verdict() == Verdict::Allowed);
    server.kill()?;
    server.start_again().await?;
    let step = bench.step(&link, "sleeper", PASSWORD).await?;
    ensure!(step.verdict() == Verdict::Allowed, "after a restart: {step:?}");
    bench.drop_link(link).await
}

/// A server that is stopped in the middle of everything costs no login more than its time, and others nothing. What its
/// authenticator says is bounded: who is one too many is told at once.
pub async fn a_frozen_server_is_given_up_in_time(bench: &Bench, server: &mut impl Server) -> Result<()> {
    put(server, "sleeper").await?;
    let mut over = plain();
    lay_over(
        &mut over,
        json!({server.time_setting(): SHORT, "connect_timeout": SHORT, "pool_size": 1, "max_waiting": 0}),
    );
    let next = bench
        .link_to(server, over.clone(), json!({"onFailure": "NEXT"}))
        .await?;
    let deny = bench.link_to(server, over, json!({"onFailure": "DENY"})).await?;
    let patient = bench
        .link_to(server, plain(), json!({"timeout": "0.300s", "onFailure": "NEXT"}))
        .await?;
    let other = bench
        .link("built_in_database", json!({}), json!({"id": "other"}))
        .await?;
    for link in [&next, &deny, &patient] {
        ensure!(bench.step(link, "sleeper", PASSWORD).await?.verdict() == Verdict::Allowed);
    }
    server.freeze()?;
    let asleep = async {
        the_step_that_took_the_time_is_told(bench, &patient).await?;
        // Shorter than the time of the question is what the authenticator as a whole may take.
        let step = bench.step(&patient, "sleeper", PASSWORD).await?;
        ensure!(
            step.reason() == Reason::BackendTimeout,
            "deadline shorter than the query: {step:?}"
        );
        let begun = Instant::now();
        let (one, two, elsewhere) = tokio::try_join!(
            bench.step(&next, "sleeper", PASSWORD),
            bench.step(&next, "sleeper", PASSWORD),
            bench.login(&other, ELSEWHERE, Some(ELSEWHERE.as_bytes())),
        )?;
        ensure!(begun.elapsed() < IN_TIME, "given up after {:?}", begun.elapsed());
        ensure!(
            elsewhere
                .decision
                .is_some_and(|answer| answer.decision() == Decision::Allow),
            "others suffer"
        );
        let reasons = [one.reason(), two.reason()];
        ensure!(
            one.verdict() == Verdict::Failed && two.verdict() == Verdict::Failed,
            "a frozen server: {one:?}, {two:?}"
        );
        // A probe or the breaker may have been quicker than one of them.
        let known = [Reason::BackendTimeout, Reason::BackendUnavailable, Reason::Overloaded];
        ensure!(
            reasons.iter().all(|reason| known.contains(reason)),
            "a frozen server: {one:?}, {two:?}"
        );
        let answer = bench.decision(&deny, ELSEWHERE, Some(ELSEWHERE.as_bytes())).await?;
        ensure!(answer.decision() == Decision::Deny, "on_failure DENY: {answer:?}");
        let error = bench.wait_for_status(&next, Status::Disconnected).await?;
        ensure!(!error.is_empty(), "a frozen server, and no word why");
        let begun = Instant::now();
        let answer = bench.decision(&next, ELSEWHERE, Some(ELSEWHERE.as_bytes())).await?;
        ensure!(answer.decision() == Decision::Allow, "on_failure NEXT: {answer:?}");
        ensure!(begun.elapsed() < IN_TIME, "given up after {:?}", begun.elapsed());
        Ok(())
    };
    let found = asleep.await;
    server.thaw()?;
    found?;
    for link in [next, deny, patient] {
        bench.wait_for_status(&link, Status::Connected).await?;
        let step = bench.step(&link, "sleeper", PASSWORD).await?;
        ensure!(step.verdict() == Verdict::Allowed, "after it woke up: {step:?}");
        bench.drop_link(link).await?;
    }
    a_restart_between_two_logins_is_not_noticed(bench, server).await
}

/// An explanation whose time is over names who took it, and what it was doing.
async fn the_step_that_took_the_time_is_told(bench: &Bench, link: &Link) -> Result<()> {
    let explained = bench
        .hasty_login(link, "sleeper", PASSWORD, Duration::from_millis(200))
        .await?;
    let found: Vec<_> = explained
        .steps
        .iter()
        .map(|step| (step.verdict(), step.reason()))
        .collect();
    let expected = [
        (Verdict::Failed, Reason::DeadlineExceeded),
        (Verdict::NotReached, Reason::Unspecified),
    ];
    ensure!(found == expected, "a deadline of the caller: {explained:?}");
    let story = explained.steps.first().map(|step| step.detail.as_str());
    ensure!(
        story.is_some_and(|story| story.contains("asked ") && story.contains("given up")),
        "{story:?}"
    );
    let error = explained.decision.and_then(|decision| decision.error);
    ensure!(
        error
            .as_ref()
            .is_some_and(|error| error.reason() == Reason::DeadlineExceeded),
        "what Authenticate would have answered: {error:?}"
    );
    Ok(())
}

/// Connections that break while a question is under way, and bytes that never come.
pub async fn an_answer_cut_short_is_a_failure(bench: &Bench, server: &impl Server) -> Result<()> {
    put(server, "cut off").await?;
    let edge = Edge::open(server.address()).await?;
    let mut settings = server.settings_at(edge.address());
    lay_over(&mut settings, plain());
    let link = bench.link(server.backend(), settings, json!({})).await?;
    ensure!(bench.step(&link, "cut off", PASSWORD).await?.verdict() == Verdict::Allowed);
    edge.set(Fault::DropReplies);
    let login = bench.step(&link, "cut off", PASSWORD);
    let cut = async {
        crate::wait::pause().await;
        edge.set(Fault::Cut);
        Ok(())
    };
    let (step, ()) = tokio::try_join!(login, cut)?;
    let known = [Reason::BackendUnavailable, Reason::BackendTimeout];
    ensure!(
        step.verdict() == Verdict::Failed && known.contains(&step.reason()),
        "an answer cut short: {step:?}"
    );
    edge.set(Fault::None);
    bench.wait_for_status(&link, Status::Connected).await?;
    let step = bench.step(&link, "cut off", PASSWORD).await?;
    ensure!(
        step.verdict() == Verdict::Allowed,
        "when the way was free again: {step:?}"
    );
    bench.drop_link(link).await
}

/// The status says what is wrong, and neither it nor a login shows the secret.
pub async fn wrong_credentials_are_told_without_the_secret(bench: &Bench, server: &impl Server) -> Result<()> {
    let wrong = server.wrong_secret();
    let link = bench.link_to(server, wrong.clone(), json!({})).await?;
    let error = bench.wait_for_status(&link, Status::Disconnected).await?;
    let step = bench.step(&link, "anybody", PASSWORD).await?;
    ensure!(step.verdict() == Verdict::Failed, "wrong credentials: {step:?}");
    let secrets = wrong
        .as_object()
        .into_iter()
        .flat_map(|wrong| wrong.values())
        .filter_map(Value::as_str);
    for secret in secrets {
        ensure!(
            !error.contains(secret) && !step.detail.contains(secret),
            "the secret is told: {error}, {step:?}"
        );
    }
    ensure!(!error.is_empty(), "no word why");
    bench.drop_link(link).await
}

/// Only the server that the authority has signed for, under its own name, is spoken to.
pub async fn tls_is_refused_and_accepted(bench: &Bench, server: &impl Server) -> Result<()> {
    let Some(authority) = server.authority() else {
        return Ok(());
    };
    put(server, "encrypted").await?;
    let other = Authority::new("somebody else")?;
    let ssl = |more: Value| {
        let mut ssl = json!({"enable": true, "cacertfile": authority.certificate});
        lay_over(&mut ssl, more);
        let mut over = plain();
        lay_over(&mut over, json!({"ssl": ssl}));
        over
    };
    let cases = [
        ("its own authority", ssl(json!({})), true),
        (
            "another authority",
            ssl(json!({"cacertfile": other.certificate})),
            false,
        ),
        ("the system's authorities", ssl(json!({"cacertfile": null})), false),
        (
            "another name",
            ssl(json!({"server_name_indication": "other.example"})),
            false,
        ),
        (
            "the name it has",
            ssl(json!({"server_name_indication": "localhost"})),
            true,
        ),
        (
            "nothing verified",
            ssl(json!({"verify": "verify_none", "cacertfile": other.certificate})),
            true,
        ),
    ];
    for (what, settings, is_accepted) in cases {
        let link = bench.link_to(server, settings, json!({})).await?;
        let (status, error) = bench.status(&link).await?;
        let step = bench.step(&link, "encrypted", PASSWORD).await?;
        let found = (status == Status::Connected, step.verdict() == Verdict::Allowed);
        ensure!(
            found == (is_accepted, is_accepted),
            "{what}: {status:?} ({error}), {step:?}"
        );
        if !is_accepted {
            ensure!(
                step.verdict() == Verdict::Failed && step.reason() == Reason::BackendUnavailable,
                "{what}: {step:?}"
            );
        }
        bench.drop_link(link).await?;
    }
    Ok(())
}
