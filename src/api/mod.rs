//! The gRPC face: login, users, authenticators, operators, nodes, peer.

mod answer;
mod guard;
mod login;
mod peer;
mod presented;
mod server;
mod settings;
mod undecided;

pub(crate) use self::login::Door;
pub(crate) use self::server::{PublicParts, ServeError, peer_server, public_server};
pub use self::settings::{PeerSettings, Settings};
