//! What changes while a page is open: drawn once a second for everybody who looks at the same thing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Query;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _, stream};
use maud::Markup;
use serde::Deserialize;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::WatchStream;

use super::authenticator_tabs::Subject;
use super::authenticators::{health, rate, state_of, troubles};
use super::failure::Failure;
use super::marks::contained;
use super::site::Site;
use super::visit::Visit;
use super::{cluster, import_pages, overview, standing};
use crate::auth::AuthenticatorKey;

const EVERY: Duration = Duration::from_secs(1);
/// Between signs of life when nothing changes. A page that hears none for longer than two of them is told so by its script.
const STILL_HERE: Duration = Duration::from_secs(5);
/// What can be looked at at once; more things than pages there are.
const MOST_TOPICS: usize = 512;
/// Pages that one account may have open at once, so that nobody takes the places of all.
const MOST_OF_ONE: usize = 64;

/// What a page is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    Standing,
    Chain(String),
    /// All of an authenticator.
    Authenticator(AuthenticatorKey),
    /// What the pages of an authenticator have in common.
    Subject(AuthenticatorKey),
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
            Some(("authenticator", rest)) => Self::Authenticator(split_key(rest)?),
            Some(("subject", rest)) => Self::Subject(split_key(rest)?),
            _ => return None,
        })
    }

    /// Imports are asked for at their node; everything else is drawn from memory.
    async fn draw(&self, site: &Site) -> Drawn {
        let standing = site.admin().standing();
        let mut pieces = vec![standing::banners(&standing)];
        let about = self.about(site).await;
        pieces.push(standing::gone(about.as_ref().err().map(String::as_str)));
        let state = about.ok().map(|(more, state)| {
            pieces.extend(more);
            state
        });
        Drawn {
            pieces: pieces.into_iter().map(|piece| contained(piece.into_string())).collect(),
            state,
            is_writable: standing.why_not_writable().is_none(),
        }
    }

    /// The pieces of its own, and their state; or what became of it.
    async fn about(&self, site: &Site) -> Result<(Vec<Markup>, u64), String> {
        let subject = |key| Subject::on(site, key).map_err(|_| "This authenticator has been deleted.".to_owned());
        Ok(match self {
            Self::Standing => (Vec::new(), 0),
            Self::Chain(chain) => {
                let (rows, now) = (site.admin().chain_status(chain), site.clock().now());
                let mut pieces = vec![troubles(&rows)];
                for (view, status) in &rows {
                    pieces.push(health(&view.record.key, status, now));
                    pieces.push(rate(&view.record.key, status));
                }
                (pieces, state_of(&site.admin().chains(), &rows))
            }
            Self::Subject(key) => {
                let subject = subject(key)?;
                (vec![subject.fares()], subject.state())
            }
            Self::Authenticator(key) => {
                let subject = subject(key)?;
                let mut pieces = overview::fragments(site, key);
                pieces.push(subject.fares());
                (pieces, subject.state())
            }
            Self::Cluster => cluster::fragments(site),
            Self::Import(job) => import_pages::fragments(site, job).await?,
        })
    }
}

/// The topic of everything about an authenticator.
pub(super) fn key_topic(key: &AuthenticatorKey) -> String {
    format!("authenticator:{}", key_text(key))
}

/// The topic of what the pages of an authenticator have in common.
pub(super) fn subject_topic(key: &AuthenticatorKey) -> String {
    format!("subject:{}", key_text(key))
}

/// Both may hold colons, so the chain says how long it is.
fn key_text(key: &AuthenticatorKey) -> String {
    format!("{}:{}:{}", key.chain.len(), key.chain, key.id)
}

fn split_key(text: &str) -> Option<AuthenticatorKey> {
    let (length, rest) = text.split_once(':')?;
    let (chain, id) = rest.split_at_checked(length.parse().ok()?)?;
    Some(AuthenticatorKey {
        chain: chain.to_owned(),
        id: id.strip_prefix(':')?.to_owned(),
    })
}

/// What a topic looks like now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Drawn {
    pieces: Vec<String>,
    /// Of what the page's controls stand upon (the chain, the stage of an import): a page of another one should be loaded anew.
    /// None if there is no such thing any more.
    state: Option<u64>,
    /// Whether anything can be changed here.
    is_writable: bool,
}

/// What is looked at now.
pub(super) struct Hub {
    topics: Mutex<HashMap<Topic, Looked>>,
    pages: Arc<Semaphore>,
    by_account: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A thing that somebody looks at: as it was drawn last, and how to have it drawn anew for whoever comes.
struct Looked {
    drawn: watch::Receiver<Arc<Drawn>>,
    joined: Arc<Notify>,
}

impl Looked {
    /// What was drawn before does not count: it can be older than the page that asks.
    fn join(&self) -> watch::Receiver<Arc<Drawn>> {
        let mut drawn = self.drawn.clone();
        drawn.mark_unchanged();
        self.joined.notify_one();
        drawn
    }
}

/// Of a page that is open, among all and among those of its account.
type Place = [OwnedSemaphorePermit; 2];

impl Hub {
    pub(super) fn new(most_pages: u32) -> Self {
        Self {
            topics: Mutex::default(),
            pages: Arc::new(Semaphore::new(most_pages as usize)),
            by_account: Mutex::default(),
        }
    }

    fn place(&self, account: &str) -> Option<Place> {
        let mut accounts = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, places| Arc::strong_count(places) > 1);
        let own = accounts.entry(account.to_owned());
        let own = own.or_insert_with(|| Arc::new(Semaphore::new(MOST_OF_ONE)));
        let own = Arc::clone(own).try_acquire_owned().ok()?;
        Some([own, Arc::clone(&self.pages).try_acquire_owned().ok()?])
    }

    /// What the topic looks like from now on. Whoever comes first has it drawn for all.
    fn watch(&self, site: &Site, topic: &Topic) -> Option<watch::Receiver<Arc<Drawn>>> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.retain(|_, looked| looked.drawn.has_changed().is_ok());
        if let Some(looked) = topics.get(topic) {
            return Some(looked.join());
        }
        if topics.len() >= MOST_TOPICS {
            return None;
        }
        let (sender, drawn) = watch::channel(Arc::default());
        let joined = Arc::new(Notify::new());
        let looked = Looked { drawn, joined };
        let (drawn, joined) = (looked.join(), Arc::clone(&looked.joined));
        tokio::spawn(keep_drawing(site.clone(), topic.clone(), sender, joined));
        topics.insert(topic.clone(), looked);
        Some(drawn)
    }
}

/// As long as anybody looks. The hub itself holds one receiver.
async fn keep_drawing(site: Site, topic: Topic, sender: watch::Sender<Arc<Drawn>>, joined: Arc<Notify>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while sender.receiver_count() > 1 {
        let has_joined = tokio::select! {
            _ = ticks.tick() => false,
            () = joined.notified() => true,
            () = site.drain().begun() => return,
        };
        let drawn = topic.draw(&site).await;
        sender.send_if_modified(|shown| {
            let is_told = has_joined || **shown != drawn;
            if is_told {
                *shown = Arc::new(drawn);
            }
            is_told
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
    let place = site.hub().place(&visit.signed.account.name);
    let place = place.ok_or_else(|| Failure::too_many("Too many pages are kept up to date by this node already."))?;
    let drawn = site.hub().watch(&site, &topic);
    let drawn = drawn.ok_or_else(|| Failure::too_many("Too many different pages are open on this node."))?;
    let ended = site.clone();
    let build = Event::default().event("build").data(site.assets().build());
    let first = stream::iter([Ok(build)]);
    let stream = first
        .chain(never_silent(told(drawn, place)))
        .take_until(async move { ended.drain().begun().await });
    let signed_in = signed_in(visit);
    let events = stream.take_while(move |_| std::future::ready(signed_in()));
    Ok(([("x-accel-buffering", "no")], Sse::new(events)).into_response())
}

/// With signs of life where nothing is said for a while. They are events: scripts do not see comments.
fn never_silent(said: impl Stream<Item = Result<Event, Infallible>>) -> impl Stream<Item = Result<Event, Infallible>> {
    let heard = tokio_stream::StreamExt::timeout_repeating(said, tokio::time::interval(STILL_HERE));
    heard.map(|said| said.unwrap_or_else(|_| Ok(Event::default().event("ping").data("still here"))))
}

/// Whether the session that opened the stream still lives.
fn signed_in(visit: Visit) -> impl Fn() -> bool {
    move || visit.site().admin().session(&visit.cookie).is_some()
}

/// The pieces that have changed since the last event; all of them when it is drawn for the first time.
fn told(drawn: watch::Receiver<Arc<Drawn>>, place: Place) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut before: Option<Arc<Drawn>> = None;
    WatchStream::from_changes(drawn).flat_map(move |now| {
        let _held = &place;
        let mut events = Vec::new();
        let changed = |piece: &&String| before.as_ref().is_none_or(|before| !before.pieces.contains(piece));
        // One by one: a row of a table cannot be read behind what stands in no table.
        for piece in now.pieces.iter().filter(changed) {
            events.push(Event::default().event("fragment").data(piece));
        }
        let is_news = before.as_ref().is_none_or(|before| before.state != now.state);
        if let Some(state) = now.state.filter(|_| is_news) {
            events.push(Event::default().event("state").data(state.to_string()));
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
    use futures_util::{StreamExt as _, stream};

    use super::{AuthenticatorKey, Hub, MOST_OF_ONE, STILL_HERE, Topic, key_topic, never_silent, subject_topic};

    #[test]
    fn a_topic_is_read_whatever_the_names_in_it() {
        let key = AuthenticatorKey {
            chain: "tcp:default".into(),
            id: "password_based:mysql".into(),
        };
        assert_eq!(Topic::of(&key_topic(&key)), Some(Topic::Authenticator(key.clone())));
        assert_eq!(Topic::of(&subject_topic(&key)), Some(Topic::Subject(key)));
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

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_nothing_to_say_gives_a_sign_of_life_again_and_again() {
        let begun = tokio::time::Instant::now();
        let signs = never_silent(stream::pending()).take(4).count().await;
        assert_eq!((signs, begun.elapsed()), (4, STILL_HERE * 3));
        assert_eq!(never_silent(stream::empty()).count().await, 0);
    }

    #[test]
    fn nobody_takes_the_places_of_all() {
        let hub = Hub::new(1000);
        let mut taken: Vec<_> = (0..MOST_OF_ONE).map(|_| hub.place("vera").unwrap()).collect();
        assert!(hub.place("vera").is_none() && hub.place("ada").is_some());
        taken.pop();
        assert!(hub.place("vera").is_some());
    }
}
