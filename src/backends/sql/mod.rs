//! What the SQL databases have in common: the query, its settings, and the row that comes of it.

mod failure;
mod row;
mod settings;
mod statement;
mod users;

pub(super) use self::failure::told;
pub(super) use self::row::{MOST_ROWS, Row, Rows, seconds};
pub(super) use self::settings::{SqlSettings, parse, schema};
pub(super) use self::statement::Dialect;
pub(super) use self::users::{Question, open};
