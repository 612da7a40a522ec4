//! Remembers answers, if the settings ask for it: for a while, not too many, by what the answer depends on, and never a failure.

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use moka::Expiry;
use moka::future::Cache;
use serde_json::{Value, json};

use super::prober::jittered;
use super::source::Source;
use crate::auth::{CacheFigures, Credentials, ProviderError, Reason};
use crate::backends::Violation;
use crate::backends::fields::Fields;
use crate::backends::template::Placeholder;

const TTLS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);
const DEFAULT_TTL: Duration = Duration::from_secs(60);
const DEFAULT_NEGATIVE: Duration = Duration::from_secs(5);
const ENTRIES: RangeInclusive<u32> = 1..=10_000_000;
const DEFAULT_ENTRIES: u32 = 100_000;

/// How long answers are remembered, and how many.
#[derive(Clone, Debug)]
pub(super) struct CacheSettings {
    ttl: Duration,
    negative_ttl: Duration,
    entries: u32,
}

impl CacheSettings {
    /// Reads the object at `path`; nothing if it is not enabled.
    pub(super) fn parse(path: &str, given: &Value) -> Result<(Option<Self>, Value), Vec<Violation>> {
        let mut fields = Fields::of(path, given).map_err(|fault| vec![fault])?;
        let is_enabled = fields.flag("enable", false);
        let settings = Self {
            ttl: fields.duration_or("ttl", TTLS, DEFAULT_TTL),
            negative_ttl: fields.duration_or("negative_ttl", TTLS, DEFAULT_NEGATIVE),
            entries: fields.number("max_entries", ENTRIES, DEFAULT_ENTRIES),
        };
        let filled = fields.finish()?;
        Ok((is_enabled.then_some(settings), filled.into()))
    }

    pub(super) fn schema() -> Value {
        let time = |title: &str, description: &str, default: Duration| {
            json!({
                "title": title,
                "description": format!("{description} A tenth more or less, so that not all expire at once; 0: not at all."),
                "anyOf": [{"type": "number"}, {"type": "string"}],
                "default": default.as_secs(),
            })
        };
        json!({
            "title": "Cache",
            "description": "Remembers what the backend said, on each node. What was changed there is then noticed late, by as much as the times below say.",
            "type": "object",
            "properties": {
                "enable": {
                    "title": "Enable the cache",
                    "description": "Whether answers are remembered.",
                    "type": "boolean",
                    "default": false,
                },
                "ttl": time("Time to live", "How long an answer is remembered that knows the client.", DEFAULT_TTL),
                "negative_ttl": time("Negative time to live", "How long an answer is remembered that turns the client away.", DEFAULT_NEGATIVE),
                "max_entries": {
                    "title": "Most entries",
                    "description": "How many answers each node remembers. Beyond that those go that are asked for least.",
                    "type": "integer",
                    "minimum": ENTRIES.start(),
                    "maximum": ENTRIES.end(),
                    "default": DEFAULT_ENTRIES,
                },
            },
            "additionalProperties": false,
        })
    }
}

/// The answers of one authenticator on this node. They go with the instance, which any change of its settings replaces.
pub(super) struct Remembered<S: Source> {
    cache: Cache<[u8; 32], Kept<S::Answer>>,
    inputs: Vec<Placeholder>,
    /// A key of this instance's own: what clients sent, passwords included, cannot be tried against what lies in memory.
    key: Key,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Kept<A> {
    answer: Arc<A>,
    lives: Duration,
}

impl<A> Clone for Kept<A> {
    fn clone(&self) -> Self {
        Self {
            answer: Arc::clone(&self.answer),
            lives: self.lives,
        }
    }
}

struct ByItself;

impl<A> Expiry<[u8; 32], Kept<A>> for ByItself {
    fn expire_after_create(&self, _key: &[u8; 32], kept: &Kept<A>, _now: Instant) -> Option<Duration> {
        Some(kept.lives)
    }
}

impl<S: Source> Remembered<S> {
    pub(super) fn new(settings: &CacheSettings, inputs: Vec<Placeholder>) -> Result<Self, ProviderError> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(|error| {
            let why = format!("no random bytes for the cache: {error}");
            ProviderError::new(Reason::BackendUnavailable, why)
        })?;
        Ok(Self {
            cache: Cache::builder()
                .max_capacity(settings.entries.into())
                .expire_after(ByItself)
                .build(),
            inputs,
            key: Key::new(HMAC_SHA256, &*key),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// What is remembered of such a client, or else what `ask` finds out. Of many that want the same at once, one asks. True: it
    /// was remembered, or another one asked.
    pub(super) async fn get(
        &self,
        settings: &CacheSettings,
        credentials: &Credentials,
        ask: impl Future<Output = Result<S::Answer, ProviderError>>,
    ) -> Result<(Arc<S::Answer>, bool), ProviderError> {
        let asked = AtomicBool::new(false);
        let fresh = async {
            asked.store(true, Ordering::Relaxed);
            let answer = ask.await?;
            let ttl = if S::turns_away(&answer) {
                settings.negative_ttl
            } else {
                settings.ttl
            };
            Ok(Kept {
                answer: Arc::new(answer),
                lives: jittered(ttl),
            })
        };
        let kept = self.cache.try_get_with(self.name(credentials), fresh).await;
        let is_remembered = !asked.load(Ordering::Relaxed);
        let counter = if is_remembered { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        kept.map(|kept| (kept.answer, is_remembered))
            .map_err(|error: Arc<ProviderError>| ProviderError::clone(&error))
    }

    /// Forgets what is remembered of such a client.
    pub(super) async fn forget(&self, credentials: &Credentials) {
        self.cache.invalidate(&self.name(credentials)).await;
    }

    /// Forgets everything.
    pub(super) fn purge(&self) {
        self.cache.invalidate_all();
    }

    pub(super) fn figures(&self) -> CacheFigures {
        CacheFigures {
            entries: self.cache.entry_count(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// What the answer depends on, unreadable. Each value comes with its length, and an absent one differs from an empty one.
    fn name(&self, credentials: &Credentials) -> [u8; 32] {
        let mut context = Context::with_key(&self.key);
        for input in &self.inputs {
            match input.value(credentials) {
                Some(value) => {
                    context.update(&(value.len() as u64).to_be_bytes());
                    context.update(&value);
                }
                None => context.update(&u64::MAX.to_be_bytes()),
            }
        }
        let mut name = [0; 32];
        let tag = context.sign();
        name.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        name
    }
}
