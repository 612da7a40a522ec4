//! Sockets, shared by every server and client: TLS from PEM files, listeners, drain.

mod cause;
mod drain;
mod http;
mod listen;
mod tls;

pub use self::cause::deepest_cause;
pub use self::drain::{Drain, Held};
pub use self::http::{HttpSettings, IsTls, serve_http};
pub use self::listen::listen;
pub use self::tls::{TlsError, TlsSettings, trusting_client};
