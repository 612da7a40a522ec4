//! A connection to MySQL or MariaDB, and the question that is asked through it.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt as _;
use mysql_async::prelude::{Protocol, Queryable as _};
use mysql_async::{
    ClientIdentity, Column, Conn, Error, IoError, Opts, OptsBuilder, Params, QueryResult, ServerError, SslOpts,
    Value as Cell,
};
use serde_json::{Map, Value};

use super::cells;
use crate::auth::{ProviderError, Reason};
use crate::backends::idle::{Link, Trouble};
use crate::backends::sql::{MOST_ROWS, Question, Row, Rows, SqlSettings, told};
use crate::backends::ssl::Material;

/// How long a connection may say nothing before the kernel asks whether the other side is there.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer's packet: no user needs more.
const LONGEST_PACKET: usize = 4 << 20;
/// Seconds for which the driver takes a silent connection for alive; whether it is shows when it is used.
const IDLE: usize = 28_800;
/// The columns of which one must be there.
const PASSWORDS: [&str; 2] = ["password_hash", "password"];

/// The way to one database.
pub(super) struct MyLink {
    settings: SqlSettings,
    secrets_dir: PathBuf,
}

/// A connection that is logged in.
pub(super) struct Connection {
    /// Always there, until it is dropped.
    conn: Option<Conn>,
    /// As this connection knows it.
    statement: Option<mysql_async::Statement>,
    /// More rows are on their way than anybody wants to read.
    is_spent: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            // By itself it would go on to read what is under way, for as long as the server takes. So it says goodbye, if that can
            // be done at once, and closes.
            let _at_once = conn.disconnect().now_or_never();
        }
    }
}

impl Connection {
    fn conn(&mut self) -> Result<&mut Conn, Trouble> {
        let none = || Trouble::Lost("the connection is closed".to_owned());
        self.conn.as_mut().ok_or_else(none)
    }
}

impl MyLink {
    pub(super) const fn new(settings: SqlSettings, secrets_dir: PathBuf) -> Self {
        Self { settings, secrets_dir }
    }

    async fn options(&self) -> Result<Opts, String> {
        let SqlSettings { address, ssl, .. } = &self.settings;
        let password = self
            .settings
            .password
            .as_ref()
            .map(|password| password.resolve(&self.secrets_dir));
        let password = password.transpose()?;
        let password = password.as_ref().map(|password| std::str::from_utf8(password.expose()));
        let password = password.transpose().map_err(|_| "the password is no text".to_owned())?;
        let options = OptsBuilder::default()
            .ip_or_hostname(&address.host)
            .tcp_port(address.port)
            .db_name(Some(&self.settings.database))
            .user(Some(&self.settings.username))
            .pass(password)
            .tcp_keepalive(Some(SILENCE))
            .tcp_nodelay(true)
            // Never round the address by a socket that the server names.
            .prefer_socket(false)
            // Given, so that it need not ask for them.
            .max_allowed_packet(Some(LONGEST_PACKET))
            .wait_timeout(Some(IDLE))
            // The one statement is kept here.
            .stmt_cache_size(0);
        Ok(match ssl.is_enabled {
            true => options.ssl_opts(self.tls().await?).into(),
            false => options.into(),
        })
    }

    /// Read anew for each connection.
    async fn tls(&self) -> Result<SslOpts, String> {
        let (ssl, secrets_dir) = (self.settings.ssl.clone(), self.secrets_dir.clone());
        let made = tokio::task::spawn_blocking(move || tls(ssl.material(&secrets_dir)?)).await;
        made.map_err(|why| why.to_string())?
    }

    async fn prepare(&self, connection: &mut Connection) -> Result<mysql_async::Statement, Trouble> {
        if let Some(statement) = &connection.statement {
            return Ok(statement.clone());
        }
        let prepared = connection.conn()?.prep(self.settings.statement.text()).await;
        let statement = prepared.map_err(|error| failed(error, &[]))?;
        let (placeholders, seen) = (
            self.settings.statement.placeholders().len(),
            usize::from(statement.num_params()),
        );
        if placeholders != seen {
            return Err(bad(format!(
                "the query has {placeholders} placeholders, of which the database sees {seen}"
            )));
        }
        connection.statement = Some(statement.clone());
        Ok(statement)
    }

    async fn rows(&self, connection: &mut Connection, values: &[String]) -> Result<Rows, Trouble> {
        if !self.settings.prepares {
            let text = self.as_text(values);
            let result = connection.conn()?.query_iter(text).await;
            let (rows, is_spent) = read_rows(result.map_err(|error| failed(error, values))?, values).await?;
            connection.is_spent = is_spent;
            return rows;
        }
        let bound: Vec<Cell> = values
            .iter()
            .map(|value| Cell::Bytes(value.clone().into_bytes()))
            .collect();
        for is_last in [false, true] {
            let statement = self.prepare(connection).await?;
            match connection
                .conn()?
                .exec_iter(&statement, Params::from(bound.clone()))
                .await
            {
                Err(Error::Server(error)) if is_forgotten(&error) && !is_last => connection.statement = None,
                result => {
                    let (rows, is_spent) = read_rows(result.map_err(|error| failed(error, values))?, values).await?;
                    connection.is_spent = is_spent;
                    return rows;
                }
            }
        }
        Err(Trouble::Lost("the statement is gone".to_owned()))
    }

    /// Values in hexadecimal, each a text as a literal in quotes would be.
    fn as_text(&self, values: &[String]) -> String {
        self.settings.statement.written(|number| {
            let value = number.checked_sub(1).and_then(|place| values.get(place));
            let digits = hex::encode(value.map(String::as_bytes).unwrap_or_default());
            format!("_utf8mb4 X'{digits}'")
        })
    }

    /// Prepares the statement anew, so that a table that was changed shows; or runs it with empty values.
    async fn probe(&self, connection: &mut Connection) -> Result<(), Trouble> {
        let has_password = if self.settings.prepares {
            if let Some(statement) = connection.statement.take() {
                connection
                    .conn()?
                    .close(statement)
                    .await
                    .map_err(|error| failed(error, &[]))?;
            }
            names_a_password(&self.prepare(connection).await?.columns())
        } else {
            let values = vec![String::new(); self.settings.statement.placeholders().len()];
            let text = self.as_text(&values);
            let result = connection
                .conn()?
                .query_iter(text)
                .await
                .map_err(|error| failed(error, &[]))?;
            let has_password = names_a_password(result.columns_ref());
            let (_, is_spent) = read_rows(result, &values).await?;
            connection.is_spent = is_spent;
            has_password
        };
        if has_password {
            Ok(())
        } else {
            Err(bad("the query has no column `password_hash` or `password`".to_owned()))
        }
    }
}

impl Link for MyLink {
    type Connection = Connection;
    type Question = Question;
    type Answer = Rows;

    async fn connect(&self) -> Result<Connection, String> {
        let conn = Conn::new(self.options().await?)
            .await
            .map_err(|error| in_words(&error))?;
        let mut connection = Connection {
            conn: Some(conn),
            statement: None,
            is_spent: false,
        };
        let ask = self.settings.reach.times.ask;
        // Times are read as UTC. And nothing is to go on for long of which nobody waits for the end; MariaDB and MySQL have each a
        // word of its own for that, and others none.
        for setting in [
            "SET time_zone = '+00:00'".to_owned(),
            format!("SET SESSION max_statement_time = {}", ask.as_secs_f64()),
            format!("SET SESSION max_execution_time = {}", ask.as_millis()),
        ] {
            let Some(conn) = &mut connection.conn else { break };
            match conn.query_drop(setting).await {
                Ok(()) | Err(Error::Server(_)) => {}
                Err(error) => return Err(in_words(&error)),
            }
        }
        Ok(connection)
    }

    async fn ask(&self, connection: &mut Connection, question: &Question) -> Result<Rows, Trouble> {
        match question {
            Question::Probe => self.probe(connection).await.map(|()| Rows::default()),
            Question::Row(values) => self.rows(connection, values).await,
        }
    }

    fn is_usable(connection: &Connection) -> bool {
        !connection.is_spent
    }
}

/// The rows, or why the first cannot be read; and whether the connection has more to say than is worth reading.
async fn read_rows<P: Protocol>(
    mut result: QueryResult<'_, '_, P>,
    values: &[String],
) -> Result<(Result<Rows, Trouble>, bool), Trouble> {
    let (mut first, mut seen) = (Ok(None), 0);
    let mut is_spent = true;
    while seen < MOST_ROWS {
        match result.next().await.map_err(|error| failed(error, values))? {
            None => {
                is_spent = !result.is_empty();
                break;
            }
            Some(row) if seen == 0 => first = read(row).map(Some).map_err(Trouble::Failed),
            Some(_) => {}
        }
        seen += 1;
    }
    Ok((first.map(|first| Rows { first, seen }), is_spent))
}

fn read(row: mysql_async::Row) -> Result<Map<String, Value>, ProviderError> {
    let columns = row.columns();
    let mut fields = Row::default();
    for (column, cell) in columns.iter().zip(row.unwrap()) {
        fields.add(&column.name_str(), cells::read(column.column_type(), cell))?;
    }
    Ok(fields.fields())
}

fn names_a_password(columns: &[Column]) -> bool {
    columns.iter().any(|column| PASSWORDS.contains(&&*column.name_str()))
}

/// The driver takes only parts of what [`Material::client_config`] makes. Without authorities it would trust a list of its own.
fn tls(material: Material) -> Result<SslOpts, String> {
    let mut options = if material.trusts_anybody {
        SslOpts::default().with_danger_accept_invalid_certs(true)
    } else {
        let roots = material.trusted()?.into_iter().map(|root| root.to_vec().into());
        SslOpts::default()
            .with_disable_built_in_roots(true)
            .with_root_certs(roots.collect())
    };
    if !material.server_name.is_empty() {
        options = options.with_danger_tls_hostname_override(Some(material.server_name));
    }
    if !material.certificate.is_empty() {
        let (certificate, key) = (material.certificate.into_bytes(), material.key.into_bytes());
        options = options.with_client_identity(Some(ClientIdentity::new(certificate.into(), key.into())));
    }
    Ok(options)
}

fn bad(why: String) -> Trouble {
    Trouble::Failed(ProviderError::new(Reason::BackendBadResponse, why))
}

/// The server does not know the statement any more, or wants it anew since a table was changed.
const fn is_forgotten(error: &ServerError) -> bool {
    matches!(error.code, 1243 | 1615)
}

fn failed(error: Error, values: &[String]) -> Trouble {
    let Error::Server(ServerError { code, message, state }) = error else {
        return Trouble::Lost(in_words(&error));
    };
    let why = told(&state, &message, values);
    match code {
        // It is being stopped, or has killed the connection.
        1053 | 1927 | 1317 | 4031 => Trouble::Lost(why),
        // A statement took too long: MariaDB and MySQL.
        1969 | 3024 => Trouble::Failed(ProviderError::new(Reason::BackendTimeout, why)),
        // Too many connections, or no memory.
        1040 | 1203 | 1226 | 1037 | 1038 | 1041 => Trouble::Failed(ProviderError::new(Reason::BackendUnavailable, why)),
        _ => bad(why),
    }
}

/// What went wrong with a connection.
fn in_words(error: &Error) -> String {
    match error {
        Error::Server(ServerError { code, message, state }) => format!("{message} (error {code}, SQLSTATE {state})"),
        Error::Io(IoError::Io(error)) => format!("the connection failed: {error}"),
        Error::Io(IoError::Tls(error)) => format!("TLS failed: {error}"),
        Error::Driver(error) => error.to_string(),
        Error::Other(error) => error.to_string(),
        Error::Url(error) => error.to_string(),
    }
}
