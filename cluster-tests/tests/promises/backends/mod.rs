//! What each backend promises, one file per backend, against the real server.

mod mysql;
mod pgbouncer;
mod postgresql;
mod sql;
