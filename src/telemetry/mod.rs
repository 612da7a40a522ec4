//! What a node says about itself.

mod logging;
mod settings;

pub use self::logging::{LoggingError, start};
pub use self::settings::Settings;
