//! What changes while a page is open: drawn once a second for everybody who looks at the same thing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Query;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::WatchStream;

use super::authenticators::{health, rate, troubles};
use super::failure::Failure;
use super::marks::contained;
use super::site::Site;
use super::visit::Visit;
use super::{cluster, import_pages, overview, standing};
use crate::auth::AuthenticatorKey;

const EVERY: Duration = Duration::from_secs(1);
/// Between signs of life when nothing changes.
const STILL_HERE: Duration = Duration::from_secs(15);
/// What can be looked at at once; more things than pages there are.
const MOST_TOPICS: usize = 512;

/// What a page is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    Standing,
    Chain(String),
    Authenticator(AuthenticatorKey),
    Cluster,
    Import(String),
}

impl Topic {
    fn of(name: &str) -> Option<Self> {
        Some(match name.split_once(':') {
            None if name == "cluster" => Self::Cluster,
            None if name.is_empty() || name == "standing" => Self::Standing,
            Some(("import", job)) => Self::Import(job.to_owned()),
            Some(("chain", chain)) => Self::Chain(chain.to_owned()),
            Some(("authenticator", rest)) => {
                let (chain, id) = split_key(rest)?;
                Self::Authenticator(AuthenticatorKey { chain, id })
            }
            _ => return None,
        })
    }

    /// Imports are asked for at their node; everything else is drawn from memory.
    async fn draw(&self, site: &Site) -> Drawn {
        let standing = site.admin().standing();
        let mut pieces = vec![standing::banners(&standing)];
        let mut state = 0;
        match self {
            Self::Standing => {}
            Self::Chain(chain) => {
                let (rows, now) = (site.admin().chain_status(chain), site.clock().now());
                pieces.push(troubles(&rows));
                for (view, status) in &rows {
                    pieces.push(health(&view.record.key, status, now));
                    pieces.push(rate(&view.record.key, status));
                }
                state = site.admin().authenticators_version();
            }
            Self::Authenticator(key) => pieces.extend(overview::fragments(site, key)),
            Self::Cluster => pieces.extend(cluster::fragments(site)),
            Self::Import(job) => {
                let (piece, stage) = import_pages::fragment(site, job).await;
                pieces.push(piece);
                state = stage;
            }
        }
        Drawn {
            pieces: pieces.into_iter().map(|piece| contained(piece.into_string())).collect(),
            state,
            is_writable: standing.why_not_writable().is_none(),
        }
    }
}

/// Both may hold colons, so the chain says how long it is.
pub(super) fn key_topic(key: &AuthenticatorKey) -> String {
    format!("authenticator:{}:{}:{}", key.chain.len(), key.chain, key.id)
}

fn split_key(text: &str) -> Option<(String, String)> {
    let (length, rest) = text.split_once(':')?;
    let (chain, id) = rest.split_at_checked(length.parse().ok()?)?;
    Some((chain.to_owned(), id.strip_prefix(':')?.to_owned()))
}

/// What a topic looks like now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Drawn {
    pieces: Vec<String>,
    /// Grows when what the page's controls stand upon changes (the chains, the stage of an import): a page of an earlier one should
    /// be loaded anew.
    state: u64,
    /// Whether anything can be changed here.
    is_writable: bool,
}

/// What is looked at now.
pub(super) struct Hub {
    topics: Mutex<HashMap<Topic, watch::Receiver<Arc<Drawn>>>>,
    pages: Arc<Semaphore>,
}

impl Hub {
    pub(super) fn new(most_pages: u32) -> Self {
        Self {
            topics: Mutex::default(),
            pages: Arc::new(Semaphore::new(most_pages as usize)),
        }
    }

    /// What the topic looks like, now and whenever it changes. Whoever comes first has it drawn for all.
    async fn watch(&self, site: &Site, topic: &Topic) -> Option<watch::Receiver<Arc<Drawn>>> {
        if let Some(drawn) = self.topics().get(topic) {
            return Some(drawn.clone());
        }
        let (sender, drawn) = watch::channel(Arc::new(topic.draw(site).await));
        let mut topics = self.topics();
        // Somebody else may have come meanwhile.
        if let Some(drawn) = topics.get(topic) {
            return Some(drawn.clone());
        }
        if topics.len() >= MOST_TOPICS {
            return None;
        }
        topics.insert(topic.clone(), drawn.clone());
        tokio::spawn(keep_drawing(site.clone(), topic.clone(), sender));
        Some(drawn)
    }

    /// Those that are still drawn.
    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, watch::Receiver<Arc<Drawn>>>> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.retain(|_, drawn| drawn.has_changed().is_ok());
        topics
    }
}

/// As long as anybody looks. The hub itself holds one receiver.
async fn keep_drawing(site: Site, topic: Topic, sender: watch::Sender<Arc<Drawn>>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while sender.receiver_count() > 1 {
        tokio::select! {
            _ = ticks.tick() => {}
            () = site.drain().begun() => return,
        }
        let drawn = topic.draw(&site).await;
        sender.send_if_modified(|shown| {
            let changed = **shown != drawn;
            if changed {
                *shown = Arc::new(drawn);
            }
            changed
        });
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    topic: String,
}

/// `GET /ui/events?topic=…`: one stream for each open page.
pub(super) async fn events(visit: Visit, Query(wanted): Query<Wanted>) -> Result<Response, Failure> {
    let site = visit.site().clone();
    let topic = Topic::of(&wanted.topic).ok_or_else(Failure::no_such_page)?;
    let place = Arc::clone(&site.hub().pages).try_acquire_owned();
    let place = place.map_err(|_| Failure::too_many("Too many pages are kept up to date by this node already."))?;
    let drawn = site.hub().watch(&site, &topic).await;
    let drawn = drawn.ok_or_else(|| Failure::too_many("Too many different pages are open on this node."))?;
    let ended = site.clone();
    let build = Event::default().event("build").data(site.assets().build());
    let first = stream::iter([Ok(build)]);
    let stream = first
        .chain(told(drawn, place))
        .take_until(async move { ended.drain().begun().await });
    let signed_in = signed_in(visit);
    let events = stream.take_while(move |_| std::future::ready(signed_in()));
    let keep_alive = KeepAlive::new().interval(STILL_HERE);
    Ok(([("x-accel-buffering", "no")], Sse::new(events).keep_alive(keep_alive)).into_response())
}

/// Whether the session that opened the stream still lives.
fn signed_in(visit: Visit) -> impl Fn() -> bool {
    move || visit.site().admin().session(&visit.cookie).is_some()
}

/// The pieces that have changed since the last event; all of them at first.
fn told(
    drawn: watch::Receiver<Arc<Drawn>>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut before: Option<Arc<Drawn>> = None;
    WatchStream::new(drawn).flat_map(move |now| {
        let _held = &place;
        let mut events = Vec::new();
        let changed = |piece: &&String| before.as_ref().is_none_or(|before| !before.pieces.contains(piece));
        let pieces: String = now.pieces.iter().filter(changed).map(String::as_str).collect();
        if !pieces.is_empty() {
            events.push(Event::default().event("fragment").data(pieces));
        }
        if before.as_ref().is_none_or(|before| before.state != now.state) {
            events.push(Event::default().event("state").data(now.state.to_string()));
        }
        if before
            .as_ref()
            .is_none_or(|before| before.is_writable != now.is_writable)
        {
            events.push(Event::default().event("writable").data(now.is_writable.to_string()));
        }
        before = Some(now);
        stream::iter(events.into_iter().map(Ok))
    })
}

#[cfg(test)]
mod tests {
    use super::{AuthenticatorKey, Topic, key_topic};

    #[test]
    fn a_topic_is_read_whatever_the_names_in_it() {
        let key = AuthenticatorKey {
            chain: "tcp:default".into(),
            id: "password_based:mysql".into(),
        };
        assert_eq!(Topic::of(&key_topic(&key)), Some(Topic::Authenticator(key)));
        assert_eq!(Topic::of("chain:tcp:x"), Some(Topic::Chain("tcp:x".into())));
        assert_eq!(Topic::of("cluster"), Some(Topic::Cluster));
        assert_eq!(Topic::of(""), Some(Topic::Standing));
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        for text in [
            "x",
            "authenticator:a",
            "authenticator:99:a:b",
            "authenticator:1:é:b",
            "y:z",
        ] {
            assert_eq!(Topic::of(text), None, "{text}");
        }
    }
}
