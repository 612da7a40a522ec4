//! The channels to the peers: two for each, opened lazily, made anew when a peer moves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::pb::peer::peer_client;
use super::peer::PeerName;

/// Longest wait for a connection: past it an election is due anyway.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A peer that answers no ping within interval and timeout is taken for gone, and its calls fail at once.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes in flight on one stream, and on one connection: enough for a batch of entries on a slow link.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Largest message either way.
const MESSAGE_BYTES: usize = 8 << 20;

/// A client on one of a peer's channels.
pub(super) type PeerClient = peer_client::PeerClient<Channel>;

/// The channels of all peers.
pub(super) struct Links {
    tls: Option<ClientTlsConfig>,
    /// Nodes that this one reaches elsewhere than the membership says.
    routes: HashMap<u64, String>,
    consensus: Lane,
    bulk: Lane,
}

/// One channel for each peer, with the address it was opened for.
type Lane = Mutex<HashMap<u64, (String, PeerClient)>>;

impl Links {
    pub(super) fn new(tls: Option<ClientTlsConfig>, routes: HashMap<u64, String>) -> Self {
        Self {
            tls,
            routes,
            consensus: Lane::default(),
            bulk: Lane::default(),
        }
    }

    /// The channel that carries nothing but consensus.
    pub(super) fn consensus(&self, to: &PeerName) -> Result<PeerClient, String> {
        self.on(&self.consensus, to)
    }

    /// The channel for everything else.
    pub(super) fn bulk(&self, to: &PeerName) -> Result<PeerClient, String> {
        self.on(&self.bulk, to)
    }

    fn on(&self, lane: &Lane, to: &PeerName) -> Result<PeerClient, String> {
        let dialled = self.routes.get(&to.id).unwrap_or(&to.address);
        let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((address, client)) = lane.get(&to.id)
            && address == dialled
        {
            return Ok(client.clone());
        }
        let client = self.open(dialled)?;
        lane.insert(to.id, (dialled.clone(), client.clone()));
        Ok(client)
    }

    /// A channel of its own, which lives as long as its client.
    pub(super) fn open(&self, address: &str) -> Result<PeerClient, String> {
        let endpoint = self
            .endpoint(address)
            .map_err(|e| format!("`{address}` cannot be called: {e}"))?;
        Ok(PeerClient::new(endpoint.connect_lazy())
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES))
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, tonic::transport::Error> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        match &self.tls {
            Some(tls) => endpoint.tls_config(tls.clone()),
            None => Ok(endpoint),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Links, PeerName};

    #[tokio::test]
    async fn a_peer_that_moved_gets_a_channel_to_its_new_address() {
        let links = Links::new(None, HashMap::new());
        let at = |address: &str| PeerName {
            id: 2,
            address: address.to_owned(),
            incarnation: 0,
        };
        links.bulk(&at("127.0.0.1:1")).unwrap();
        links.bulk(&at("127.0.0.1:2")).unwrap();
        let lane = links.bulk.lock().unwrap();
        assert_eq!(lane[&2].0, "127.0.0.1:2");
        assert_eq!(lane.len(), 1);
    }
}
