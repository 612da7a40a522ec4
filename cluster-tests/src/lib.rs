//! The harness of the cluster tests: real node processes on loopback, with a fault proxy on every directed peer edge.

pub mod authority; // certificates that only a test trusts
pub mod browser; // a real browser in front of them
pub mod calls; // what a client or an operator says to a node
pub mod cluster; // nodes, edges and what they have in common
pub mod collector; // a collector of traces
pub mod conformance; // what every backend promises that keeps users with hashes
pub mod decider; // an HTTP server that decides on clients
pub mod issuer; // a key set over HTTP that rotates, stalls, lies and dies
pub mod journal_fault; // a disk that fails under one node's journal
pub mod load; // writers that go on while nodes die
pub mod made_tokens; // keys and tokens that other implementations made
pub mod other_version; // what a node of another version hands to the leader
pub mod ports; // free ports, kept apart between test processes
pub mod process; // one node: start, kill, stop, wipe
pub mod proxy; // one directed edge: cut, drop, delay, heal
pub mod servers; // private instances of what backends ask
pub mod wait; // conditions with a deadline

pub use self::cluster::{Cluster, Options, PATIENCE};
pub use self::wait::wait_for;

/// The node program that Cargo built beside the test that asks.
#[macro_export]
macro_rules! node_binary {
    () => {
        env!("CARGO_BIN_EXE_node")
    };
}
