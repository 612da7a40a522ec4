//! `portcullis dev`: a whole cluster on this machine, seeded, tried and kept running.

mod check;
mod children;
mod formation;
mod layout;
mod record;
mod report;
mod run;
mod seed;

pub(super) use self::run::{DevArgs, run};
