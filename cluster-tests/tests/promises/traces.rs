//! What a collector of traces is told of logins, and what it is not.

use std::time::Duration;

use anyhow::{Result, ensure};
use cluster_tests::authority::Authority;
use cluster_tests::calls::{BUILT_IN, create_user, credentials, declare, login, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::collector::{Collector, attribute};
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::json;
use tokio::net::TcpListener;
use toml::{Table, Value};
use tonic::Request;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLERS_SPAN: &str = "b7ad6b7169203331";
/// A supervisor's patience with a node that is asked to stop, less two seconds.
const GRACE: Duration = Duration::from_secs(8);

/// One node that traces what its callers trace, and hands spans over at once, unless told otherwise.
async fn traced(endpoint: String, more: &[(&str, Value)]) -> Result<Cluster> {
    let mut traces = Table::new();
    traces.insert("otlp_endpoint".into(), endpoint.into());
    traces.insert("sample_ratio".into(), 0.0.into());
    traces.insert("interval_ms".into(), 50.into());
    traces.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    Options::new(node_binary!(), 1)
        .set("telemetry", "traces", traces)
        .start()
        .await
}

/// A caller's sampled trace.
fn traceparent() -> String {
    format!("00-{TRACE}-{CALLERS_SPAN}-01")
}

/// A login that belongs to a trace of its caller.
async fn traced_login(client: &Client, name: &str, password: &str) -> Result<v1::AuthenticateResponse> {
    let mut request = Request::new(credentials(name, password));
    request.metadata_mut().insert("traceparent", traceparent().parse()?);
    Ok(client.login().authenticate(request).await?.into_inner())
}

/// So many spans; the first is the login's, the others its children in the order in which they began.
async fn spans(collector: &Collector, count: usize) -> Result<Vec<Span>> {
    wait_for(&format!("{count} spans"), PATIENCE, async || {
        let mut spans = collector.spans();
        ensure!(spans.len() == count, "{} spans", spans.len());
        spans.sort_by_key(|span| {
            (
                hex::encode(&span.parent_span_id) != CALLERS_SPAN,
                span.start_time_unix_nano,
            )
        });
        Ok(Some(spans))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_told_under_its_callers_trace_with_each_authenticator_and_without_names() -> Result<()> {
    let collector = Collector::start(None).await?;
    let cluster = traced(format!("http://{}", collector.address()), &[]).await?;
    let client = cluster.client(1).await?;
    declare(&client, json!({"id": "second"})).await?;
    declare(&client, json!({"id": "third"})).await?;
    let (name, password) = ("a-name-to-hide", "a-password-to-hide");
    let request = v1::CreateUserRequest {
        user: Some(v1::User {
            user_id: name.into(),
            authenticator: "second".into(),
            ..v1::User::default()
        }),
        password: Some(v1::NewPassword {
            password: Some(password.into()),
            ..v1::NewPassword::default()
        }),
        ..v1::CreateUserRequest::default()
    };
    client.users().create(request).await?;
    // Another caller's login, which nobody has chosen to trace.
    login(&client, name, password).await?;
    let answer = traced_login(&client, name, password).await?;
    assert_eq!(answer.decision(), v1::Decision::Allow);

    let spans = spans(&collector, 3).await?;
    for span in &spans {
        assert_eq!(hex::encode(&span.trace_id), TRACE);
    }
    let whole = &spans[0];
    assert_eq!(whole.name, "portcullis.v1.Login/Authenticate");
    for (key, value) in [
        ("rpc.system", "grpc"),
        ("rpc.service", "portcullis.v1.Login"),
        ("rpc.method", "Authenticate"),
        ("portcullis.decision", "ALLOW"),
        ("portcullis.authenticator", "second"),
    ] {
        assert_eq!(attribute(whole, key), value, "{key}");
    }
    for (child, id, verdict) in [(&spans[1], BUILT_IN, "NOT_FOUND"), (&spans[2], "second", "ALLOWED")] {
        assert_eq!(child.parent_span_id, whole.span_id);
        assert_eq!(attribute(child, "portcullis.authenticator"), id);
        assert_eq!(attribute(child, "portcullis.verdict"), verdict);
        ensure!(whole.start_time_unix_nano <= child.start_time_unix_nano, "{child:?}");
        ensure!(child.end_time_unix_nano <= whole.end_time_unix_nano, "{child:?}");
    }
    let told = String::from_utf8_lossy(&collector.bytes()).into_owned();
    ensure!(told.contains("rpc.service"), "the bytes are those of the spans");
    for secret in [name, password, cluster.api_key()] {
        ensure!(!told.contains(secret), "the collector was told `{secret}`");
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_login_of_a_stream_is_told_under_the_trace_of_the_stream() -> Result<()> {
    let collector = Collector::start(None).await?;
    let cluster = traced(format!("http://{}", collector.address()), &[]).await?;
    let logins = ["ann", "bob", "cid"].map(|name| credentials(name, "x"));
    let mut request = Request::new(tokio_stream::iter(logins));
    request.metadata_mut().insert("traceparent", traceparent().parse()?);
    let client = cluster.client(1).await?;
    let mut answers = client.login().authenticate_stream(request).await?.into_inner();
    while answers.message().await?.is_some() {}
    let spans = spans(&collector, 6).await?;
    let (logins, children) = spans.split_at(3);
    for login in logins {
        assert_eq!(attribute(login, "rpc.method"), "AuthenticateStream");
        let own = children.iter().filter(|child| child.parent_span_id == login.span_id);
        assert_eq!(own.count(), 1, "{spans:?}");
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_fails_is_an_error_and_a_wrong_password_is_none() -> Result<()> {
    let collector = Collector::start(None).await?;
    let cluster = traced(format!("http://{}", collector.address()), &[]).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    traced_login(&client, "ada", "wrong").await?;
    let denied = spans(&collector, 2).await?;
    for span in &denied {
        assert_eq!(span.status.clone().unwrap_or_default().code(), StatusCode::Unset);
    }
    assert_eq!(attribute(&denied[0], "portcullis.decision"), "DENY");
    assert_eq!(attribute(&denied[0], "portcullis.reason"), "BAD_USERNAME_OR_PASSWORD");

    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": {
        "chain": "broken",
        "mechanism": "password_based",
        "backend": "http",
        "settings": { "method": "post", "url": format!("http://{nobody}/"), "body": { "username": "${username}" } },
    }}))?;
    client.authenticators().create(request).await?;
    let mut request = Request::new(v1::AuthenticateRequest {
        listener: "broken".into(),
        ..credentials("ada", "lovelace")
    });
    let another = traceparent().replace(TRACE, &TRACE.replace('0', "1"));
    request.metadata_mut().insert("traceparent", another.parse()?);
    let answer = client.login().authenticate(request).await?.into_inner();
    assert_eq!(answer.decision(), v1::Decision::Deny);
    let failed = wait_for("the failure", PATIENCE, async || {
        let mut spans = collector.spans();
        spans.retain(|span| hex::encode(&span.trace_id) != TRACE);
        Ok((spans.len() == 2).then_some(spans))
    })
    .await?;
    for span in &failed {
        assert_eq!(
            span.status.clone().unwrap_or_default().code(),
            StatusCode::Error,
            "{span:?}"
        );
        ensure!(attribute(span, "portcullis.reason").starts_with("BACKEND_"), "{span:?}");
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_behind_tls_gets_the_key_from_a_file_and_the_last_spans_at_the_stop() -> Result<()> {
    let authority = Authority::new("traces")?;
    let collector = Collector::start(Some(&authority.local_server()?)).await?;
    let folder = tempfile::tempdir()?;
    let (ca, headers) = (folder.path().join("ca.pem"), folder.path().join("headers"));
    std::fs::write(&ca, &authority.certificate)?;
    std::fs::write(&headers, "# for the collector\nx-api-key: a-key-to-hide\n")?;
    let text = |path: &std::path::Path| Value::from(path.display().to_string());
    let mut cluster = traced(
        format!("https://localhost:{}", collector.address().port()),
        &[
            ("ca", text(&ca)),
            ("headers_file", text(&headers)),
            ("interval_ms", 3_600_000.into()),
        ],
    )
    .await?;
    traced_login(&cluster.client(1).await?, "ada", "lovelace").await?;
    ensure!(collector.spans().is_empty(), "an hour has not passed");
    cluster.node(1)?.terminate()?;
    let status = cluster.node_mut(1)?.exited(GRACE).await?;
    ensure!(status.success(), "{status}");
    assert_eq!(collector.spans().len(), 2);
    assert_eq!(collector.headers("x-api-key"), ["a-key-to-hide"]);
    ensure!(
        !cluster.node(1)?.log().contains("a-key-to-hide"),
        "the log tells the key"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_collector_holds_up_neither_logins_nor_the_stop() -> Result<()> {
    // It accepts connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", silent.local_addr()?);
    let mut cluster = traced(endpoint, &[("queue", 4.into()), ("timeout_ms", 3_600_000.into())]).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    for _ in 0..20 {
        let answer = traced_login(&client, "ada", "lovelace").await?;
        assert_eq!(answer.decision(), v1::Decision::Allow);
    }
    cluster.node(1)?.terminate()?;
    let status = cluster.node_mut(1)?.exited(GRACE).await?;
    ensure!(status.success(), "{status}");
    ensure!(
        cluster.node(1)?.log().contains("dropped a Span due to queue full"),
        "nothing is said of the lost spans"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_cannot_be_reached_is_one_line_in_the_log() -> Result<()> {
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let cluster = traced(format!("http://{nobody}"), &[("timeout_ms", 200.into())]).await?;
    let client = cluster.client(1).await?;
    let lines = || -> Result<usize> {
        let log = cluster.node(1)?.log();
        Ok(log.matches("traces cannot be handed to the collector").count())
    };
    wait_for("the failure to be logged", PATIENCE, async || {
        traced_login(&client, "ada", "lovelace").await?;
        Ok((lines()? > 0).then_some(()))
    })
    .await?;
    for _ in 0..10 {
        traced_login(&client, "ada", "lovelace").await?;
    }
    assert_eq!(lines()?, 1);
    cluster.passed()
}
