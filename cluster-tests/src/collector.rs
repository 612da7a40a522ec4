//! A collector of OpenTelemetry traces on loopback, which keeps what it is handed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::authority::Pair;

type Handed = Vec<(MetadataMap, ExportTraceServiceRequest)>;

/// The collector. It ends when dropped.
pub struct Collector {
    address: SocketAddr,
    handed: Arc<Mutex<Handed>>,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Collector {
    /// Listens on a port of the system's choice; with a certificate, over TLS.
    pub async fn start(certified: Option<&Pair>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let handed = Arc::new(Mutex::new(Handed::new()));
        let mut server = Server::builder();
        if let Some(pair) = certified {
            let identity = Identity::from_pem(&pair.certificate, &pair.key);
            server = server.tls_config(ServerTlsConfig::new().identity(identity))?;
        }
        let server = server
            .add_service(TraceServiceServer::new(Keeper(Arc::clone(&handed))))
            .serve_with_incoming(TcpListenerStream::new(listener));
        Ok(Self {
            address,
            handed,
            task: tokio::spawn(server),
        })
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn handed(&self) -> Handed {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.handed().into_iter();
        let of_resources = requests.flat_map(|(_, request)| request.resource_spans);
        let of_scopes = of_resources.flat_map(|resource| resource.scope_spans);
        of_scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Everything so far, as it stands on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let requests = self.handed().into_iter();
        requests.flat_map(|(_, request)| request.encode_to_vec()).collect()
    }

    /// That header of each request so far; empty where it was missing.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let value = |headers: &MetadataMap| headers.get(name)?.to_str().ok().map(str::to_owned);
        let requests = self.handed().into_iter();
        requests
            .map(|(headers, _)| value(&headers).unwrap_or_default())
            .collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Keeper(Arc<Mutex<Handed>>);

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (headers, _, request) = request.into_parts();
        let mut handed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handed.push((headers, request));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// An attribute of a span that is text; empty if it has none of that name.
pub fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.clone()?.value);
    match value {
        Some(Value::StringValue(text)) => text,
        _ => String::new(),
    }
}
