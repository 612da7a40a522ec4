//! An issuer's HTTP server on loopback, with TLS or without, that publishes a key set, and that rotates, stalls, lies or dies as a
//! test wants it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These bytes as JSON, under this tag; nothing if the caller has that tag already.
    Set(String, &'static str),
    /// Status line and headers, without the empty line, and a body.
    Raw(String, String),
    /// The first half of these bytes as JSON, and then the connection is closed.
    Half(String),
    /// The first half of these bytes as JSON, and then nothing, with the connection open.
    HalfAndSilence(String),
    /// Nothing at all, with the connection open.
    Silence,
    /// The connection is closed.
    HangUp,
}

#[derive(Debug)]
struct Script {
    answer: Answer,
    requests: Vec<String>,
}

/// The server. It ends when dropped.
#[derive(Debug)]
pub struct Issuer {
    scheme: &'static str,
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
}

impl Issuer {
    /// Listens on a port of the system's choice.
    pub async fn start(answer: Answer) -> std::io::Result<Self> {
        Self::listen(answer, None).await
    }

    /// The same with TLS: see [`super::authority`].
    pub async fn start_with_tls(answer: Answer, tls: TlsAcceptor) -> std::io::Result<Self> {
        Self::listen(answer, Some(tls)).await
    }

    async fn listen(answer: Answer, tls: Option<TlsAcceptor>) -> std::io::Result<Self> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Vec::new();
        let script = Arc::new(Mutex::new(Script { answer, requests }));
        let shared = Arc::clone(&script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        Some(tls) => {
                            // Who does not trust the certificate hangs up.
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(Self {
            scheme,
            address,
            script,
            task,
        })
    }

    /// Where the set is.
    pub fn url(&self) -> String {
        format!("{}://{}/jwks.json", self.scheme, self.address)
    }

    /// What it does from now on.
    pub fn answer(&self, answer: Answer) {
        lock(&self.script).answer = answer;
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.script).requests.clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request per connection.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: Arc<Mutex<Script>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let answer = {
        let mut script = lock(&script);
        script.requests.push(head.clone());
        script.answer.clone()
    };
    let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
    let (head, body) = match answer {
        Answer::Set(_, tag) if head.contains(&format!("if-none-match: \"{tag}\"")) => {
            ("HTTP/1.1 304 Not Modified".to_owned(), String::new())
        }
        Answer::Set(body, tag) => (format!("{json}\r\nETag: \"{tag}\""), body),
        Answer::Raw(head, body) => (head, body),
        Answer::Half(body) => return half(&mut stream, json, &body).await,
        Answer::HalfAndSilence(body) => {
            half(&mut stream, json, &body).await;
            return std::future::pending().await;
        }
        Answer::Silence => return std::future::pending().await,
        Answer::HangUp => return,
    };
    let length = body.len();
    let answer = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // The caller may have had enough before the end.
    let _gone = stream.write_all(answer.as_bytes()).await;
    let _gone = stream.shutdown().await;
}

async fn half(stream: &mut (impl AsyncWrite + Unpin), head: &str, body: &str) {
    let (half, _) = body.split_at(body.len() / 2);
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{half}", body.len());
    let _gone = stream.write_all(answer.as_bytes()).await;
    let _gone = stream.flush().await;
}
