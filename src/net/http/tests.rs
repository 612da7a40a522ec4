//! The HTTP port as a caller finds it, in plain text and over TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router, extract::ConnectInfo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use super::{HttpSettings, IsTls, serve_http};
use crate::net::{Drain, TlsSettings, listen};

const PATIENCE: Duration = Duration::from_secs(20);

struct Port {
    address: SocketAddr,
    drain: Drain,
    server: JoinHandle<std::io::Result<()>>,
}

impl Port {
    async fn open(settings: HttpSettings, routes: Router) -> Self {
        let listener = listen("127.0.0.1:0").await.unwrap();
        let (address, drain) = (listener.local_addr().unwrap(), Drain::default());
        let server = tokio::spawn(serve_http(&settings, listener, routes, drain.clone()).unwrap());
        Self { address, drain, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn told() -> Router {
    let told = async |ConnectInfo(peer): ConnectInfo<SocketAddr>, Extension(IsTls(tls)): Extension<IsTls>| {
        format!("{peer} {tls}")
    };
    Router::new().route("/told", get(told))
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end too.
    let _end = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection stays open");
    String::from_utf8(answer).unwrap()
}

fn certificate(folder: &Path) -> (TlsSettings, reqwest::Certificate) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (cert_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert_file, cert.pem()).unwrap();
    std::fs::write(&key_file, signing_key.serialize_pem()).unwrap();
    let tls = TlsSettings {
        cert: cert_file,
        key: key_file,
        ..TlsSettings::default()
    };
    (tls, reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap())
}

#[tokio::test]
async fn a_caller_chooses_the_version_and_the_routes_know_who_calls_and_how() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, trusted) = certificate(folder.path());
    let settings = HttpSettings {
        tls,
        ..HttpSettings::default()
    };
    let port = Port::open(settings, told()).await;
    let url = format!("https://{}/told", port.address);
    let client = || reqwest::Client::builder().tls_certs_only([trusted.clone()]);
    for (client, version) in [
        (client(), reqwest::Version::HTTP_2),
        (client().http1_only(), reqwest::Version::HTTP_11),
    ] {
        let answer = client.build().unwrap().get(&url).send().await.unwrap();
        assert_eq!(answer.version(), version);
        let text = answer.text().await.unwrap();
        assert!(text.starts_with("127.0.0.1:") && text.ends_with(" true"), "{text}");
    }
}

#[tokio::test]
async fn plain_text_is_told_from_tls() {
    let port = Port::open(HttpSettings::default(), told()).await;
    let mut stream = port.connect().await;
    let caller = stream.local_addr().unwrap();
    let request = b"GET /told HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.ends_with(&format!("{caller} false")), "{answer}");
    assert!(answer.contains("content-length: "), "{answer}");
}

#[tokio::test]
async fn a_connection_that_sends_no_whole_head_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = HttpSettings {
        head_timeout_ms: 100,
        ..HttpSettings::default()
    };
    let plain = Port::open(settings.clone(), told()).await;
    let tls = HttpSettings {
        tls: certificate(folder.path()).0,
        ..settings
    };
    let encrypted = Port::open(tls, told()).await;
    for (port, sent) in [
        (&plain, ""),
        (&plain, "GET /told HTTP/1.1\r\nHost: "),
        (&plain, "GET /told HTTP/1.1\r\nHost: x\r\n\r\nGET"),
        (&encrypted, ""),
    ] {
        let mut stream = port.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        rest(&mut stream).await;
    }
}

#[tokio::test]
async fn an_answer_may_take_longer_than_a_head() {
    let (pieces, stream) = tokio::sync::mpsc::channel::<Result<&str, std::io::Error>>(1);
    let stream = Arc::new(Mutex::new(Some(ReceiverStream::new(stream))));
    let events = async move || Body::from_stream(stream.lock().unwrap().take().unwrap());
    let settings = HttpSettings {
        head_timeout_ms: 100,
        ..HttpSettings::default()
    };
    let port = Port::open(settings, Router::new().route("/events", get(events))).await;
    let mut caller = port.connect().await;
    caller
        .write_all(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut head = vec![0; 1024];
    timeout(PATIENCE, caller.read(&mut head)).await.unwrap().unwrap();
    let early = timeout(Duration::from_millis(300), caller.read_u8()).await;
    assert!(early.is_err(), "the answer was cut off");
    pieces.send(Ok("at last")).await.unwrap();
    drop(pieces);
    let answer = rest(&mut caller).await;
    assert!(answer.contains("at last"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let port = Port::open(HttpSettings::default(), told()).await;
    let mut stream = port.connect().await;
    let request = format!(
        "GET /told HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n",
        "c".repeat(20_000)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn further_connections_wait_until_one_ends() {
    let settings = HttpSettings {
        max_connections: 1,
        ..HttpSettings::default()
    };
    let port = Port::open(settings, told()).await;
    let request = b"GET /told HTTP/1.1\r\nHost: x\r\n\r\n";
    let (mut first, mut second) = (port.connect().await, port.connect().await);
    first.write_all(request).await.unwrap();
    timeout(PATIENCE, first.read_u8()).await.unwrap().unwrap();
    second.write_all(request).await.unwrap();
    let early = timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(early.is_err(), "it was served beside the first");
    drop(first);
    timeout(PATIENCE, second.read_u8()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_in_progress_is_answered_before_the_port_closes() {
    let (begun, mut arrived) = tokio::sync::mpsc::channel(1);
    let drain = Drain::default();
    let stopping = drain.clone();
    let slow = async move || {
        begun.send(()).await.unwrap();
        stopping.begun().await;
        "answered"
    };
    let port = Port::open(HttpSettings::default(), Router::new().route("/slow", get(slow))).await;
    let (mut busy, mut idle) = (port.connect().await, port.connect().await);
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    arrived.recv().await.unwrap();
    port.drain.begin();
    rest(&mut idle).await;
    drain.begin();
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("answered"), "{answer}");
    timeout(PATIENCE, port.server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(port.address).await.is_err());
}
