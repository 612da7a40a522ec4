//! One file per place where a credential can be checked; one catalog; reconcile.

mod account;
mod acl;
mod address;
mod backend;
mod builtin;
mod catalog;
mod closed;
mod conditional;
mod decoys;
mod expression;
mod fields;
mod http;
mod idle;
mod json;
mod jwt;
mod mongodb;
mod mysql;
mod passwords;
mod postgresql;
mod reach;
mod reconcile;
mod redis;
mod remote;
mod scram;
mod secrets;
mod settings;
mod sql;
mod ssl;
mod template;
mod timed;

pub use self::backend::{BackendInfo, Context, Violation};
pub use self::builtin::{Bootstrap, bootstrap_of};
pub use self::catalog::{check, check_precondition, kinds, password_algorithm, warnings};
pub use self::reconcile::Reconciler;
pub use self::secrets::names_a_secret;
pub use self::settings::Settings;
