//! What every backend promises that keeps users with hashes, row by row, asked of a real server through a real node.
//!
//! A backend's test file makes its server (see [`crate::servers`]) and calls the functions here, each of which is one promise.

mod bench;
mod faults;
mod hashes;
mod hostile;
mod rows;
mod server;

pub use self::bench::{Bench, Link};
pub use self::faults::{
    a_frozen_server_is_given_up_in_time, a_killed_server_is_missed_and_found_again, an_answer_cut_short_is_a_failure,
    tls_is_refused_and_accepted, wrong_credentials_are_told_without_the_secret,
};
pub use self::hostile::{hostile_texts, nobody_gets_in_by_what_they_call_themselves};
pub use self::rows::{Expected, Row, run, the_whole_table_holds};
pub use self::server::{Server, User};
