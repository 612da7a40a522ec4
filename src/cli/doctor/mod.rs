//! `portcullis doctor`: looks at everything that the cluster tells, and says what is wrong and what to do about it.

mod chains;
mod checkup;
mod cluster;
mod nodes;
mod run;
mod ways;

pub(super) use self::run::run;
