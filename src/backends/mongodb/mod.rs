//! MongoDB servers that keep accounts: one alone, a replica set, or a sharded cluster.

mod client;
mod document;
mod files;
mod filter;
mod password;
mod settings;
mod trouble;

pub(super) use self::password::BACKEND;
