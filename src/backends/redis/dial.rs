//! Opens connections: the way there, TLS as the settings say, and who we are.
//!
//! The driver could do that too. But it would read the system's authorities anew for each connection, on the threads that logins
//! need, and verify no other name than the address's; so it gets streams that are ready.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisResult, Value as Reply};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::metered::{Metered, Pulse};
use super::trouble::Trouble;
use crate::backends::address::Address;
use crate::backends::secrets::SecretSource;
use crate::backends::ssl::Ssl;

/// As whom servers are asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: Option<SecretSource>,
    pub(super) database: u32,
}

/// TLS, if the settings want it.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    server_name: String,
}

impl Tls {
    /// Reads certificates: not to be called on the async threads.
    pub(super) fn of(ssl: &Ssl, secrets_dir: &Path) -> Result<Option<Self>, String> {
        if !ssl.is_enabled {
            return Ok(None);
        }
        Ok(Some(Self {
            connector: TlsConnector::from(Arc::new(ssl.material(secrets_dir)?.client_config()?)),
            server_name: ssl.server_name.clone(),
        }))
    }
}

/// Opens connections of one kind.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) login: Login,
    pub(super) tls: Option<Tls>,
    /// How long it may take.
    pub(super) within: Duration,
    /// The most bytes of answers under way at once.
    pub(super) most: u64,
    pub(super) secrets_dir: PathBuf,
}

/// A connection that many questions share: each answer goes to the question that it belongs to, in the protocol's order, whether
/// somebody still waits for it or not.
pub(super) struct Connection {
    multiplexed: MultiplexedConnection,
    pub(super) pulse: Arc<Pulse>,
    pub(super) peer: Address,
    _driver: AbortOnDropHandle<()>,
}

impl Dialer {
    /// Opens one, in time.
    pub(super) async fn open(&self, peer: &Address) -> Result<Connection, Trouble> {
        let opened = tokio::time::timeout(self.within, self.connect(peer)).await;
        opened.unwrap_or_else(|_| Err(Trouble::lost(format!("{peer}: no connection within {:?}", self.within))))
    }

    async fn connect(&self, peer: &Address) -> Result<Connection, Trouble> {
        let failed = |why: &dyn std::fmt::Display| Trouble::lost(format!("{peer}: {why}"));
        let stream = TcpStream::connect((peer.host.as_str(), peer.port))
            .await
            .map_err(|why| failed(&why))?;
        stream.set_nodelay(true).map_err(|why| failed(&why))?;
        let Some(tls) = &self.tls else {
            return self.log_in(peer, stream).await;
        };
        let name = match tls.server_name.as_str() {
            "" => peer.host.as_str(),
            name => name,
        };
        let name = ServerName::try_from(name.to_owned()).map_err(|why| failed(&why))?;
        let stream = tls.connector.connect(name, stream).await.map_err(|why| failed(&why))?;
        self.log_in(peer, stream).await
    }

    async fn log_in<S>(&self, peer: &Address, stream: S) -> Result<Connection, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut who = RedisConnectionInfo::default()
            .set_db(self.login.database.into())
            .set_skip_set_lib_name();
        if !self.login.username.is_empty() {
            who = who.set_username(&self.login.username);
        }
        if let Some(password) = &self.login.password {
            let password = password.resolve(&self.secrets_dir).map_err(Trouble::lost)?;
            let password = std::str::from_utf8(password.expose())
                .map_err(|_| Trouble::lost("the password for the server is no UTF-8"))?;
            who = who.set_password(password);
        }
        let pulse = Arc::new(Pulse::new(self.most));
        let stream = Metered {
            stream,
            pulse: Arc::clone(&pulse),
        };
        // Whoever asks sees to the time.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (multiplexed, driver) = MultiplexedConnection::new_with_config(&who, stream, config)
            .await
            .map_err(|error| {
                let trouble = Trouble::of(&error, peer);
                Trouble::lost(trouble.error.detail)
            })?;
        pulse.answered();
        Ok(Connection {
            multiplexed,
            pulse,
            peer: peer.clone(),
            _driver: AbortOnDropHandle::new(tokio::spawn(driver)),
        })
    }
}

impl Connection {
    /// Asks. A question that was redirected says so, since the key is still moving.
    pub(super) async fn ask(&self, command: &Cmd, is_redirected: bool) -> Result<Reply, Trouble> {
        let mut connection = self.multiplexed.clone();
        let reply: RedisResult<Reply> = if is_redirected {
            let mut both = redis::pipe();
            both.cmd("ASKING").ignore().add_command(command.clone());
            both.query_async(&mut connection).await.map(|(reply,)| reply)
        } else {
            command.query_async(&mut connection).await
        };
        match (reply, self.pulse.flood()) {
            (Ok(reply), _) => {
                self.pulse.answered();
                Ok(reply)
            }
            (Err(_), Some(why)) => Err(Trouble::nonsense(why)),
            (Err(error), None) => {
                self.pulse.answered();
                Err(Trouble::of(&error, &self.peer))
            }
        }
    }

    /// Whether it can be asked again.
    pub(super) fn is_flooded(&self) -> bool {
        self.pulse.flood().is_some()
    }
}
