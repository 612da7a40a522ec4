//! The yardstick of logins: the same service and messages, answered with nothing, by a process of its own.

use std::net::SocketAddr;
use std::pin::Pin;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::ports::PortBlock;
use cluster_tests::wait_for;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::login_server::{Login, LoginServer};
use portcullis::wire::{Client, Connection};
use tokio::process::{Child, Command};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

/// Serves until it is killed.
pub(crate) async fn serve(listen: SocketAddr) -> Result<()> {
    let server = tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .add_service(LoginServer::new(Echo));
    Ok(server.serve(listen).await?)
}

/// The service in a child process.
#[derive(Debug)]
pub(crate) struct EchoProcess {
    child: Child,
    address: SocketAddr,
    _ports: PortBlock,
}

impl EchoProcess {
    pub(crate) fn start() -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let address = ports.take()?;
        let child = Command::new(std::env::current_exe()?)
            .args(["echo", &address.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            child,
            address,
            _ports: ports,
        })
    }

    pub(crate) fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.child.id().context("the echo service has ended")?)?)
    }

    /// The same client that the node is asked with.
    pub(crate) async fn client(&self, connection: &Connection) -> Result<Client> {
        let connection = Connection {
            endpoints: vec![format!("http://{}", self.address)],
            ..connection.clone()
        };
        wait_for("the echo service", PATIENCE, async || {
            Ok(Some(Client::connect(&connection).await?))
        })
        .await
    }
}

struct Echo;

type Answers = Pin<Box<dyn Stream<Item = Result<v1::AuthenticateResponse, Status>> + Send>>;

fn answer(request: &v1::AuthenticateRequest) -> v1::AuthenticateResponse {
    v1::AuthenticateResponse {
        id: request.id,
        ..v1::AuthenticateResponse::default()
    }
}

#[tonic::async_trait]
impl Login for Echo {
    type AuthenticateStreamStream = Answers;

    async fn authenticate(
        &self,
        request: Request<v1::AuthenticateRequest>,
    ) -> Result<Response<v1::AuthenticateResponse>, Status> {
        Ok(Response::new(answer(request.get_ref())))
    }

    async fn authenticate_stream(
        &self,
        request: Request<Streaming<v1::AuthenticateRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let answers = request.into_inner().map(|request| Ok(answer(&request?)));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn explain(
        &self,
        _request: Request<v1::AuthenticateRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        Err(Status::unimplemented("only logins are compared"))
    }
}
