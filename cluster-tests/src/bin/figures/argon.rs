//! First logins against argon2id records, beside the bare hash on as many threads.

use std::num::NonZero;
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use argon2::{Algorithm, Argon2, Params, Version};
use cluster_tests::Options;
use cluster_tests::calls::{is_allowed, message};
use futures_util::TryStreamExt as _;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::json;

use crate::rate::per_second;
use crate::table::Table;

const USERS: u64 = 128;
const IN_FLIGHT: usize = 16;

/// One node, so that the hashing threads have the machine to themselves.
pub(crate) async fn measure(table: &mut Table) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let settings = Options::as_shipped(std::env::current_exe()?, 1);
    let mut cluster = settings
        .set("hash", "threads", i64::try_from(threads)?)
        .prepare()
        .await?;
    cluster.start_all()?;
    cluster.initialize().await?;
    cluster.ready().await?;
    let client = cluster.client(1).await?;
    create_users(&client).await?;

    let started = Instant::now();
    each_user(async |name| {
        ensure!(is_allowed(&client, &name, &name).await?, "`{name}` is not let in");
        Ok(())
    })
    .await?;
    let logins = per_second(USERS, started.elapsed());
    cluster.passed()?;
    let raw = raw_hashes(threads)?;
    table.compare(
        &format!("first argon2id logins, beside the bare hash, {threads} threads"),
        "1/s",
        logins,
        raw,
        "",
    );
    Ok(())
}

async fn each_user(act: impl AsyncFn(String) -> Result<()>) -> Result<()> {
    let names = (0..USERS).map(|number| anyhow::Ok(format!("user-{number}")));
    futures_util::stream::iter(names)
        .try_for_each_concurrent(IN_FLIGHT, async |name| act(name).await)
        .await
}

async fn create_users(client: &Client) -> Result<()> {
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {
            "mechanism": "password_based",
            "backend": "built_in_database",
            "enabled": true,
            "settings": { "user_id_type": "username", "password_hash_algorithm": { "name": "argon2id" } },
        },
    }))?;
    client.authenticators().create(request).await?;
    each_user(async |name| {
        cluster_tests::calls::create_user(client, &name, &name).await?;
        Ok(())
    })
    .await
}

/// The same parameters as the default of the product: 19 MiB, two passes, one lane.
pub(crate) fn raw_hashes(threads: usize) -> Result<f64> {
    let params = Params::new(19 * 1024, 2, 1, Some(32)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let each = USERS / u64::try_from(threads)?;
    let started = Instant::now();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| hash_repeatedly(&hasher, each)))
            .collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
    })?;
    Ok(per_second(each * u64::try_from(threads)?, started.elapsed()))
}

fn hash_repeatedly(hasher: &Argon2<'_>, count: u64) -> Result<()> {
    let mut hash = [0; 32];
    for _ in 0..count {
        let hashed = hasher.hash_password_into(b"password", b"sixteen bytes ok", &mut hash);
        hashed.map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(())
}
