//! What an operator can do, whichever face asks: users, import, authenticators, operators, nodes. CONTRACT STUB.

use std::sync::Arc;

use crate::auth::Clock;
use crate::cluster::Cluster;
use crate::hash::Hasher;
use crate::store::Store;

pub use crate::store::Role;

/// Who asks: an operator whose key was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The operator's id.
    pub id: String,
    /// What it may do.
    pub role: Role,
}

/// Why it could not be done. `api/status.rs` maps it to a gRPC status, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// STUB: NotFound, AlreadyExists, RevisionMismatch, Invalid(Vec<Violation>), Unavailable{reason}, FailedPrecondition, Internal…
    #[error("stub")]
    Stub,
}

/// Everything an operator can do. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    _stub: Arc<()>,
}

impl Admin {
    /// Over these rooms.
    pub fn new(_cluster: Cluster, _store: Store, _hasher: Hasher, _clock: Arc<dyn Clock>) -> Self {
        todo!()
    }

    /// Whose key this is (`pck_<id>_<secret>`); compared in constant time. From memory.
    pub fn caller_of(&self, _api_key: &str) -> Option<Caller> {
        todo!()
    }
}
