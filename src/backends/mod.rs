//! One file per place where a credential can be checked; one catalog; reconcile.

mod acl;
mod backend;
mod builtin;
mod catalog;
mod closed;
mod conditional;
mod expression;
mod fields;
mod jwt;
mod reconcile;
mod ssl;
#[expect(dead_code, reason = "other backends fill templates in by themselves")]
mod template;
mod timed;

pub use self::backend::{BackendInfo, Context, Violation};
pub use self::catalog::{check, check_precondition, kinds, password_algorithm};
pub use self::reconcile::Reconciler;
