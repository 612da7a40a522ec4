//! What a cluster promises, one file per promise, against real processes.

mod authenticators;
mod catch_up;
mod chains;
mod cli;
mod cluster_settings;
mod dev;
mod export;
mod formation;
mod forwarding;
mod identity;
mod import;
mod join;
mod journal_faults;
mod linearizable;
mod no_lost_writes;
mod overload;
mod partition;
mod preconditions;
mod rehash;
mod request_id;
mod roles;
mod round_trip;
mod scram;
mod shutdown;
mod state_rebuild;
mod users;
