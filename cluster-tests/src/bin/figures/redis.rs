//! Decisions through Redis.

use std::iter;
use std::time::Duration;

use anyhow::Result;
use cluster_tests::servers::Redis;
use redis::aio::MultiplexedConnection;
use serde_json::json;

use crate::lookups::{Lane, NAME, POOL, compare};
use crate::table::Table;

const FIELDS: [&str; 3] = ["password_hash", "salt", "is_superuser"];

/// Logins against a sha256 record in a hash.
pub(crate) async fn measure(table: &mut Table, span: Duration) -> Result<()> {
    let server = Redis::start().await?;
    let command = format!("HMGET mqtt:${{username}} {}", FIELDS.join(" "));
    let over = json!({"cmd": command, "pool_size": POOL});
    compare(table, span, &server, over, async || lanes(&server).await).await
}

/// The one connection that all questions share, as they do in a node.
struct Shared(MultiplexedConnection);

/// The same driver, the same command, as many questions under way.
async fn lanes(server: &Redis) -> Result<Vec<Shared>> {
    let connection = server.client()?.get_multiplexed_async_connection().await?;
    let lanes = iter::repeat_n(connection, usize::try_from(POOL)?);
    Ok(lanes.map(Shared).collect())
}

impl Lane for Shared {
    async fn look_up(&self) -> Result<(String, String)> {
        let mut command = redis::cmd("HMGET");
        command.arg(format!("mqtt:{NAME}")).arg(&FIELDS);
        let mut connection = self.0.clone();
        let (stored, salt, _): (String, String, Option<String>) = command.query_async(&mut connection).await?;
        Ok((stored, salt))
    }
}
