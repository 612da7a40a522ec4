//! Settings: one field per room; file and environment.

mod check;
mod environment;
mod keys;
mod load;
mod reference;
mod settings;

pub use self::load::{LoadError, load};
pub use self::reference::reference;
pub use self::settings::{NodeSettings, Settings};
