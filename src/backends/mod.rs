//! One file per place where a credential can be checked; one catalog; reconcile.

mod acl;
mod backend;
mod builtin;
mod catalog;
mod closed;
mod conditional;
mod decoys;
mod expression;
mod fields;
mod jwt;
mod reconcile;
mod scram;
mod ssl;
mod template;
mod timed;

pub use self::backend::{BackendInfo, Context, Violation};
pub use self::builtin::{Bootstrap, bootstrap_of};
pub use self::catalog::{check, check_precondition, kinds, password_algorithm, warnings};
#[cfg(fuzzing)]
pub use self::jwt::{judge_parts, judge_token};
pub use self::reconcile::Reconciler;
