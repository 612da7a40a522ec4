//! A connection to PostgreSQL, and the question that is asked through it.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use rustls::ClientConfig;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Error, NoTls, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::bound::Bound;
use super::cells;
use crate::auth::{ProviderError, Reason};
use crate::backends::idle::{Link, Trouble};
use crate::backends::sql::{MOST_ROWS, Question, Row, Rows, SqlSettings, told};

/// How long a connection may say nothing before the kernel asks whether the other side is there.
const SILENCE: Duration = Duration::from_secs(30);
/// The columns of which one must be there.
const PASSWORDS: [&str; 2] = ["password_hash", "password"];
/// What a client sent cannot be a value of the parameter's type, so it is nobody's: too long, out of range, no date, not of the
/// database's characters, no text of that type. Every other error about data is the query's own.
const NO_SUCH_VALUE: [&str; 7] = ["22001", "22003", "22007", "22008", "22021", "22P02", "22P03"];

/// The way to one database.
pub(super) struct PgLink {
    settings: SqlSettings,
    secrets_dir: PathBuf,
    tls: OnceCell<ClientConfig>,
}

/// A connection that is logged in.
pub(super) struct Connection {
    client: Client,
    /// As this connection knows it.
    statement: Option<tokio_postgres::Statement>,
    /// More rows are on their way than anybody wants to read.
    is_spent: bool,
    /// Reads and writes; without it the socket is closed, whatever the server does.
    _traffic: AbortOnDropHandle<()>,
}

/// Why a statement has not been run to its end.
enum Stopped {
    /// When its values were read, because of what a client has sent.
    ByClient,
    By(Trouble),
}

impl PgLink {
    pub(super) fn new(settings: SqlSettings, secrets_dir: PathBuf) -> Self {
        Self {
            settings,
            secrets_dir,
            tls: OnceCell::new(),
        }
    }

    fn config(&self) -> Result<Config, String> {
        let SqlSettings { address, ssl, .. } = &self.settings;
        let mut config = Config::new();
        config
            .host(&address.host)
            .port(address.port)
            .dbname(&self.settings.database)
            .user(&self.settings.username)
            .application_name("portcullis")
            .connect_timeout(self.settings.reach.times.connect)
            .keepalives_idle(SILENCE)
            .ssl_mode(if ssl.is_enabled {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        if let Some(password) = &self.settings.password {
            config.password(password.resolve(&self.secrets_dir)?.expose());
        }
        Ok(config)
    }

    /// Made once: it may have to read the system's authorities.
    async fn tls(&self) -> Result<MakeRustlsConnect, String> {
        let make = async || {
            let (ssl, secrets_dir) = (self.settings.ssl.clone(), self.secrets_dir.clone());
            let make = move || ssl.material(&secrets_dir)?.client_config();
            let made = tokio::task::spawn_blocking(make).await;
            made.map_err(|why| why.to_string())?
        };
        Ok(MakeRustlsConnect::new(self.tls.get_or_try_init(make).await?.clone()))
    }

    async fn prepare<'c>(&self, connection: &'c mut Connection) -> Result<&'c tokio_postgres::Statement, Trouble> {
        if connection.statement.is_none() {
            let prepared = connection.client.prepare(self.settings.statement.text()).await;
            connection.statement = Some(prepared.map_err(|error| failed(&error, &[]))?);
        }
        let none = || Trouble::Lost("the statement is gone".to_owned());
        connection.statement.as_ref().ok_or_else(none)
    }

    async fn rows(&self, connection: &mut Connection, values: &[String]) -> Result<Rows, Stopped> {
        let mut stream = pin!(self.run(connection, values).await?);
        let mut rows = Rows::default();
        while rows.seen < MOST_ROWS {
            match stream.next().await {
                None => return Ok(rows),
                Some(Err(error)) => return Err(Stopped::By(failed(&error, values))),
                Some(Ok(row)) if rows.seen == 0 => {
                    rows.first = Some(read(&row).map_err(|error| {
                        connection.is_spent = true;
                        Stopped::By(Trouble::Failed(error))
                    })?)
                }
                Some(Ok(_)) => {}
            }
            rows.seen += 1;
        }
        connection.is_spent = true;
        Ok(rows)
    }

    async fn run(&self, connection: &mut Connection, values: &[String]) -> Result<RowStream, Stopped> {
        // What no value went into fails for everybody, and not because of a client.
        let stop = |error: &Error| match error.code() {
            Some(code) if !values.is_empty() && NO_SUCH_VALUE.contains(&code.code()) => Stopped::ByClient,
            _ => Stopped::By(failed(error, values)),
        };
        if !self.settings.prepares {
            let bound = values.iter().map(|value| (Bound(value), Type::UNKNOWN));
            let run = connection
                .client
                .query_typed_raw(self.settings.statement.text(), bound)
                .await;
            return run.map_err(|error| stop(&error));
        }
        for is_last in [false, true] {
            let statement = self.prepare(connection).await.map_err(Stopped::By)?.clone();
            if statement.params().len() != values.len() {
                return Err(Stopped::By(Trouble::Failed(bad(format!(
                    "the query has {} placeholders, of which the database sees {}",
                    values.len(),
                    statement.params().len()
                )))));
            }
            let run = connection
                .client
                .query_raw(&statement, values.iter().map(|value| Bound(value)))
                .await;
            match run {
                Err(error) if is_forgotten(&error) && !is_last => connection.statement = None,
                other => return other.map_err(|error| stop(&error)),
            }
        }
        Err(Stopped::By(Trouble::Lost("the statement is gone".to_owned())))
    }

    /// Prepares the statement anew, so that a table that was changed shows; or runs it with empty values.
    async fn probe(&self, connection: &mut Connection) -> Result<(), Trouble> {
        if !self.settings.prepares {
            let values = vec![String::new(); self.settings.statement.placeholders().len()];
            return match self.rows(connection, &values).await {
                Err(Stopped::By(trouble)) => Err(trouble),
                Ok(Rows { first: Some(row), .. }) if !PASSWORDS.iter().any(|name| row.contains_key(*name)) => {
                    Err(no_password())
                }
                // A value that must be a number, say, cannot be empty.
                Ok(_) | Err(Stopped::ByClient) => Ok(()),
            };
        }
        connection.statement = None;
        let statement = self.prepare(connection).await?;
        if statement
            .columns()
            .iter()
            .any(|column| PASSWORDS.contains(&column.name()))
        {
            Ok(())
        } else {
            Err(no_password())
        }
    }
}

impl Link for PgLink {
    type Connection = Connection;
    type Question = Question;
    type Answer = Rows;

    async fn connect(&self) -> Result<Connection, String> {
        let config = self.config()?;
        let (client, traffic) = if self.settings.ssl.is_enabled {
            let (client, connection) = config
                .connect(self.tls().await?)
                .await
                .map_err(|error| in_words(&error))?;
            (client, tokio::spawn(async { drop(connection.await) }))
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(|error| in_words(&error))?;
            (client, tokio::spawn(async { drop(connection.await) }))
        };
        let connection = Connection {
            client,
            statement: None,
            is_spent: false,
            _traffic: AbortOnDropHandle::new(traffic),
        };
        if self.settings.prepares {
            // So that nothing goes on for long of which nobody waits for the end. Behind a pgbouncer it would be set for others.
            let limit = format!("SET statement_timeout = {}", self.settings.reach.times.ask.as_millis());
            match connection.client.batch_execute(&limit).await {
                Err(error) if error.as_db_error().is_none() => return Err(in_words(&error)),
                // A server that cannot do without.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(connection)
    }

    async fn ask(&self, connection: &mut Connection, question: &Question) -> Result<Rows, Trouble> {
        match question {
            Question::Probe => self.probe(connection).await.map(|()| Rows::default()),
            // No text of PostgreSQL holds it.
            Question::Row(values) if values.iter().any(|value| value.contains('\0')) => Ok(Rows::default()),
            Question::Row(values) => match self.rows(connection, values).await {
                Ok(found) => Ok(found),
                Err(Stopped::ByClient) => Ok(Rows::default()),
                Err(Stopped::By(trouble)) => Err(trouble),
            },
        }
    }

    fn is_usable(connection: &Connection) -> bool {
        !connection.is_spent && !connection.client.is_closed()
    }
}

fn read(row: &tokio_postgres::Row) -> Result<Map<String, Value>, ProviderError> {
    let mut fields = Row::default();
    for (number, column) in row.columns().iter().enumerate() {
        let cell = row.try_get(number).map_err(|error| error.to_string());
        fields.add(column.name(), cell.and_then(|cell| cells::read(column.type_(), cell)))?;
    }
    Ok(fields.fields())
}

fn no_password() -> Trouble {
    Trouble::Failed(bad("the query has no column `password_hash` or `password`"))
}

fn bad(why: impl Into<String>) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}

/// The server does not know the statement any more, or it means something else since a table was changed.
fn is_forgotten(error: &Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::INVALID_SQL_STATEMENT_NAME)
        || code == Some(&SqlState::FEATURE_NOT_SUPPORTED)
            && error
                .as_db_error()
                .is_some_and(|error| error.routine() == Some("RevalidateCachedQuery"))
}

fn failed(error: &Error, values: &[String]) -> Trouble {
    let Some(said) = error.as_db_error() else {
        return Trouble::Lost(in_words(error));
    };
    let code = said.code().code();
    let why = told(code, said.message(), values);
    match code {
        // It is being stopped, or comes up.
        "57P01" | "57P02" | "57P03" => Trouble::Lost(why),
        "57014" => Trouble::Failed(ProviderError::new(Reason::BackendTimeout, why)),
        _ if matches!(code.get(..2), Some("08" | "53")) => {
            Trouble::Failed(ProviderError::new(Reason::BackendUnavailable, why))
        }
        _ => Trouble::Failed(bad(why)),
    }
}

/// What went wrong with a connection, down to its cause.
fn in_words(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return told(said.code().code(), said.message(), &[]);
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
