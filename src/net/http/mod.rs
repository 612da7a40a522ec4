//! The HTTP port: HTTP/1.1 in plain text, HTTP/1.1 and HTTP/2 over TLS, within bounds.

mod connection;
mod request;
mod serve;
mod settings;

#[cfg(test)]
mod tests;

pub use self::request::IsTls;
pub use self::serve::serve_http;
pub use self::settings::HttpSettings;
