//! One file per place where a credential can be checked; one catalog; reconcile.

mod account;
mod acl;
mod address;
mod backend;
mod builtin;
mod catalog;
mod cinfo;
mod closed;
mod conditional;
mod decoys;
mod expression;
mod fields;
mod http;
mod idle;
mod json;
mod jwt;
mod ldap;
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
mod stand;
mod template;
mod timed;
mod trial;
mod warnings;

pub use self::backend::{BackendInfo, Context, Violation};
pub use self::builtin::{Bootstrap, bootstrap_of};
pub use self::catalog::{asks_elsewhere, check, check_precondition, kind, kinds, password_algorithm};
#[cfg(fuzzing)]
pub use self::jwt::{judge_parts, judge_token};
pub use self::reconcile::Reconciler;
#[cfg(fuzzing)]
pub use self::scram::rewritten_scram_messages;
pub use self::secrets::names_a_secret;
pub use self::settings::Settings;
pub use self::warnings::warnings;
