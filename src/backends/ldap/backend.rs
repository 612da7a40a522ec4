//! The kind: its names, and how an instance is opened.

use std::sync::Arc;

use serde_json::Value;

use super::directory::Directory;
use super::schema::schema;
use super::settings::{Method, Settings};
use crate::auth::AuthenticatorKey;
use crate::backends::backend::{Backend, Context, Opened, unusable};
use crate::backends::remote::Remote;

pub(in crate::backends) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "ldap",
    title: "LDAP directory",
    needs_password: true,
    schema,
    check: |settings| Settings::parse(settings).map(|(_, filled)| Value::Object(filled)),
    password_algorithm: |_| None,
    asks_elsewhere: |_| true,
    open,
};

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = Settings::parse(settings).map_err(unusable)?;
    let reach = settings.reach.clone();
    let passwords = match &settings.method {
        Method::Hash(passwords) => Some(passwords.clone()),
        Method::Bind(_) => None,
    };
    let directory = Directory::new(settings, context.secrets_dir.clone(), Arc::clone(&context.clock))?;
    Ok(Arc::new(Remote::open(key, directory, &reach, passwords, context)?))
}
