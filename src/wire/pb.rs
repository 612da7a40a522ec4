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

impl fmt::Debug for v1::ExportUsersResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportUsersResponse")
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CreateOperatorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateOperatorResponse")
            .field("operator", &self.operator)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CreateAccountRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateAccountRequest")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::UpdateAccountRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateAccountRequest")
            .field("account", &self.account)
            .field("update_mask", &self.update_mask)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CreateSetupTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateSetupTokenResponse").finish_non_exhaustive()
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

/// The settings of a backend may hold the password of a database.
impl fmt::Debug for v1::Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("chain", &self.chain)
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for peer::RaftRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftRequest")
            .field("caller", &self.caller)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for peer::SnapshotChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotChunk")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for peer::ForwardRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardRequest")
            .field("caller", &self.caller)
            .field("timeout_ms", &self.timeout_ms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{peer, v1};

    #[test]
    fn what_may_hold_a_secret_is_not_printed() {
        let hush = || bytes::Bytes::from_static(b"hush");
        let authenticator = v1::Authenticator {
            settings: Some(pbjson_types::Struct {
                fields: [("password".to_owned(), "hush".to_owned().into())].into(),
            }),
            ..Default::default()
        };
        let raft = peer::RaftRequest {
            payload: hush(),
            ..Default::default()
        };
        let chunk = peer::SnapshotChunk {
            data: hush(),
            ..Default::default()
        };
        let forward = peer::ForwardRequest {
            payload: hush(),
            ..Default::default()
        };
        let export = v1::ExportUsersResponse {
            data: hush(),
            ..Default::default()
        };
        let created = v1::CreateAccountRequest {
            password: "hush".into(),
            ..Default::default()
        };
        let updated = v1::UpdateAccountRequest {
            password: Some("hush".into()),
            ..Default::default()
        };
        let setup = v1::CreateSetupTokenResponse {
            setup_token: "hush".into(),
        };
        let born = v1::InitClusterResponse {
            setup_token: "hush".into(),
            api_key: "hush".into(),
            ..Default::default()
        };
        let printed = format!("{authenticator:?} {raft:?} {chunk:?} {forward:?} {export:?}");
        assert!(!printed.contains("hush"), "{printed}");
        let printed = format!("{created:?} {updated:?} {setup:?} {born:?}");
        assert!(!printed.contains("hush"), "{printed}");
    }
}
