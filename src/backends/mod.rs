//! One file per place where a credential can be checked; one catalog; reconcile.

mod account;
mod acl;
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
mod json;
mod jwt;
mod ldap;
mod passwords;
mod reach;
mod reconcile;
mod remote;
mod scram;
mod secrets;
mod settings;
mod ssl;
mod stand;
mod template;
mod timed;

pub use self::backend::{BackendInfo, Context, Violation};
pub use self::builtin::{Bootstrap, bootstrap_of};
pub use self::catalog::{check, check_precondition, kinds, password_algorithm, warnings};
pub use self::reconcile::Reconciler;
pub use self::secrets::names_a_secret;
pub use self::settings::Settings;
