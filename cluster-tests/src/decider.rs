//! An HTTP server on loopback that decides on clients as a test tells it to, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET /path?query HTTP/1.1` and the headers, each on its line.
    pub head: String,
    /// What followed.
    pub body: Vec<u8>,
}

impl Request {
    /// The first line without the version.
    pub fn line(&self) -> &str {
        let first = self.head.lines().next().unwrap_or_default();
        first.rsplit_once(' ').map_or(first, |(line, _)| line)
    }

    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let named = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut found = named.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status line and headers, without the empty line, and a body.
    Raw(String, Vec<u8>),
    /// A body that never ends.
    Endless(String),
    /// Nothing at all, with the connection open.
    Silence,
    /// The connection is closed.
    HangUp,
}

impl Reply {
    /// 200 with this JSON.
    pub fn json(body: impl ToString) -> Self {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json".to_owned();
        Self::Raw(head, body.to_string().into_bytes())
    }

    /// A status without a body.
    pub fn status(line: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 {line}"), Vec::new())
    }
}

type Decide = dyn Fn(&Request) -> Reply + Send + Sync;

struct Script {
    decide: Arc<Decide>,
    requests: Vec<Request>,
}

/// The server. It ends when dropped.
pub struct Decider {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
}

impl Decider {
    /// Listens on a port of the system's choice.
    pub async fn start(decide: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let script = Arc::new(Mutex::new(Script {
            decide: Arc::new(decide),
            requests: Vec::new(),
        }));
        let shared = Arc::clone(&script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, script, task })
    }

    /// Where it is, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does from now on.
    pub fn decide(&self, decide: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        lock(&self.script).decide = Arc::new(decide);
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.script).requests.clone()
    }
}

impl Drop for Decider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request per connection.
async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let Ok(request) = read(&mut stream).await else { return };
    let decide = {
        let mut script = lock(&script);
        script.requests.push(request.clone());
        Arc::clone(&script.decide)
    };
    match decide(&request) {
        Reply::Raw(head, body) => {
            let length = body.len();
            let head = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            // The caller may have had enough before the end.
            let _gone = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            let _gone = stream.shutdown().await;
        }
        Reply::Endless(head) => {
            let head = format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n");
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(b"8\r\n[[[[[[[[\r\n").await;
            }
        }
        Reply::Silence => std::future::pending().await,
        Reply::HangUp => {}
    }
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut request = Request {
        head: String::from_utf8_lossy(&head).trim_end().replace("\r\n", "\n"),
        body: Vec::new(),
    };
    let length = request.header("content-length").parse().unwrap_or(0);
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).await?;
    Ok(request)
}
