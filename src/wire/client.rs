//! gRPC as an operator or a test calls it: endpoints tried in turn, API key, TLS, deadline.

use std::fmt;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::pb::v1::authenticators_client::AuthenticatorsClient;
use super::pb::v1::login_client::LoginClient;
use super::pb::v1::nodes_client::NodesClient;
use super::pb::v1::operators_client::OperatorsClient;
use super::pb::v1::users_client::UsersClient;
use crate::net::deepest_cause;

/// Longest wait for one endpoint before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Deadline of a call when the connection names none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach the service.
#[derive(Clone, Default)]
pub struct Connection {
    /// `http://host:port` or `https://host:port`, tried in turn until one accepts a connection.
    pub endpoints: Vec<String>,
    /// `pck_…`; `None` to send none.
    pub api_key: Option<String>,
    /// PEM of the authority to trust; `None`: the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// PEM of the client's certificate and key.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
    /// Deadline of each call; zero: ten seconds.
    pub timeout: Duration,
}

/// The key must not be seen.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("endpoints", &self.endpoints)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why no endpoint could be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// An endpoint is not a URL, or the TLS material is unusable.
    #[error("{what}: {why}")]
    Invalid { what: String, why: String },
    /// Nobody answers.
    #[error("cannot connect to `{endpoint}`: {why}")]
    Unreachable { endpoint: String, why: String },
}

/// Adds the API key and the deadline to every call.
#[derive(Clone)]
pub struct Credentialed {
    bearer: Option<MetadataValue<Ascii>>,
    timeout: Duration,
}

impl Credentialed {
    fn new(connection: &Connection) -> Result<Self, ClientError> {
        let bearer = connection.api_key.as_deref().map(bearer).transpose()?;
        let timeout = if connection.timeout.is_zero() {
            DEFAULT_TIMEOUT
        } else {
            connection.timeout
        };
        Ok(Self { bearer, timeout })
    }
}

fn bearer(api_key: &str) -> Result<MetadataValue<Ascii>, ClientError> {
    // The error must not repeat the key.
    let mut value = MetadataValue::try_from(format!("Bearer {api_key}"))
        .map_err(|_| invalid("API key", "holds characters that no key has"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl tonic::service::Interceptor for Credentialed {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        // A call may bring a deadline of its own, such as a long import.
        if request.metadata().get("grpc-timeout").is_none() {
            request.set_timeout(self.timeout);
        }
        Ok(request)
    }
}

type Service = InterceptedService<Channel, Credentialed>;

/// A connected client of every service.
#[derive(Clone)]
pub struct Client {
    service: Service,
}

impl Client {
    /// Connects to the first endpoint that accepts.
    pub async fn connect(connection: &Connection) -> Result<Self, ClientError> {
        let credentialed = Credentialed::new(connection)?;
        let mut last = invalid("endpoints", "none is given");
        for url in &connection.endpoints {
            match endpoint(connection, url)?.connect().await {
                Ok(channel) => {
                    return Ok(Self {
                        service: InterceptedService::new(channel, credentialed),
                    });
                }
                Err(e) => {
                    last = ClientError::Unreachable {
                        endpoint: url.clone(),
                        why: deepest_cause(&e),
                    }
                }
            }
        }
        Err(last)
    }

    /// Logins.
    pub fn login(&self) -> LoginClient<Service> {
        LoginClient::new(self.service.clone())
    }

    /// Users.
    pub fn users(&self) -> UsersClient<Service> {
        UsersClient::new(self.service.clone())
    }

    /// Authenticators.
    pub fn authenticators(&self) -> AuthenticatorsClient<Service> {
        AuthenticatorsClient::new(self.service.clone())
    }

    /// Operators.
    pub fn operators(&self) -> OperatorsClient<Service> {
        OperatorsClient::new(self.service.clone())
    }

    /// Nodes.
    pub fn nodes(&self) -> NodesClient<Service> {
        NodesClient::new(self.service.clone())
    }
}

fn endpoint(connection: &Connection, url: &str) -> Result<Endpoint, ClientError> {
    let invalid_url = |e: tonic::transport::Error| invalid(&format!("endpoint `{url}`"), &deepest_cause(&e));
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(invalid_url)?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true);
    match endpoint.uri().scheme_str() {
        Some("http") => Ok(endpoint),
        Some("https") => endpoint.tls_config(tls(connection)).map_err(invalid_url),
        _ => Err(invalid(
            &format!("endpoint `{url}`"),
            "begins with neither `http://` nor `https://`",
        )),
    }
}

fn tls(connection: &Connection) -> ClientTlsConfig {
    let config = match &connection.ca_pem {
        Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match &connection.identity_pem {
        Some((cert, key)) => config.identity(Identity::from_pem(cert, key)),
        None => config,
    }
}

fn invalid(what: &str, why: &str) -> ClientError {
    ClientError::Invalid {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::service::Interceptor as _;

    use super::{Client, ClientError, Connection, Credentialed};

    fn connection(endpoints: &[&str]) -> Connection {
        Connection {
            endpoints: endpoints.iter().map(|&e| e.to_owned()).collect(),
            api_key: Some("pck_a_hush".into()),
            timeout: Duration::from_secs(2),
            ..Connection::default()
        }
    }

    #[test]
    fn every_call_carries_the_key_and_a_deadline() {
        let mut credentialed = Credentialed::new(&connection(&[])).unwrap();
        let request = credentialed.call(tonic::Request::new(())).unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer pck_a_hush");
        assert!(request.metadata().contains_key("grpc-timeout"));
    }

    #[test]
    fn the_key_is_never_printed() {
        let connection = connection(&[]);
        let mut credentialed = Credentialed::new(&connection).unwrap();
        let request = credentialed.call(tonic::Request::new(())).unwrap();
        assert!(!format!("{connection:?} {request:?}").contains("hush"));
    }

    #[tokio::test]
    async fn the_second_endpoint_is_tried_when_the_first_refuses() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dead = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = format!("http://{}", listener.local_addr().unwrap());
        assert!(Client::connect(&connection(&[&dead, &alive])).await.is_ok());
        let error = Client::connect(&connection(&[&dead])).await.err().unwrap();
        assert!(
            matches!(&error, ClientError::Unreachable { endpoint, .. } if *endpoint == dead),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_endpoint_without_a_scheme_is_named() {
        let error = Client::connect(&connection(&["127.0.0.1:7600"])).await.err().unwrap();
        assert!(error.to_string().contains("`127.0.0.1:7600`"), "{error}");
    }
}
