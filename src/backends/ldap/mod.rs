//! `password_based:ldap`: directories that know clients.

mod backend;
mod connection;
mod directory;
mod dn;
mod entry;
mod filter;
mod links;
mod message;
mod relay;
mod result;
mod schema;
mod settings;
mod shape;

#[cfg(test)]
mod tests;

pub(super) use self::backend::BACKEND;
