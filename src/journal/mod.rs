//! What a node has promised: Raft log, vote, committed index, identity. Durable and checksummed. The only room that knows its engine (redb).

mod contents;
mod file;
mod handle;
mod sealed;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use self::contents::{Contents, Done, Identity, JournalError, Settings};
pub use self::handle::Journal;
