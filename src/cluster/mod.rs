//! The nodes together: membership, writer, reads, staleness, status, gather, inbound.

mod errand;
mod errors;
mod freshness;
mod gather;
mod handle;
mod identity;
mod inbound;
mod init;
mod key_rotation;
mod membership;
mod orders;
mod read_index;
mod readiness;
mod reads;
mod report;
mod settings;
mod writer;

pub use crate::raft::Role;

pub use self::errand::{Done, Errand, Parcel};
pub use self::errors::{ClusterError, ReadError, Refused};
pub use self::freshness::Freshness;
pub use self::gather::NodeStatus;
pub use self::handle::{Cluster, Parts};
pub use self::reads::ReadRequirement;
pub use self::report::{Hashing, NodeReport, ThisNode};
pub use self::settings::Settings;

#[cfg(test)]
mod tests;
