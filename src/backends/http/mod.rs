//! HTTP servers that decide on clients, or know their keys.

pub(super) mod client;
mod oauth2;
mod password;
mod place;
mod request;
mod response;
mod settings;

pub(super) use self::password::{BACKEND, probe, requests};
pub(super) use self::request::{Requests, Unfit};
pub(super) use self::response::object;
pub(super) use self::settings::{ASK, HttpSettings, schemas};
