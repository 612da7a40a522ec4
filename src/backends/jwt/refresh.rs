//! The background task behind a key set: fetches it at start, by interval and when asked, and keeps the last good one on disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::fetch::{Endpoint, Fetched, Fetcher};
use super::jwk_set::JwkSet;
use super::kept::{Kept, KeptFile};
use super::keys::KeySet;
use super::remote::Shared;
use super::settings::SetSource;
use crate::auth::{AuthenticatorKey, Instant, Timestamp};
use crate::backends::Context;

/// After a failure the next attempt comes sooner than the interval: first so soon, then later and later.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// A set that has not changed is written anew so many times within `max_stale`, so that its age on disk stays true enough.
const WRITES_PER_MAX_STALE: u32 = 8;

/// The task's own.
pub(super) struct Refresh {
    /// For the log.
    name: AuthenticatorKey,
    endpoint: Endpoint,
    secrets_dir: PathBuf,
    interval: Duration,
    max_stale: Duration,
    shared: Arc<Shared>,
    file: KeptFile,
    fetcher: Option<Fetcher>,
    /// The set in use, with how to ask whether it still is.
    current: Option<(JwkSet, Arc<KeySet>)>,
    etag: Option<String>,
    written: Option<Instant>,
    failures: u32,
}

impl Refresh {
    pub(super) fn new(key: &AuthenticatorKey, source: SetSource, context: &Context, shared: Arc<Shared>) -> Self {
        let SetSource {
            endpoint,
            interval,
            max_stale,
        } = source;
        Self {
            name: key.clone(),
            file: KeptFile::of(&context.kept_dir, key, endpoint.address()),
            endpoint,
            secrets_dir: context.secrets_dir.clone(),
            interval,
            max_stale,
            shared,
            fetcher: None,
            current: None,
            etag: None,
            written: None,
            failures: 0,
        }
    }

    /// For ever: it ends with the provider, which aborts it.
    pub(super) async fn run(mut self) {
        self.take_kept().await;
        loop {
            self.shared.fetch_begins();
            let end = self.fetch().await;
            self.failures = if end.is_ok() {
                0
            } else {
                self.failures.saturating_add(1)
            };
            self.tell(&end);
            self.shared.pause(self.next_pause()).await;
        }
    }

    /// Also wakes the logins that wait.
    fn tell(&self, end: &Result<(), String>) {
        let is_new = self.shared.fetch_ended(end.clone());
        let AuthenticatorKey { chain, id } = &self.name;
        match end {
            Ok(()) if is_new => {
                let keys = self.current.as_ref().map_or(0, |(set, _)| set.len());
                tracing::info!(%chain, authenticator = %id, keys, "the key set was fetched");
            }
            Err(why) if is_new => tracing::warn!(%chain, authenticator = %id, why, "the key set cannot be fetched"),
            Ok(()) | Err(_) => {}
        }
    }

    /// What was kept on the disk serves until the endpoint answers.
    async fn take_kept(&mut self) {
        let file = self.file.clone();
        match spawn_blocking(move || file.read()).await {
            Ok(Ok(Some(kept))) => {
                let age = age(self.shared.clock().now(), kept.fetched_at);
                self.etag = kept.etag;
                self.hold(kept.set, age);
            }
            Ok(Ok(None)) | Err(_) => {}
            Ok(Err(why)) => {
                let AuthenticatorKey { chain, id } = &self.name;
                tracing::warn!(%chain, authenticator = %id, why, "the kept key set cannot be used");
            }
        }
    }

    fn hold(&mut self, set: JwkSet, age: Duration) {
        let keys = Arc::new(set.prepared());
        self.shared.hold(Arc::clone(&keys), age);
        self.current = Some((set, keys));
    }

    async fn fetch(&mut self) -> Result<(), String> {
        let fetcher = match self.fetcher.take() {
            Some(fetcher) => fetcher,
            None => {
                let (endpoint, secrets_dir) = (self.endpoint.clone(), self.secrets_dir.clone());
                let made = spawn_blocking(move || Fetcher::new(&endpoint, &secrets_dir)).await;
                made.map_err(|why| why.to_string())??
            }
        };
        let etag = self.etag.as_deref().filter(|_| self.current.is_some());
        let fetched = fetcher.get(etag).await;
        self.fetcher = Some(fetcher);
        let is_changed = self.take(fetched?)?;
        self.keep(is_changed).await;
        Ok(())
    }

    /// Puts in force what was fetched. Returns whether it is another set than before.
    fn take(&mut self, fetched: Fetched) -> Result<bool, String> {
        if let Fetched::New { body, etag } = fetched {
            let set = JwkSet::parse(&body)?;
            self.etag = etag;
            if self.current.as_ref().is_none_or(|(current, _)| *current != set) {
                self.tell_left_out(&set);
                self.hold(set, Duration::ZERO);
                return Ok(true);
            }
        }
        if let Some((_, keys)) = &self.current {
            self.shared.hold(Arc::clone(keys), Duration::ZERO);
        }
        Ok(false)
    }

    fn tell_left_out(&self, set: &JwkSet) {
        if !set.left_out.is_empty() {
            let AuthenticatorKey { chain, id } = &self.name;
            let why = set.left_out.join("; ");
            tracing::warn!(%chain, authenticator = %id, why, "keys of the set are left out");
        }
    }

    async fn keep(&mut self, is_changed: bool) {
        let now = self.shared.clock().instant();
        let is_fresh = |written: Instant| now.since(written) < self.max_stale / WRITES_PER_MAX_STALE;
        if !is_changed && self.written.is_some_and(is_fresh) {
            return;
        }
        let Some((set, _)) = &self.current else { return };
        let kept = Kept {
            set: set.clone(),
            fetched_at: self.shared.clock().now(),
            etag: self.etag.clone(),
        };
        let file = self.file.clone();
        match spawn_blocking(move || file.write(&kept)).await {
            Ok(Ok(())) => self.written = Some(now),
            // The keys are in force all the same; only a restart without the endpoint would miss them.
            Ok(Err(why)) => {
                let AuthenticatorKey { chain, id } = &self.name;
                tracing::warn!(%chain, authenticator = %id, %why, "the key set cannot be kept on the disk");
            }
            Err(_) => {}
        }
    }

    fn next_pause(&self) -> Duration {
        let pause = match self.failures.checked_sub(1) {
            None => self.interval,
            Some(earlier) => {
                let backoff = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(earlier));
                backoff.min(LAST_RETRY).min(self.interval)
            }
        };
        jittered(pause)
    }
}

/// A clock that was set back makes nothing younger than new.
fn age(now: Timestamp, then: Timestamp) -> Duration {
    Duration::from_millis(now.0.saturating_sub(then.0))
}

/// A tenth more or less, so that the nodes of a cluster do not ask in step. Without dice they do.
fn jittered(pause: Duration) -> Duration {
    let dice = getrandom::u32().unwrap_or(u32::MAX / 2);
    pause.mul_f64(0.9 + 0.2 * f64::from(dice) / f64::from(u32::MAX))
}
