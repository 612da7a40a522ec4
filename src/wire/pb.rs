//! The generated code, included here and nowhere else.

use std::fmt;

/// The public API.
pub mod v1 {
    #![allow(
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        unreachable_pub,
        missing_debug_implementations
    )]
    tonic::include_proto!("portcullis.v1");
    include!(concat!(env!("OUT_DIR"), "/portcullis.v1.serde.rs"));
}

/// Node to node.
pub mod peer {
    #![allow(
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        unreachable_pub,
        missing_debug_implementations
    )]
    tonic::include_proto!("portcullis.peer.v1");
}

/// Every descriptor, for reflection and for the test that no method lacks a rule.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

impl fmt::Debug for v1::AuthenticateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateRequest")
            .field("id", &self.id)
            .field("listener", &self.listener)
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPassword").finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::ImportUsersRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportUsersRequest").finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CreateOperatorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateOperatorResponse")
            .field("operator", &self.operator)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::InitClusterResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitClusterResponse")
            .field("cluster_id", &self.cluster_id)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}
