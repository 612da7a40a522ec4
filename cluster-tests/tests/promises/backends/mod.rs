//! What each backend promises, one file per backend, against the real server.

mod mongodb;
mod mysql;
mod postgresql;
mod redis;
