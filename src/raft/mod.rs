//! Consensus. The only room that knows openraft.

mod codec;
mod config;
mod error;
mod handle;
mod inbound;
mod leadership;
mod log_store;
mod membership;
mod network;
mod run;
mod settings;
mod snapshots;
mod state_machine;
mod status;
#[cfg(test)]
mod suite_test;
#[cfg(test)]
mod tests;
mod types;
mod watchdog;

pub use self::error::ProposeError;
pub use self::handle::{Handle, SnapshotTaken};
pub use self::settings::Settings;
pub use self::status::{Member, Membership, Role, Status};
