//! What each backend promises, one file per backend, against the real server.

mod ldap;
mod mysql;
mod postgresql;
