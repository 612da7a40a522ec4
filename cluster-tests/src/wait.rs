//! Waiting for a condition, never for a time.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_millis(20);

/// Asks `condition` until it answers `Some`. An error of it counts as "not yet" and is told when the deadline passes.
pub async fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    let mut last = anyhow!("the condition did not hold");
    loop {
        match tokio::time::timeout_at(end, condition()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => last = error,
            Err(_) => return Err(last).with_context(|| format!("waited {deadline:?} for {what}")),
        }
        pause().await;
    }
}

/// The beat between two looks at the same condition.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tests let time pass between two looks"
)]
pub async fn pause() {
    tokio::time::sleep(INTERVAL).await;
}
