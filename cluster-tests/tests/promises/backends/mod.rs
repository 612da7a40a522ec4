//! What each backend promises, one file per backend, against the real server.

mod ldap;
mod mongodb;
mod mysql;
mod pgbouncer;
mod postgresql;
mod redis;
mod sql;
