//! `password_based:mysql`.

use serde_json::Value;

use super::link::MyLink;
use crate::auth::AuthenticatorKey;
use crate::backends::backend::{Backend, Context, Opened, unusable};
use crate::backends::sql::{self, Dialect};

const PORT: u16 = 3306;
const USER: &str = "root";

pub(in crate::backends) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "mysql",
    title: "MySQL",
    needs_password: true,
    schema: || {
        sql::schema(
            "MySQL",
            PORT,
            Some(USER),
            "Whether each login sends the statement as text, for servers that know no other way. Values then stand in it in \
             hexadecimal, which can be nothing but values.",
        )
    },
    check: |settings| Ok(sql::parse(settings, Dialect::MySql, PORT, Some(USER))?.1.into()),
    password_algorithm: |_| None,
    asks_elsewhere: |_| true,
    open,
};

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = sql::parse(settings, Dialect::MySql, PORT, Some(USER)).map_err(unusable)?;
    let link = MyLink::new(settings.clone(), context.secrets_dir.clone());
    sql::open(key, &settings, link, context)
}
