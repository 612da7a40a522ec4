//! The web face: pages rendered on the server, for people who look after the cluster.

mod assets;
mod failure;
mod format;
mod origin;
mod page;
mod said;
mod server;
mod settings;
mod sign_in;
mod site;
mod standing;
mod ui;
mod visit;

pub use self::server::routes;
pub use self::settings::Settings;
pub use self::site::Parts;
