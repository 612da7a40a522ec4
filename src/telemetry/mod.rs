//! What a node says about itself.

mod collector;
mod exposition;
mod logging;
mod metrics;
mod process;
mod routes;
mod settings;
mod traces;

pub use self::logging::start;
pub use self::metrics::{Sources, TalliesNow};
pub use self::routes::routes;
pub use self::settings::{Settings, SettingsError, TraceSettings};
pub use self::traces::Traces;
