//! What a node knows, in sled: users, authenticators, operators, settings. A view of the applied log. The only room that knows sled.

mod command;
mod operators;
mod state;

pub use self::command::{
    AuthenticatorChange, Command, Envelope, NewUser, OnConflict, Outcome, Position, Refusal, Reply, SettingsChange,
    UserChange,
};
pub use self::operators::{OperatorRecord, Role};
pub use self::state::{
    Applied, Entry, Frozen, Opened, Payload, Settings, SnapshotHeader, SnapshotSummary, Store, StoreError, UserPage,
    UserQuery,
};
