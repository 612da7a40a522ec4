//! What all backends beyond this process have in common, as their settings say it.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::cache::CacheSettings;
use super::gate::Places;
use crate::backends::fields::Fields;

const POOL: RangeInclusive<u32> = 1..=1024;
const DEFAULT_POOL: u32 = 8;
const WAITING: RangeInclusive<u32> = 0..=65_536;
const DEFAULT_WAITING: u32 = 1024;
const WAITS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
const DEFAULT_CONNECT: Duration = Duration::from_secs(15);
const DEFAULT_ASK: Duration = Duration::from_secs(5);
const PROBES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const DEFAULT_PROBE: Duration = Duration::from_secs(10);

/// How a backend is reached.
#[derive(Clone, Debug)]
pub(in crate::backends) struct ReachSettings {
    pub(super) places: Places,
    pub(super) skip_if_missing: bool,
    pub(super) cache: Option<CacheSettings>,
    pub(in crate::backends) times: Times,
}

/// Its times.
#[derive(Clone, Copy, Debug)]
pub(in crate::backends) struct Times {
    /// For a connection.
    pub(in crate::backends) connect: Duration,
    /// For a question, its turn and its connection included.
    pub(in crate::backends) ask: Duration,
    /// Between two probes.
    pub(super) probe_interval: Duration,
}

impl ReachSettings {
    /// Reads them; EMQX calls the time for a question `query_timeout` or `request_timeout`.
    pub(in crate::backends) fn parse(fields: &mut Fields<'_>, ask: &'static str) -> Option<Self> {
        fields.leave_out(&["auto_reconnect"]);
        let pool = fields.number("pool_size", POOL, DEFAULT_POOL);
        let waiting = fields.number("max_waiting", WAITING, DEFAULT_WAITING);
        let times = Times {
            connect: fields.duration_or("connect_timeout", WAITS, DEFAULT_CONNECT),
            ask: fields.duration_or(ask, WAITS, DEFAULT_ASK),
            probe_interval: fields.duration_or("probe_interval", PROBES, DEFAULT_PROBE),
        };
        let skip_if_missing = fields.word("on_missing_value", &[("empty", false), ("skip", true)], false);
        let cache = fields.within("cache", CacheSettings::parse)?;
        let many = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Some(Self {
            places: Places {
                asking: many(pool),
                waiting: many(waiting),
            },
            skip_if_missing,
            cache,
            times,
        })
    }

    /// Connections that are worth keeping.
    pub(in crate::backends) const fn pool_size(&self) -> usize {
        self.places.asking
    }

    /// JSON schema of the fields.
    pub(in crate::backends) fn schemas(ask: &str) -> Map<String, Value> {
        let time = |title: &str, description: &str, default: Duration| {
            json!({
                "title": title,
                "description": format!("{description} A number of seconds, or a time like `1m30s`."),
                "anyOf": [{"type": "number"}, {"type": "string"}],
                "default": default.as_secs(),
            })
        };
        [
            ("pool_size", json!({
                "title": "Pool size",
                "description": "How many logins each node asks about at once.",
                "type": "integer",
                "minimum": POOL.start(),
                "maximum": POOL.end(),
                "default": DEFAULT_POOL,
            })),
            ("max_waiting", json!({
                "title": "Longest queue",
                "description": "How many logins may wait for their turn on each node. Beyond that the authenticator fails at once.",
                "type": "integer",
                "minimum": WAITING.start(),
                "maximum": WAITING.end(),
                "default": DEFAULT_WAITING,
            })),
            ("connect_timeout", time("Connect timeout", "How long connecting may take.", DEFAULT_CONNECT)),
            (ask, time("Query timeout", "How long one question may take, with its turn and its connection.", DEFAULT_ASK)),
            ("probe_interval", time("Probe interval", "How often each node tries the backend. One that is down is tried each second.", DEFAULT_PROBE)),
            ("on_missing_value", json!({
                "title": "Without a value",
                "description": "What a placeholder means for which the client brings nothing: an empty text, or that this authenticator is not concerned.",
                "enum": ["empty", "skip"],
                "default": "empty",
            })),
            ("cache", CacheSettings::schema()),
            ("auto_reconnect", json!({
                "title": "Reconnect",
                "description": "Accepted from EMQX and not kept: a lost backend is always looked for again.",
            })),
        ]
        .map(|(name, schema)| (name.to_owned(), advanced(schema)))
        .into_iter()
        .collect()
    }
}

/// Few have to change it: forms fold it away.
fn advanced(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("x-advanced".to_owned(), true.into());
    }
    schema
}
