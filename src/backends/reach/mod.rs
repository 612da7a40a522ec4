//! How a backend beyond this process is asked: bounded, in time, and not at all while it is known to be down.

mod breaker;
mod cache;
mod gate;
mod prober;
mod settings;
mod source;
mod way;

pub(super) use self::settings::{ReachSettings, Times};
pub(super) use self::source::{Found, Source};
pub(super) use self::way::Reach;
