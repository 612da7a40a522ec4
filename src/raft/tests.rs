//! Consensus itself, tried on one node.
