//! The way between the library and the directory: encrypted where the settings say so, and guarded against what would harm the
//! library (see [`super::message`]).

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, split};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::message::{self, Unread, extended_result};
use crate::auth::{ProviderError, Reason};
use crate::net::deepest_cause;

/// How the connection is protected.
#[derive(Clone)]
pub(super) enum Protection {
    /// Not at all.
    Plain,
    /// From its first byte.
    Ldaps(Arc<ClientConfig>),
    /// From the answer to the first request on: StartTLS.
    StartTls(Arc<ClientConfig>),
}

/// The request for StartTLS, whose identifier is 1.3.6.1.4.1.1466.20037.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// A way that is open.
pub(super) struct Relay {
    ended: Arc<OnceLock<ProviderError>>,
    _carrier: AbortOnDropHandle<()>,
}

impl Relay {
    /// Opens one; the library gets the other end. Ends with the relay.
    pub(super) async fn open(
        host: &str,
        port: u16,
        protection: &Protection,
    ) -> Result<(Self, UnixStream), ProviderError> {
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(|why| unavailable(&why))?;
        stream.set_nodelay(true).map_err(|why| unavailable(&why))?;
        match protection {
            Protection::Plain => Self::carry(stream),
            Protection::Ldaps(config) => Self::carry(encrypted(host, config, stream).await?),
            Protection::StartTls(config) => {
                let stream = started(stream).await?;
                Self::carry(encrypted(host, config, stream).await?)
            }
        }
    }

    fn carry(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Result<(Self, UnixStream), ProviderError> {
        let (ours, librarys) = UnixStream::pair().map_err(|why| unavailable(&why))?;
        let ended = Arc::new(OnceLock::new());
        let told = Arc::clone(&ended);
        let carrier = tokio::spawn(async move {
            let (mut from_directory, mut to_directory) = split(stream);
            let (mut from_library, mut to_library) = split(ours);
            let why = tokio::select! {
                why = answers(&mut from_directory, &mut to_library) => why,
                why = requests(&mut from_library, &mut to_directory) => why,
            };
            // Before the library sees that it is over.
            let _first = told.set(lost(&why));
        });
        let relay = Self {
            ended,
            _carrier: AbortOnDropHandle::new(carrier),
        };
        Ok((relay, librarys))
    }

    /// Why it ended, if it has.
    pub(super) fn ended(&self) -> Option<&ProviderError> {
        self.ended.get()
    }
}

/// Carries answers until there is a reason not to.
async fn answers(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> Unread {
    loop {
        let message = match message::next(from).await {
            Ok(message) => message,
            Err(why) => return why,
        };
        if let Err(why) = to.write_all(&message).await {
            return why.into();
        }
    }
}

/// Carries requests until the library has no more.
async fn requests(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> Unread {
    match copy(from, to).await {
        Ok(_) => Unread::Closed,
        Err(why) => why.into(),
    }
}

/// Asks for TLS. Nothing is sent, and nothing else read, until the directory has agreed.
async fn started(mut stream: TcpStream) -> Result<TcpStream, ProviderError> {
    stream.write_all(START_TLS).await.map_err(|why| unavailable(&why))?;
    let answer = message::next(&mut stream).await.map_err(|why| lost(&why))?;
    match extended_result(&answer) {
        Some(0) => Ok(stream),
        Some(code) => {
            let why = format!("the directory refuses StartTLS (result {code})");
            Err(ProviderError::new(Reason::BackendUnavailable, why))
        }
        None => Err(lost(&Unread::Nonsense)),
    }
}

async fn encrypted(
    host: &str,
    config: &Arc<ClientConfig>,
    stream: TcpStream,
) -> Result<impl AsyncRead + AsyncWrite + use<>, ProviderError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|why| unavailable(&why))?;
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.map_err(|why| {
        let why = format!("no TLS: {}", deepest_cause(&why));
        ProviderError::new(Reason::BackendUnavailable, why)
    })
}

/// A message that is too long may be one client's entry; everything else is the directory's own.
fn lost(why: &Unread) -> ProviderError {
    let reason = match why {
        Unread::TooLong => Reason::BackendBadResponse,
        Unread::Broken(_) | Unread::Closed | Unread::Nonsense => Reason::BackendUnavailable,
    };
    ProviderError::new(reason, why.to_string())
}

fn unavailable(why: &dyn std::error::Error) -> ProviderError {
    ProviderError::new(Reason::BackendUnavailable, deepest_cause(why))
}
