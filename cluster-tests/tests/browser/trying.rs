//! Logins that are tried: what each authenticator says to them, and that nothing of them is left.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cluster_tests::browser::{Answer, Browser, PASSWORD, Stage, Visitor, play};
use cluster_tests::calls::{self, BUILT_IN, create_user, create_user_of, declare, fares, is_allowed, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::decider::{Decider, Reply};
use cluster_tests::made_tokens::Made;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1::{self, Role};
use serde_json::{Value, json};

use super::scene::{http_settings, nobody};

const SCRAM: &str = "scram:built_in_database";
const JWT: &str = "jwt";
const SENT: &str = "It is sent (password or token)";
const PROVEN: &str = "It is proven by SCRAM-SHA-256";
/// Tries of one account within a minute.
const MOST: usize = 30;

async fn create(client: &Client, authenticator: Value) -> Result<()> {
    let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": authenticator }))?;
    client.authenticators().create(request).await?;
    Ok(())
}

async fn add_http(client: &Client, id: &str, url: &str, on_failure: &str) -> Result<()> {
    let settings = http_settings(url);
    let http = json!({
        "id": id, "mechanism": "password_based", "backend": "http", "onFailure": on_failure, "settings": settings,
    });
    create(client, http).await
}

/// A SCRAM database with that user, ready for exchanges.
async fn add_scram(client: &Client, name: &str, password: &str) -> Result<()> {
    let settings = json!({ "algorithm": "sha256" });
    let scram = json!({ "mechanism": "scram", "backend": "built_in_database", "settings": settings });
    create(client, scram).await?;
    create_user_of(client, "", SCRAM, name, password).await?;
    wait_for("the keys of the cluster", PATIENCE, async || {
        let status = fares(client, SCRAM).await?.status();
        Ok((status == v1::authenticator_status::Status::Connected).then_some(()))
    })
    .await
}

async fn add_jwt(client: &Client, settings: Value) -> Result<()> {
    create(client, json!({ "id": JWT, "mechanism": "jwt", "settings": settings })).await
}

/// Fills in the form that is open, and waits for the answer.
async fn fill_and_try(browser: &Browser, name: &str, secret: &str, way: &str) -> Result<()> {
    browser.fill("Username", name).await?;
    browser.fill("Password or token", secret).await?;
    browser.choose("How it is used", way).await?;
    let before = browser.run("return performance.timeOrigin", vec![]).await?;
    browser.press("Try").await?;
    wait_for("the answer", PATIENCE, async || {
        let now = browser.run("return performance.timeOrigin", vec![]).await?;
        Ok((now != before).then_some(()))
    })
    .await
}

async fn try_on(stage: &Stage, node: &str, name: &str, secret: &str, way: &str) -> Result<()> {
    stage.open(1, "/try").await?;
    stage.browser.choose("On", node).await?;
    fill_and_try(&stage.browser, name, secret, way).await
}

/// A line of a result.
#[derive(Debug)]
struct Step {
    authenticator: String,
    verdict: String,
    why: String,
    time: String,
}

/// The lines of the only result on the page, without the shapes that repeat the words.
async fn steps(browser: &Browser) -> Result<Vec<Step>> {
    let script = "return [...document.querySelectorAll('#result .trace tbody tr')].map((row) =>
        [...row.children].slice(1).map((cell) => cell.textContent.replace(/^[●◆▲✕○]/, '')))";
    let lines: Vec<[String; 4]> = serde_json::from_value(browser.run(script, vec![]).await?)?;
    let step = |[authenticator, verdict, why, time]: [String; 4]| Step {
        authenticator,
        verdict,
        why,
        time,
    };
    Ok(lines.into_iter().map(step).collect())
}

/// Checks the verdict on the whole, and each authenticator's with the beginning of its reason. Who was asked took some time.
async fn came_out(browser: &Browser, whole: &str, expected: &[(&str, &str, &str)]) -> Result<()> {
    let shown = line_of(&browser.text_of("#result .verdict").await?);
    ensure!(shown == whole, "it is `{shown}`, not `{whole}`");
    let steps = steps(browser).await?;
    ensure!(steps.len() == expected.len(), "{steps:?}");
    for (step, (authenticator, verdict, why)) in steps.iter().zip(expected) {
        ensure!(
            step.authenticator == *authenticator && step.verdict == *verdict && step.why.starts_with(why),
            "{step:?} should be {authenticator} {verdict} {why}"
        );
        let has_time = step.time.starts_with(|first: char| first.is_ascii_digit()) && step.time.ends_with('s');
        // To look at a precondition takes time as well, but a switch and a method are seen at once.
        let is_timely = match *verdict {
            "Skipped" => has_time || step.time == "–",
            "Not reached" => step.time == "–",
            _ => has_time,
        };
        ensure!(is_timely, "the time of {step:?}");
    }
    Ok(())
}

fn line_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_is_shown_with_its_reason_and_its_time() -> Result<()> {
    let gone = nobody().await?.url();
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        declare(&client, json!({ "id": "off", "enabled": false })).await?;
        declare(
            &client,
            json!({ "id": "elsewhere", "precondition": "str_eq(listener,'tcp:other')" }),
        )
        .await?;
        add_http(&client, "gone", &gone, "NEXT").await?;
        for id in ["deciding", "behind"] {
            declare(&client, json!({ "id": id })).await?;
        }
        create_user_of(&client, "", "deciding", "ann", "the right one").await?;
        stage.sign_in(Role::Viewer).await?;
        let before = [
            (BUILT_IN, "Not found", "UNKNOWN_USER"),
            ("off", "Skipped", "DISABLED"),
            ("elsewhere", "Skipped", "PRECONDITION_FALSE"),
            ("gone", "Error", "BACKEND_UNAVAILABLE"),
        ];
        for (name, password, whole, deciding, behind) in [
            (
                "ann",
                "the right one",
                "● Allowed by deciding",
                ("deciding", "Allowed", ""),
                ("behind", "Not reached", ""),
            ),
            (
                "ann",
                "a wrong one",
                "✕ Denied by deciding BAD_USERNAME_OR_PASSWORD",
                ("deciding", "Denied", "BAD_USERNAME_OR_PASSWORD"),
                ("behind", "Not reached", ""),
            ),
            (
                "bob",
                "the right one",
                "✕ Denied by the end of the chain BACKEND_UNAVAILABLE",
                ("deciding", "Not found", "UNKNOWN_USER"),
                ("behind", "Not found", "UNKNOWN_USER"),
            ),
        ] {
            try_on(stage, "n1 (this one)", name, password, SENT).await?;
            let expected = [&before[..], &[deciding, behind]].concat();
            came_out(&stage.browser, whole, &expected).await?;
            let on = line_of(&stage.browser.text_of("#result .head .muted").await?);
            ensure!(on.ends_with("s on n1"), "the whole took {on}");
            ensure!(stage.browser.focused().await? == "Result", "the result has no focus");
            ensure!(
                stage.browser.find("textbox", "Username").await?.value == name,
                "the name has to be typed again"
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_proven_by_scram_and_a_token_is_read() -> Result<()> {
    let made = Made::before()?;
    let token = made.token("HS256")?;
    let (signed, signature) = token.rsplit_once('.').context("not a token")?;
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        add_scram(&client, "ann", "the right one").await?;
        add_jwt(&client, made.by_secret()?).await?;
        stage.sign_in(Role::Viewer).await?;
        let by_method = (BUILT_IN, "Skipped", "METHOD_MISMATCH");
        for (name, secret, way, whole, expected) in [
            (
                "ann",
                "the right one",
                PROVEN,
                "● Allowed by scram:built_in_database",
                [by_method, (SCRAM, "Allowed", ""), (JWT, "Not reached", "")],
            ),
            (
                "ann",
                "a wrong one",
                PROVEN,
                "✕ Denied by scram:built_in_database SCRAM_BAD_PROOF",
                [
                    by_method,
                    (SCRAM, "Denied", "SCRAM_BAD_PROOF"),
                    (JWT, "Not reached", ""),
                ],
            ),
            (
                "myuser",
                token,
                SENT,
                "● Allowed by jwt",
                [
                    (BUILT_IN, "Not found", "UNKNOWN_USER"),
                    (SCRAM, "Skipped", "METHOD_MISMATCH"),
                    (JWT, "Allowed", ""),
                ],
            ),
            (
                "myuser",
                &forged,
                SENT,
                "✕ Denied by the end of the chain UNKNOWN_USER",
                [
                    (BUILT_IN, "Not found", "UNKNOWN_USER"),
                    (SCRAM, "Skipped", "METHOD_MISMATCH"),
                    (JWT, "Not found", "TOKEN_BAD_SIGNATURE"),
                ],
            ),
        ] {
            try_on(stage, "n1 (this one)", name, secret, way).await?;
            came_out(&stage.browser, whole, &expected)
                .await
                .with_context(|| format!("{name}, {way}"))?;
            ensure!(
                !stage.browser.driver().source().await?.contains(secret),
                "the secret of {name} is in the page"
            );
        }
        Ok(())
    })
    .await
}

/// As it is, and as the bytes of it are printed by mistake.
fn forms_of(secret: &str) -> [String; 3] {
    let bytes = format!("{:?}", secret.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']).to_owned();
    [secret.to_owned(), bytes, STANDARD.encode(secret)]
}

/// Everything that the browser has of the page, and the addresses of all it has asked for.
const KEPT: &str = "
    const fields = [...document.querySelectorAll('input, textarea')].map((one) => one.value);
    const asked = performance.getEntries().map((one) => one.name);
    return JSON.stringify([document.documentElement.outerHTML, location.href, document.referrer, document.cookie, fields, asked,
        { ...sessionStorage }, { ...localStorage }]);";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_what_was_tried_and_nothing_is_counted() -> Result<()> {
    const RIGHT: &str = "correct-Right-Password-5c1d";
    const WRONG: &str = "incorrect-Wrong-Password-9e7a";
    let options = Options::new(node_binary!(), 3).set("telemetry", "log", "debug");
    play(options, async |stage| {
        let client = stage.operator().await?;
        create_user(&client, "ann", RIGHT).await?;
        add_scram(&client, "ann", RIGHT).await?;
        stage.cluster.agree().await?;
        stage.sign_in(Role::Viewer).await?;
        for (secret, way, verdict) in [
            (RIGHT, SENT, "Allowed"),
            (WRONG, SENT, "Denied"),
            (RIGHT, PROVEN, "Allowed"),
            (WRONG, PROVEN, "Denied"),
        ] {
            try_on(stage, "All nodes", "ann", secret, way).await?;
            let result = line_of(&stage.browser.text_of("#result").await?);
            ensure!(
                result.contains(verdict) && result.contains("on n1, n2, n3"),
                "{way}: {result}"
            );
            let kept = stage.browser.run(KEPT, vec![]).await?;
            let kept = format!("{kept}{}", stage.browser.driver().source().await?);
            ensure!(
                forms_of(secret).iter().all(|form| !kept.contains(form)),
                "{way}: the browser still has the password: {kept}"
            );
        }
        for node in stage.cluster.ids() {
            let log = stage.cluster.node(node)?.log();
            ensure!(node > 1 || log.contains("DEBUG"), "too little is logged for this test");
            for form in [RIGHT, WRONG].iter().flat_map(|secret| forms_of(secret)) {
                ensure!(!log.contains(&form), "the log of n{node} holds {form}");
            }
        }
        // One login that counts: whatever is counted beside it was counted before.
        ensure!(is_allowed(&client, "ann", RIGHT).await?, "ann is not let in");
        let counted = wait_for("the login to be counted", PATIENCE, async || {
            let total = fares(&client, BUILT_IN).await?.total.unwrap_or_default();
            Ok((total.total > 0).then_some(total))
        })
        .await?;
        ensure!(
            [
                counted.total,
                counted.success,
                counted.failed,
                counted.nomatch,
                counted.failures
            ] == [1, 1, 0, 0, 0],
            "tries are counted: {counted:?}"
        );
        let proven = fares(&client, SCRAM).await?.total.unwrap_or_default();
        ensure!(proven.total == 0, "tries are counted: {proven:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_can_try_so_many_logins_a_minute_and_is_told_how_long_to_wait() -> Result<()> {
    let cluster = Options::new(node_binary!(), 1).start().await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ann", "the right one").await?;
    let base = format!("http://{}", cluster.node(1)?.http);
    let mut visitors = Vec::new();
    for name in ["vera", "edgar"] {
        calls::ensure_account(&client, name, Role::Viewer, PASSWORD).await?;
        visitors.push(Visitor::at(&*base)?.signed_in(name, PASSWORD).await?);
    }
    let fields = [
        ("username", "ann"),
        ("password", "the right one"),
        ("way", ""),
        ("node", "1"),
    ];
    let has_tried = |answer: &Answer| answer.status == 200 && answer.body.contains("Allowed");
    for number in 1..=MOST {
        let answer = visitors[0].post("/try", &fields).await?;
        ensure!(has_tried(&answer), "try {number}: {answer:?}");
    }
    let refused = visitors[0].post("/try", &fields).await?;
    ensure!(
        refused.status == 429 && !refused.body.contains("Allowed"),
        "one more is not refused: {refused:?}"
    );
    let wait = refused
        .body
        .split("Try again in ")
        .nth(1)
        .context("it does not say when to try again")?;
    let seconds: u64 = wait.split(' ').next().unwrap_or_default().parse()?;
    ensure!((1..=60).contains(&seconds), "one has to wait for {seconds} seconds");
    ensure!(!refused.body.contains("the right one"), "the password comes back");
    let other = visitors[1].post("/try", &fields).await?;
    ensure!(has_tried(&other), "another account is refused too: {other:?}");
    ensure!(
        is_allowed(&client, "ann", "the right one").await?,
        "clients are refused too"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_differs_stands_out() -> Result<()> {
    let made = Made::before()?;
    play(Options::new(node_binary!(), 3), async |stage| {
        // Every node reads the key from a file of its own, and the third one was forgotten when the key was changed.
        for node in [1, 2, 3] {
            let folder = stage.cluster.node(node)?.data_dir().join("secrets");
            fs::create_dir_all(&folder)?;
            let key = if node == 3 {
                STANDARD.encode("thirty-two bytes of an older key")
            } else {
                made.secret()?
            };
            fs::write(folder.join("jwt"), key)?;
        }
        let client = stage.operator().await?;
        create_user(&client, "ann", "the right one").await?;
        let by_file = json!({ "algorithm": "hmac-based", "secret": "file:jwt", "secret_base64_encoded": true });
        add_jwt(&client, by_file).await?;
        stage.cluster.agree().await?;
        stage.sign_in(Role::Viewer).await?;
        let browser = &stage.browser;

        try_on(stage, "All nodes", "ann", "the right one", SENT).await?;
        let same = line_of(&browser.text_of("#result").await?);
        ensure!(
            !same.contains("differ") && same.matches("Allowed by").count() == 1 && same.contains("on n1, n2, n3"),
            "nodes that agree are not shown as one: {same}"
        );

        try_on(stage, "All nodes", "myuser", made.token("HS256")?, SENT).await?;
        browser.shows("The nodes differ.").await?;
        let script = "return [...document.querySelectorAll('#result .card')].map((one) => one.innerText)";
        let results: Vec<String> = serde_json::from_value(browser.run(script, vec![]).await?)?;
        let results: Vec<_> = results.iter().map(|result| line_of(result)).collect();
        ensure!(results.len() == 3, "{results:?}");
        for (node, result) in (1..).zip(&results) {
            let (verdict, why) = if node == 3 {
                (
                    "✕ Denied by the end of the chain UNKNOWN_USER",
                    "Not found TOKEN_BAD_SIGNATURE",
                )
            } else {
                ("● Allowed by jwt", "jwt ● Allowed")
            };
            ensure!(
                result.starts_with(verdict) && result.contains(why) && result.contains(&format!(" on n{node} ")),
                "n{node}: {result}"
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_tried_without_touching_what_is_in_force() -> Result<()> {
    let strict = Decider::start(|_| Reply::json(json!({ "result": "deny" }))).await?;
    let kind = Decider::start(|_| Reply::json(json!({ "result": "allow", "is_superuser": true }))).await?;
    play(Options::new(node_binary!(), 3), async |stage| {
        let client = stage.operator().await?;
        add_http(&client, "asked", &strict.url(), "DENY").await?;
        stage.cluster.agree().await?;
        let get = async || -> Result<v1::Authenticator> {
            let request = v1::GetAuthenticatorRequest {
                id: "asked".into(),
                ..v1::GetAuthenticatorRequest::default()
            };
            Ok(client.authenticators().get(request).await?.into_inner())
        };
        let stored = get().await?;
        stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        stage.open(1, "/authenticators/asked/settings").await?;
        browser.fill("URL", &kind.url()).await?;
        browser.press("Try this draft").await?;
        browser.at("/try").await?;
        browser.shows("With the draft of asked, which is not stored.").await?;
        let unknown = (BUILT_IN, "Not found", "UNKNOWN_USER");
        fill_and_try(browser, "ann", "a password", SENT).await?;
        came_out(browser, "● Allowed by asked", &[unknown, ("asked", "Allowed", "")]).await?;
        let result = line_of(&browser.text_of("#result").await?);
        ensure!(
            result.contains("on n1, n2, n3") && result.contains("Superuser Yes"),
            "{result}"
        );
        browser.shows("With the draft of asked, which is not stored.").await?;
        ensure!(
            !is_allowed(&client, "ann", "a password").await?,
            "the draft is in force"
        );

        browser.follow("Without it").await?;
        wait_for("the form without the draft", PATIENCE, async || {
            Ok((browser.path().await? == "/try").then_some(()))
        })
        .await?;
        fill_and_try(browser, "ann", "a password", SENT).await?;
        let denied = ("asked", "Denied", "NOT_AUTHORIZED");
        came_out(browser, "✕ Denied by asked NOT_AUTHORIZED", &[unknown, denied]).await?;
        let now = get().await?;
        ensure!(now == stored, "it was stored: {stored:?} {now:?}");
        ensure!(
            !is_allowed(&client, "ann", "a password").await?,
            "the draft is in force"
        );
        Ok(())
    })
    .await
}
