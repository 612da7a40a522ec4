//! `password_based:ldap`: directories that know clients.

mod address;
mod backend;
mod connection;
mod directory;
mod dn;
mod entry;
mod filter;
mod idle;
mod message;
mod relay;
mod schema;
mod settings;
mod shape;

#[cfg(test)]
mod tests;

pub(super) use self::backend::BACKEND;
