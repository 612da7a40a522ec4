//! Tries a backend in the background, so that its state is known before a login has to find it out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::breaker::Sign;
use super::source::Source;
use super::way::Shared;
use crate::auth::{AuthenticatorKey, Health, ProviderStatus};

/// How soon a backend that is down is tried again: so that its return is seen soon, and it is not overrun when it comes back.
const WHILE_DOWN: Duration = Duration::from_secs(1);
/// Doubts of logins do not make probes follow each other more closely than this.
const AT_LEAST: Duration = Duration::from_millis(250);

/// For ever: it ends with the provider, which aborts it.
pub(super) async fn run<S: Source>(name: AuthenticatorKey, shared: Arc<Shared<S>>) {
    loop {
        let sign = probe(&*shared).await;
        if let Some(health) = shared.breaker.probed(sign, &*shared.clock) {
            tell(&name, &health);
        }
        let _woken = timeout(AT_LEAST, std::future::pending::<()>()).await;
        let pause = if shared.breaker.is_down() {
            WHILE_DOWN
        } else {
            shared.times.probe_interval
        };
        let _woken = timeout(
            jittered(pause.saturating_sub(AT_LEAST)),
            shared.breaker.doubt.notified(),
        )
        .await;
    }
}

/// Once, in time.
pub(super) async fn probe<S: Source>(shared: &Shared<S>) -> Sign {
    let limit = shared.times.connect + shared.times.ask;
    match timeout(limit, shared.source.probe()).await {
        Ok(Ok(())) => Sign::Alive,
        Ok(Err(why)) => Sign::Dead(why),
        Err(_) => Sign::Dead(format!("no answer to a probe within {limit:?}")),
    }
}

fn tell(name: &AuthenticatorKey, health: &Health) {
    let AuthenticatorKey { chain, id } = name;
    let why = &health.error;
    if health.status == ProviderStatus::Connected {
        tracing::info!(%chain, authenticator = %id, "the backend answers");
    } else {
        tracing::warn!(%chain, authenticator = %id, why, "the backend does not answer");
    }
}

/// A tenth more or less, so that the nodes of a cluster do not ask in step. Without dice they do.
pub(in crate::backends) fn jittered(pause: Duration) -> Duration {
    let dice = getrandom::u32().unwrap_or(u32::MAX / 2);
    pause.mul_f64(0.9 + 0.2 * f64::from(dice) / f64::from(u32::MAX))
}
