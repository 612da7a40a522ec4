//! What a node says about itself.

mod exposition;
mod logging;
mod metrics;
mod process;
mod routes;
mod settings;

pub use self::logging::{LoggingError, start};
pub use self::metrics::{Sources, TalliesNow};
pub use self::routes::routes;
pub use self::settings::Settings;
