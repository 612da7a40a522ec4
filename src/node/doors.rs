//! The listeners of a node.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{NodeError, starting};
use crate::config::Settings;
use crate::net::{self, HttpSettings};

/// The listeners, and how others reach them.
pub(super) struct Doors {
    pub(super) api: TcpListener,
    pub(super) peer: TcpListener,
    pub(super) http: Option<TcpListener>,
    pub(super) api_address: String,
    pub(super) peer_address: String,
    pub(super) http_address: String,
}

impl Doors {
    /// Bound before anything else runs, so that a port in use is the first thing said.
    pub(super) async fn open(settings: &Settings) -> Result<Self, NodeError> {
        let api = bind("api.listen", &settings.api.listen).await?;
        let peer = bind("peer.listen", &settings.peer.listen).await?;
        let http = match settings.http.listen.as_str() {
            "" => None,
            listen => Some(bind("http.listen", listen).await?),
        };
        let api_address = advertised(&settings.api.advertise, &settings.api.listen, api.local_addr());
        let peer_address = advertised(&settings.peer.advertise, &settings.peer.listen, peer.local_addr());
        let http_address = http.as_ref().map_or_else(String::new, |http| {
            advertised("", &settings.http.listen, http.local_addr())
        });
        Ok(Self {
            api,
            peer,
            http,
            api_address,
            peer_address,
            http_address,
        })
    }

    /// Where HTTP can be spoken from other machines without TLS, if anywhere.
    pub(super) fn http_in_plain_text(&self, settings: &HttpSettings) -> Option<SocketAddr> {
        let bound = self.http.as_ref()?.local_addr().ok()?;
        let is_loopback = bound.ip().to_canonical().is_loopback();
        (!is_loopback && settings.tls.cert.as_os_str().is_empty()).then_some(bound)
    }
}

async fn bind(key: &str, address: &str) -> Result<TcpListener, NodeError> {
    let what = format!("cannot listen on `{address}` (`{key}`)");
    net::listen(address).await.map_err(starting(&what))
}

/// As set; else as it listens, with the port the system chose if it was left to it.
fn advertised(advertise: &str, listen: &str, bound: std::io::Result<SocketAddr>) -> String {
    match bound {
        _ if !advertise.is_empty() => advertise.to_owned(),
        Ok(bound) if listen.ends_with(":0") => bound.to_string(),
        _ => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::advertised;

    #[test]
    fn a_node_is_reached_as_advertised_or_as_it_listens() {
        let bound = || Ok("127.0.0.1:4711".parse().unwrap());
        assert_eq!(advertised("node1:7601", "0.0.0.0:7601", bound()), "node1:7601");
        assert_eq!(advertised("", "localhost:7601", bound()), "localhost:7601");
        assert_eq!(advertised("", "127.0.0.1:0", bound()), "127.0.0.1:4711");
    }
}
