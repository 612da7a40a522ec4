//! What a cluster promises, one file per promise, against real processes.

mod catch_up;
mod cli;
mod dev;
mod formation;
mod forwarding;
mod identity;
mod import;
mod join;
mod journal_faults;
mod linearizable;
mod no_lost_writes;
mod partition;
mod preconditions;
mod request_id;
mod roles;
mod shutdown;
mod state_rebuild;
mod tokens;
