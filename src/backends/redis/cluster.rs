//! A cluster: which server has which keys, learned from the servers and followed when it changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crc16::{State, XMODEM};
use futures_util::future::select_ok;
use redis::{Cmd, Value as Reply};

use super::dial::Dialer;
use super::line::{End, Line};
use super::trouble::{Kind, Trouble};
use crate::backends::address::Address;

const SLOTS: u16 = 16384;
/// Steps of one question: servers that send it on for ever are asked no more.
const MOST_STEPS: usize = 6;
/// Servers that are asked who has what.
const MOST_TEACHERS: usize = 16;

/// The servers of a cluster.
pub(super) struct Cluster {
    dialer: Arc<Dialer>,
    /// Those in the settings.
    seeds: Vec<Address>,
    known: Mutex<Known>,
    learning: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// How often it was learned.
    version: u64,
    ranges: Vec<Range>,
    /// What has moved since.
    moved: HashMap<u16, Address>,
    lines: HashMap<Address, Arc<Line>>,
}

/// Slots, both included, and the server that has them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    master: Address,
}

impl Cluster {
    pub(super) fn new(dialer: Dialer, seeds: Vec<Address>) -> Self {
        Self {
            dialer: Arc::new(dialer),
            seeds,
            known: Mutex::new(Known::default()),
            learning: tokio::sync::Mutex::new(()),
        }
    }

    /// Asks the server that has the key, wherever that leads.
    pub(super) async fn ask(&self, key: &[u8], command: &Cmd) -> Result<Reply, Trouble> {
        let slot = slot_of(key);
        let (mut server, mut version) = self.home(slot).await?;
        let (mut is_redirected, mut has_relearned) = (false, false);
        for _ in 0..MOST_STEPS {
            let line = self.line(&server);
            let trouble = match line.ask(command, is_redirected).await {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            is_redirected = false;
            match &trouble.kind {
                Kind::Moved(to) => {
                    server = to.clone();
                    self.known().moved.insert(slot, server.clone());
                }
                Kind::Asked(to) => {
                    server = to.clone();
                    is_redirected = true;
                }
                // Another one may have taken over.
                Kind::Lost if !has_relearned => {
                    has_relearned = true;
                    self.learn(version).await?;
                    (server, version) = self.home(slot).await?;
                }
                _ => return Err(trouble),
            }
        }
        Err(Trouble::unavailable(format!(
            "the servers of the cluster sent the question on {MOST_STEPS} times"
        )))
    }

    /// Learns anew who has what.
    pub(super) async fn check(&self) -> Result<(), Trouble> {
        let version = self.known().version;
        self.learn(version).await
    }

    /// The server that has a slot, and the version of that knowledge.
    async fn home(&self, slot: u16) -> Result<(Address, u64), Trouble> {
        if self.known().version == 0 {
            self.learn(0).await?;
        }
        let known = self.known();
        let home = known.home(slot).cloned();
        home.map(|home| (home, known.version))
            .ok_or_else(|| Trouble::unavailable(format!("no server of the cluster has the slot {slot}")))
    }

    /// Asks all known servers, unless somebody has learned since `version`. The first answer wins.
    async fn learn(&self, version: u64) -> Result<(), Trouble> {
        let _only_one_learns = self.learning.lock().await;
        if self.known().version != version {
            return Ok(());
        }
        let mut teachers = self.seeds.clone();
        let masters: Vec<_> = self.known().ranges.iter().map(|range| range.master.clone()).collect();
        for master in masters {
            if !teachers.contains(&master) {
                teachers.push(master);
            }
        }
        teachers.truncate(MOST_TEACHERS.max(self.seeds.len()));
        let tries = teachers.iter().map(|teacher| Box::pin(self.taught_by(teacher)));
        let (ranges, _others) = select_ok(tries).await?;
        let mut known = self.known();
        known.version += 1;
        known.moved.clear();
        let is_of_use =
            |address: &Address| self.seeds.contains(address) || ranges.iter().any(|range| range.master == *address);
        known.lines.retain(|address, _| is_of_use(address));
        known.ranges = ranges;
        Ok(())
    }

    async fn taught_by(&self, teacher: &Address) -> Result<Vec<Range>, Trouble> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let reply = self.line(teacher).ask(&command, false).await?;
        let ranges = ranges(reply, teacher)
            .ok_or_else(|| Trouble::unavailable(format!("{teacher}: the answer is none to CLUSTER SLOTS")))?;
        if ranges.is_empty() {
            return Err(Trouble::unavailable(format!("{teacher} knows of no slots")));
        }
        Ok(ranges)
    }

    fn line(&self, address: &Address) -> Arc<Line> {
        let mut known = self.known();
        if let Some(line) = known.lines.get(address) {
            return Arc::clone(line);
        }
        let line = Arc::new(Line::new(End::Fixed(Arc::clone(&self.dialer), address.clone())));
        known.lines.insert(address.clone(), Arc::clone(&line));
        line
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn home(&self, slot: u16) -> Option<&Address> {
        let learned = || {
            let range = self
                .ranges
                .iter()
                .find(|range| (range.first..=range.last).contains(&slot));
            range.map(|range| &range.master)
        };
        self.moved.get(&slot).or_else(learned)
    }
}

/// Keys that agree in what stands in their first braces are kept together.
fn slot_of(key: &[u8]) -> u16 {
    let tag = || {
        let from = key.iter().position(|byte| *byte == b'{')? + 1;
        let rest = key.get(from..)?;
        let length = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..length).filter(|tag| !tag.is_empty())
    };
    State::<XMODEM>::calculate(tag().unwrap_or(key)) % SLOTS
}

/// What `CLUSTER SLOTS` answers: first and last slot, the master, its replicas. A server without an address is the one that was
/// asked.
fn ranges(reply: Reply, asked: &Address) -> Option<Vec<Range>> {
    let Reply::Array(entries) = reply else {
        return None;
    };
    entries.into_iter().map(|entry| range(entry, asked)).collect()
}

fn range(entry: Reply, asked: &Address) -> Option<Range> {
    let Reply::Array(parts) = entry else {
        return None;
    };
    let number = |part: &Reply| match part {
        Reply::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    let [first, last, Reply::Array(master), ..] = parts.as_slice() else {
        return None;
    };
    let host = match master.first()? {
        Reply::BulkString(host) if !host.is_empty() => String::from_utf8(host.clone()).ok()?,
        Reply::BulkString(_) | Reply::Nil => asked.host.clone(),
        _ => return None,
    };
    Some(Range {
        first: number(first)?,
        last: number(last)?,
        master: Address {
            host,
            port: number(master.get(1)?)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::{Address, ranges, slot_of};

    #[test]
    fn keys_have_the_slots_that_redis_gives_them() {
        for (key, slot) in [
            ("123456789", 12739),
            ("foo", 12182),
            ("{user1000}.following", 3443),
            ("user1000", 3443),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
            ("", 0),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn a_map_of_slots_is_read_and_nothing_else() {
        let asked = Address {
            host: "10.0.0.9".to_owned(),
            port: 1,
        };
        let read = |text: &str| ranges(parse_redis_value(text.as_bytes()).unwrap(), &asked);
        let found = read(
            "*2\r\n*3\r\n:0\r\n:5460\r\n*2\r\n$9\r\n127.0.0.1\r\n:7000\r\n*4\r\n:5461\r\n:16383\r\n*2\r\n$0\r\n\r\n:7001\r\n*2\r\n$1\r\nx\r\n:7\r\n",
        )
        .unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|range| (range.first, range.last, range.master.to_string()))
            .collect();
        assert_eq!(
            shown,
            [
                (0, 5460, "127.0.0.1:7000".to_owned()),
                (5461, 16383, "10.0.0.9:7001".to_owned())
            ]
        );
        for text in [
            "+OK\r\n",
            "*1\r\n:1\r\n",
            "*1\r\n*1\r\n:1\r\n",
            "*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\na\r\n:1\r\n",
        ] {
            assert!(read(text).is_none(), "{text:?}");
        }
    }
}
