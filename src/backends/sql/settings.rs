//! The settings of a database with users: EMQX's names and defaults.

use serde_json::{Map, Value, json};

use super::statement::{Dialect, Statement};
use crate::backends::Violation;
use crate::backends::address::{Address, address};
use crate::backends::fields::Fields;
use crate::backends::passwords::{ELSEWHERE, PasswordSettings};
use crate::backends::reach::ReachSettings;
use crate::backends::remote;
use crate::backends::secrets::{self, SecretSource};
use crate::backends::ssl::Ssl;

/// What the time for a question is called.
const ASK: &str = "query_timeout";

/// Everything an SQL backend is set up by.
#[derive(Clone)]
pub(in crate::backends) struct SqlSettings {
    pub(in crate::backends) address: Address,
    pub(in crate::backends) database: String,
    pub(in crate::backends) username: String,
    pub(in crate::backends) password: Option<SecretSource>,
    pub(in crate::backends) statement: Statement,
    /// Statements are prepared once for each connection, and not sent anew each time.
    pub(in crate::backends) prepares: bool,
    pub(in crate::backends) ssl: Ssl,
    pub(super) passwords: PasswordSettings,
    pub(in crate::backends) reach: ReachSettings,
}

/// Reads them, the port and, where there is one, the user being these if they are not given. Returns them with their defaults.
pub(in crate::backends) fn parse(
    settings: &Value,
    dialect: Dialect,
    port: u16,
    default_user: Option<&str>,
) -> Result<(SqlSettings, Map<String, Value>), Vec<Violation>> {
    let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
    let address = address(&mut fields, "server", port);
    let database = fields.needed_text("database", "the name of the database").to_owned();
    let username = match default_user {
        Some(default) if fields.get("username").is_none() => {
            fields.fill("username", default);
            default.to_owned()
        }
        _ => fields.needed_text("username", "whom to log in as").to_owned(),
    };
    let password = SecretSource::parse(&mut fields, "password");
    let query = fields.needed_text("query", "the SELECT that finds a user");
    let statement = match Statement::parse(query, dialect) {
        _ if query.is_empty() => None,
        Ok(statement) => Some(statement),
        Err(why) => {
            fields.refuse("query", why);
            None
        }
    };
    let prepares = !fields.flag("disable_prepared_statements", false);
    let ssl = fields.within("ssl", Ssl::parse);
    let passwords = PasswordSettings::parse(&mut fields, ELSEWHERE);
    let reach = ReachSettings::parse(&mut fields, ASK);
    let filled = fields.finish()?;
    let read = || {
        Some(SqlSettings {
            address: address?,
            database,
            username,
            password,
            statement: statement?,
            prepares,
            ssl: ssl?,
            passwords,
            reach: reach?,
        })
    };
    let settings = read().ok_or_else(|| vec![Violation::new("settings", "are incomplete")])?;
    Ok((settings, filled))
}

/// JSON schema of all of them.
pub(in crate::backends) fn schema(title: &str, port: u16, default_user: Option<&str>, unprepared: &str) -> Value {
    let text = |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
    let lines = |title: &str, description: &str| json!({"title": title, "description": description, "type": "string", "x-lines": true});
    let mut username = text(
        "User",
        "Whom to log in to the database as. It needs to read, and nothing else.",
    );
    if let (Some(default), Some(username)) = (default_user, username.as_object_mut()) {
        username.insert("default".to_owned(), default.into());
    }
    let own = json!({
        "server": text("Server", &format!("`host` or `host:port` of the server; the port is {port} if none is given.")),
        "database": text("Database", "The name of the database."),
        "username": username,
        "password": secrets::schema("Password", "Its password."),
        "query": lines(
            "Query",
            "The SELECT that finds a user, with placeholders like `${username}`, which become parameters: no value is ever a part of \
             the statement, and quotes around a placeholder mean nothing. Of its answer the first row is read, in the columns \
             `password_hash` or `password`, `salt`, `is_superuser`, `clientid_override`, `client_attrs` and `acl` (JSON) and \
             `expire_at` (seconds since 1970 or a timestamp). No row: the next authenticator decides. NULL as the hash: nobody \
             knows the password.",
        ),
        "disable_prepared_statements": {
            "title": "Without prepared statements",
            "description": unprepared,
            "type": "boolean",
            "default": false,
            "x-advanced": true,
        },
    });
    let description = "A database that keeps users with hashes of their passwords.";
    remote::schema(title, description, own, ASK, true)
}
