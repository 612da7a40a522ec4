//! One file per place where a credential can be checked; one catalog; reconcile.

mod backend;
mod builtin;
mod catalog;
mod closed;
mod reconcile;
mod timed;

pub use self::backend::{BackendInfo, Context, Violation};
pub use self::builtin::{Bootstrap, bootstrap_of};
pub use self::catalog::{check, kinds, password_algorithm};
pub use self::reconcile::Reconciler;
