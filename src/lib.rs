//! Portcullis: a clustered authentication store. The map of the house, one line per room.

// The services' futures nest deeper than the compiler's default.
#![recursion_limit = "256"]

pub mod words; // as people write them: durations, the name that was probably meant

pub mod auth; // THE DOMAIN: credentials, verdicts, the chain, user records. No I/O
pub mod hash; // password hashing: one file per family, one catalog
pub mod net; // TLS, listeners, drain

pub mod backends; // one file per place where a credential can be checked
pub mod journal; // what a node has promised: Raft log, vote, identity (redb)
pub mod store; // what a node knows: users, authenticators, operators, settings (sled)
pub mod wire; // gRPC as a caller sees it: generated code and clients

pub mod raft; // consensus (openraft)

pub mod cluster; // the nodes together: writer, membership, staleness, status, gather

pub mod admin; // what an operator can do, whichever face asks
pub mod telemetry; // logging

pub mod api; // the gRPC face
pub mod dashboard; // the web face, rendered on the server

pub mod config; // settings: one field per room; file and environment

pub mod node; // the composition root

pub mod cli; // args, serve, dev, and one file per noun

#[cfg(test)]
mod tidy; // the rules of the house
