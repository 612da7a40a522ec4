//! Redis servers that keep accounts: one alone, one that sentinels name, or a cluster.

mod cluster;
mod command;
mod dial;
mod line;
mod metered;
mod password;
mod sentinel;
mod servers;
mod settings;
mod split;
mod trouble;

pub(super) use self::password::BACKEND;
