//! Decisions through PostgreSQL.

use std::time::Duration;

use anyhow::Result;
use cluster_tests::conformance::Server as _;
use cluster_tests::servers::PostgreSql;
use cluster_tests::servers::postgresql::PASSWORD;
use serde_json::json;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::lookups::{Lane, NAME, POOL, compare};
use crate::table::Table;

const QUERY: &str = "SELECT password_hash, salt, is_superuser FROM users WHERE username = ";

/// Logins against a sha256 record in a table with an index.
pub(crate) async fn measure(table: &mut Table, span: Duration) -> Result<()> {
    let server = PostgreSql::start().await?;
    // One by one: several in one query are one transaction, in which the second cannot run.
    for statement in [
        "CREATE INDEX ON users (username)",
        "ALTER SYSTEM SET log_statement = 'none'",
        "SELECT pg_reload_conf()",
    ] {
        server.execute(statement).await?;
    }
    let over = json!({"query": format!("{QUERY}${{username}}"), "pool_size": POOL});
    compare(table, span, &server, over, async || lanes(&server).await).await
}

/// A connection with its statement.
struct Prepared {
    client: Client,
    statement: Statement,
}

/// The same driver, the same statement, as many connections.
async fn lanes(server: &PostgreSql) -> Result<Vec<Prepared>> {
    let mut lanes = Vec::new();
    for _ in 0..POOL {
        let mut config = Config::new();
        let address = server.address();
        config
            .host(address.ip().to_string())
            .port(address.port())
            .dbname("postgres");
        config.user("portcullis").password(PASSWORD);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let statement = client.prepare(&format!("{QUERY}$1")).await?;
        lanes.push(Prepared { client, statement });
    }
    Ok(lanes)
}

impl Lane for Prepared {
    async fn look_up(&self) -> Result<(String, String)> {
        let row = self.client.query_one(&self.statement, &[&NAME]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
}
