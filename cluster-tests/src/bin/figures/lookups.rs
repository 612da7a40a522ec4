//! Decisions through a backend that keeps users with hashes, beside a loop that does nothing but look the user up there and check
//! the hash, with the same driver in the same run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cluster_tests::calls::credentials;
use cluster_tests::conformance::{Bench, Server, User};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::logins::{Measured, streamed};
use crate::process_figures::processor_time;
use crate::rate;
use crate::table::Table;

/// Questions that both have under way at once.
pub(crate) const POOL: u64 = 8;
/// Whom both look up.
pub(crate) const NAME: &str = "ada";
const WORD: &str = "lovelace";

/// One lane of the bare loop.
pub(crate) trait Lane: Send + Sync + 'static {
    /// The stored hash and its salt.
    fn look_up(&self) -> impl Future<Output = Result<(String, String)>> + Send;
}

/// Puts the user there, lets it log in over and over through a node, and then looks it up by those lanes.
pub(crate) async fn compare<L: Lane>(
    table: &mut Table,
    span: Duration,
    server: &impl Server,
    over: Value,
    lanes: impl AsyncFnOnce() -> Result<Vec<L>>,
) -> Result<()> {
    server.put(&user()).await?;
    let bench = Bench::start(std::env::current_exe()?).await?;
    let link = bench.link_to(server, over, json!({})).await?;
    bench.wait_for_status(&link, Status::Connected).await?;
    let login = v1::AuthenticateRequest {
        listener: link.chain.clone(),
        ..credentials(NAME, WORD)
    };
    let ours = streamed(&bench.client, &login, bench.pid()?, span).await?;
    let beside = bare(lanes().await?, span).await?;
    let backend = server.backend();
    let what = format!("decisions through {backend}, beside a bare lookup");
    table.compare(&what, "1/s", ours.per_second, beside.per_second, "≥ 0.8");
    let what = format!("{backend}: processor time of the node and of the loop");
    table.compare(&what, "µs", ours.micros_each, beside.micros_each, "");
    bench.passed()
}

fn user() -> User {
    User {
        name: NAME.into(),
        password_hash: Some(hash("salt")),
        salt: Some("salt".into()),
        ..User::default()
    }
}

fn hash(salt: &str) -> String {
    hex::encode(Sha256::digest([salt, WORD].concat()))
}

async fn bare<L: Lane>(lanes: Vec<L>, span: Duration) -> Result<Measured> {
    let lanes = Arc::new(lanes);
    let own = i32::try_from(std::process::id())?;
    let before = processor_time(own)?;
    let rate = rate::measure(POOL, span, move |lane, _| {
        let lanes = Arc::clone(&lanes);
        async move {
            let lane = lanes.get(usize::try_from(lane)?).context("no such lane")?;
            let (stored, salt) = lane.look_up().await?;
            ensure!(hash(&salt) == stored, "the wrong password");
            Ok(())
        }
    })
    .await?;
    let spent = processor_time(own)? - before;
    Ok(Measured::new(rate.count, rate.per_second, spent))
}
