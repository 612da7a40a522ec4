//! What a node knows, in sled: users, authenticators, operators, settings. A view of the applied log. The only room that knows sled.

mod accounts;
mod apply;
mod blocks;
mod command;
mod entry;
mod error;
mod freeze;
mod generation;
mod home;
mod key;
mod memory;
mod operators;
mod page;
mod requests;
mod run;
mod sessions;
mod settings_value;
mod snapshot;
mod snapshot_read;
mod state;
mod tables;
#[cfg(test)]
mod tests;
mod value;

pub use self::accounts::{
    AccountChange, AccountRecord, NewAccount, NewSession, SecretHash, SessionRecord, SetupOffer, fault_of_account_name,
};
pub use self::command::{
    AuthenticatorChange, Command, Envelope, NewUser, OnConflict, Outcome, PasswordUpgrade, Position, Refusal, Reply,
    SessionTimes, SettingsChange, UserChange,
};
pub use self::entry::{Applied, Entry, Opened, Payload, Settings};
pub use self::error::StoreError;
pub use self::freeze::Frozen;
pub use self::operators::{OperatorRecord, Role};
pub use self::page::{UserPage, UserQuery};
pub use self::requests::import_request_id;
pub use self::snapshot::{SnapshotHeader, SnapshotSummary};
pub use self::state::Store;
