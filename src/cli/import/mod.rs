//! `portcullis user import`: a file of users, streamed to a node with progress back, resumed at another when that one goes.

mod args;
mod bar;
mod exchange;
mod rejects;
mod run;
mod totals;
mod upload;

pub(super) use self::args::{FileFormat, ImportArgs, Passwords, format_of};
pub(super) use self::run::run;
