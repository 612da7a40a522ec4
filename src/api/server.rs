//! The two gRPC servers: the public one with health and reflection behind the guard, and the peers' one.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::authenticators::AuthenticatorsService;
use super::guard::Guard;
use super::login::{Door, LoginService};
use super::nodes::NodesService;
use super::operators::OperatorsService;
use super::peer::PeerService;
use super::users::UsersService;
use super::{PeerSettings, Settings};
use crate::admin::Admin;
use crate::cluster::Cluster;
use crate::net::{Drain, TlsError, TlsSettings};
use crate::wire::pb::DESCRIPTORS;
use crate::wire::pb::peer::peer_server::PeerServer;
use crate::wire::pb::v1::authenticators_server::{self, AuthenticatorsServer};
use crate::wire::pb::v1::login_server::{self, LoginServer};
use crate::wire::pb::v1::nodes_server::{self, NodesServer};
use crate::wire::pb::v1::operators_server::{self, OperatorsServer};
use crate::wire::pb::v1::users_server::{self, UsersServer};

/// Largest message between nodes: a batch of log entries or a chunk of a snapshot.
const PEER_MESSAGE_BYTES: usize = 8 << 20;
/// Calls of one peer that may be in progress.
const PEER_STREAMS: u32 = 256;
/// Headers of one call.
const HEADER_BYTES: u32 = 16 << 10;
/// A connection that is silent so long is asked whether it is still there …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// … and closed if it does not say so in time.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections reset before they were served, and by our own errors: floods are cut off here.
const PENDING_RESETS: usize = 20;
const LOCAL_RESETS: usize = 256;

/// The services that clients and operators see.
const PUBLIC_SERVICES: &[&str] = &[
    login_server::SERVICE_NAME,
    users_server::SERVICE_NAME,
    authenticators_server::SERVICE_NAME,
    operators_server::SERVICE_NAME,
    nodes_server::SERVICE_NAME,
];

/// Why a server cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// Certificate, key or authority.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The descriptors that reflection shows.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// TLS material that the transport refuses, or the listener.
    #[error("gRPC: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// A server that runs until drained.
pub(crate) type Serving = Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>;

/// What the public server stands on.
pub(crate) struct PublicParts {
    /// What operators can do.
    pub(crate) admin: Admin,
    /// What clients ask.
    pub(crate) door: Door,
}

/// The server of clients and operators.
pub(crate) fn public_server(
    settings: &Settings,
    listener: TcpListener,
    parts: PublicParts,
) -> Result<Serving, ServeError> {
    let PublicParts { admin, door } = parts;
    let (cluster, drain) = (door.cluster.clone(), door.drain.clone());
    let (health, health_service) = tonic_health::server::health_reporter();
    let max = settings.max_message_bytes;
    let router = transport(&settings.tls, settings.max_streams)?
        .layer(guard(admin.clone(), cluster.clone()))
        .add_service(LoginServer::new(LoginService::new(door)).max_decoding_message_size(max))
        .add_service(UsersServer::new(UsersService::new(admin.clone())).max_decoding_message_size(max))
        .add_service(
            AuthenticatorsServer::new(AuthenticatorsService::new(admin.clone())).max_decoding_message_size(max),
        )
        .add_service(OperatorsServer::new(OperatorsService::new(admin.clone())).max_decoding_message_size(max))
        .add_service(NodesServer::new(NodesService::new(admin)).max_decoding_message_size(max))
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let stop = drain.clone();
    Ok(Box::pin(async move {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let serving = router.serve_with_incoming_shutdown(incoming, async move { stop.begun().await });
        // Told before the first call can be answered: the reporter begins by claiming that all is well.
        set_health(&health, false).await;
        let reporting = follow_readiness(health, cluster.watch_ready(), drain);
        tokio::pin!(serving);
        tokio::select! {
            served = &mut serving => return Ok(served?),
            () = reporting => {}
        }
        Ok(serving.await?)
    }))
}

/// The server of the other nodes.
pub(crate) fn peer_server(
    settings: &PeerSettings,
    listener: TcpListener,
    cluster: Cluster,
    drain: Drain,
) -> Result<Serving, ServeError> {
    let service = PeerServer::new(PeerService::new(cluster))
        .max_decoding_message_size(PEER_MESSAGE_BYTES)
        .max_encoding_message_size(PEER_MESSAGE_BYTES);
    let router = transport(&settings.tls, PEER_STREAMS)?.add_service(service);
    Ok(Box::pin(async move {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Ok(router
            .serve_with_incoming_shutdown(incoming, async move { drain.begun().await })
            .await?)
    }))
}

/// What both servers have in common.
fn transport(tls: &TlsSettings, max_streams: u32) -> Result<Server, ServeError> {
    let server = Server::builder()
        .max_concurrent_streams(max_streams)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS))
        .http2_max_header_list_size(HEADER_BYTES);
    Ok(match tls.server()? {
        Some(tls) => server.tls_config(tls)?,
        None => server,
    })
}

fn guard(admin: Admin, cluster: Cluster) -> Guard {
    let not_ready = move || cluster.ready().err().map(|why| why.to_string());
    Guard::new(move |key| admin.caller_of(key), not_ready)
}

/// Shows the public services only.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(tonic_health::pb::health_server::SERVICE_NAME);
    PUBLIC_SERVICES
        .iter()
        .fold(builder, |builder, name| builder.with_service_name(*name))
}

/// SERVING while this node can decide logins, until it drains.
async fn follow_readiness(health: HealthReporter, mut ready: watch::Receiver<bool>, drain: Drain) {
    loop {
        let now = *ready.borrow_and_update();
        set_health(&health, now).await;
        tokio::select! {
            changed = ready.changed() => if changed.is_err() { break },
            () = drain.begun() => break,
        }
    }
    set_health(&health, false).await;
}

/// Of the whole (the empty name) and of each service.
async fn set_health(health: &HealthReporter, serving: bool) {
    let status = if serving {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for name in std::iter::once("").chain(PUBLIC_SERVICES.iter().copied()) {
        health.set_service_status(name, status).await;
    }
}
