//! Users in MySQL and MariaDB.

mod backend;
mod cells;
mod link;

pub(super) use self::backend::BACKEND;
