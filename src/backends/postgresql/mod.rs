//! Users in PostgreSQL.

mod backend;
mod bound;
mod cells;
mod link;
mod numeric;

pub(super) use self::backend::BACKEND;
