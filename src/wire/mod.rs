//! gRPC as a caller sees it: generated code, operator client, peer client. Knows no domain.

pub mod pb;

mod channel;
mod client;
mod peer;

pub use self::client::{Client, ClientError, Connection};
pub use self::peer::{PeerError, PeerName, Peers, SelfName};
