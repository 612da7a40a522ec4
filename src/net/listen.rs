//! Listeners.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// Connections that the kernel keeps waiting while the node is busy: a whole fleet may reconnect at once.
const BACKLOG: u32 = 4096;

/// Binds a listener with the options servers want (nodelay; an address in use is a clear error naming it).
pub async fn listen(address: &str) -> Result<TcpListener, io::Error> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on `{address}`: {e}"));
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for candidate in lookup_host(address).await.map_err(named)? {
        match bind(candidate) {
            Ok(listener) => return Ok(listener),
            Err(e) => last = e,
        }
    }
    Err(named(last))
}

fn bind(address: SocketAddr) -> Result<TcpListener, io::Error> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restarted node must get its port back although old connections linger.
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::listen;

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let first = listen("127.0.0.1:0").await.unwrap();
        let address = first.local_addr().unwrap().to_string();
        let error = listen(&address).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address), "{error}");
    }

    #[tokio::test]
    async fn accepted_connections_send_without_delay() {
        let listener = listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, _client) = tokio::join!(listener.accept(), tokio::net::TcpStream::connect(address));
        assert!(accepted.unwrap().0.nodelay().unwrap());
    }
}
