//! gRPC as an operator or a test calls it: endpoints tried in turn, API key, TLS, deadline. CONTRACT STUB.

use std::time::Duration;

use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use super::pb::v1::authenticators_client::AuthenticatorsClient;
use super::pb::v1::login_client::LoginClient;
use super::pb::v1::nodes_client::NodesClient;
use super::pb::v1::operators_client::OperatorsClient;
use super::pb::v1::users_client::UsersClient;

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
    /// Deadline of each call.
    pub timeout: Duration,
}

/// Why no endpoint could be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// An endpoint is not a URL, or the TLS material is unusable.
    #[error("{what}: {why}")]
    Invalid { what: String, why: String },
    /// Nobody answers.
    #[error("cannot connect to {endpoint}: {why}")]
    Unreachable { endpoint: String, why: String },
}

/// Adds the API key and the deadline to every call.
#[derive(Clone)]
pub struct Credentialed {
    _stub: (),
}

impl tonic::service::Interceptor for Credentialed {
    fn call(&mut self, _request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        todo!()
    }
}

type Service = InterceptedService<Channel, Credentialed>;

/// A connected client of every service.
#[derive(Clone)]
pub struct Client {
    _stub: (),
}

impl Client {
    /// Connects to the first endpoint that accepts.
    pub async fn connect(_connection: &Connection) -> Result<Self, ClientError> {
        todo!()
    }

    /// Logins.
    pub fn login(&self) -> LoginClient<Service> {
        todo!()
    }

    /// Users.
    pub fn users(&self) -> UsersClient<Service> {
        todo!()
    }

    /// Authenticators.
    pub fn authenticators(&self) -> AuthenticatorsClient<Service> {
        todo!()
    }

    /// Operators.
    pub fn operators(&self) -> OperatorsClient<Service> {
        todo!()
    }

    /// Nodes.
    pub fn nodes(&self) -> NodesClient<Service> {
        todo!()
    }
}
