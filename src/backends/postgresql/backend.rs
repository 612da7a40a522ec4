//! `password_based:postgresql`.

use serde_json::Value;

use super::link::PgLink;
use crate::auth::AuthenticatorKey;
use crate::backends::backend::{Backend, Context, Opened, unusable};
use crate::backends::sql::{self, Dialect};

const PORT: u16 = 5432;

pub(in crate::backends) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "postgresql",
    title: "PostgreSQL",
    needs_password: true,
    schema: || {
        sql::schema(
            "PostgreSQL",
            PORT,
            None,
            "Whether each login sends the statement anew. Needed behind a pgbouncer that hands out connections by transaction, where \
             a prepared statement may be another node's.",
        )
    },
    check: |settings| Ok(sql::parse(settings, Dialect::PostgreSql, PORT, None)?.1.into()),
    password_algorithm: |_| None,
    asks_elsewhere: |_| true,
    open,
};

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = sql::parse(settings, Dialect::PostgreSql, PORT, None).map_err(unusable)?;
    let link = PgLink::new(settings.clone(), context.secrets_dir.clone());
    sql::open(key, &settings, link, context)
}
