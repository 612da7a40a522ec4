//! The gRPC face: login, users, authenticators, operators, nodes, peer.

mod accounts;
mod answer;
mod authenticator_status;
mod authenticators;
mod convert;
mod denials;
mod guard;
mod login;
mod mask;
mod nodes;
mod operators;
mod peer;
mod presented;
mod server;
mod settings;
mod status;
mod traced;
mod undecided;
mod user_files;
mod user_import;
mod users;

pub(crate) use self::denials::Denials;
pub(crate) use self::login::Door;
pub(crate) use self::server::{PublicParts, peer_server, public_server};
pub use self::settings::{PeerSettings, Settings};
pub(crate) use self::traced::Traces;
