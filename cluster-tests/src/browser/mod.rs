//! A real browser in front of real nodes: what somebody sees there, does there, and what is left when it goes wrong.

mod axe; // the rules that every page must keep
mod figures; // what a page weighs
mod program; // chromedriver and Chromium as processes
mod stage; // a cluster, its accounts and a browser, for one test
mod thing; // what is found by its role and its name
mod visitor; // the same pages without a browser
mod walk; // what axe does not look at
mod window; // a window: addresses, keys, themes, what the console says

pub use self::axe::violations;
pub use self::figures::{Weight, weight};
pub use self::stage::{PASSWORD, Stage, name_of, play, play_on};
pub use self::thing::Thing;
pub use self::visitor::{Answer, Visitor};
pub use self::walk::{Tabbed, faults, tab_through};
pub use self::window::{Browser, Look};
