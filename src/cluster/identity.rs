//! Who may call this node: the check at the door of every inbound call, and the alarm when someone is turned away for good.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::errors::Refused;
use super::handle::Inner;
use crate::auth::Instant;
use crate::wire::pb::peer::Caller;

/// An alarm is raised at most this often.
const QUIET: Duration = Duration::from_secs(30);
/// An alarm that has not come again since is over.
const OVER: Duration = Duration::from_secs(60);

/// What a caller must know: who this node is, in which of its lives, and of which cluster.
#[derive(Clone, Copy, Debug)]
struct Door<'a> {
    cluster_id: &'a str,
    node_id: u64,
    incarnation: u64,
}

/// What this node knows of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acquaintance {
    /// Removed for good.
    Retired,
    /// A member, in that life.
    Member { incarnation: u64 },
    /// Not a member as far as this node knows.
    Unknown,
}

/// Whether a node that is no member as far as this one knows may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strangers {
    /// Consensus and snapshots: a leader whose own entry has not come through yet must be heard.
    Welcome,
    /// Everything else.
    Refused,
}

impl Inner {
    /// Turns away foreign, wiped and removed nodes, and calls that are meant for another node or another life of this one.
    pub(super) fn check_caller(&self, caller: Option<&Caller>, strangers: Strangers) -> Result<(), Refused> {
        let checked = self.check(caller, strangers);
        if let Err(why) = &checked {
            self.alarm
                .raise(self.parts.clock.instant(), &format!("turned a call away: {why}"));
        }
        checked.map_err(Refused::Identity)
    }

    fn check(&self, caller: Option<&Caller>, strangers: Strangers) -> Result<(), String> {
        let caller = caller.ok_or("the call does not say who makes it")?;
        admit(self.door(), caller)?;
        greet(caller, self.acquaintance(caller.from_id), strangers)
    }

    /// Whether a call that gives this node an identity means this node, in this life.
    pub(super) fn check_meant(&self, id: u64, incarnation: u64) -> Result<(), Refused> {
        meant(self.door(), id, incarnation).map_err(Refused::Identity)
    }

    fn door(&self) -> Door<'_> {
        Door {
            cluster_id: self.cluster_id.get().map_or("", String::as_str),
            node_id: self.node_id,
            incarnation: self.incarnation,
        }
    }

    fn acquaintance(&self, id: u64) -> Acquaintance {
        if self.parts.store.is_retired(id) {
            return Acquaintance::Retired;
        }
        match self.parts.raft.status().membership.members.get(&id) {
            Some(member) => Acquaintance::Member {
                incarnation: member.incarnation,
            },
            None => Acquaintance::Unknown,
        }
    }
}

/// Is this the node that the caller means?
fn admit(door: Door<'_>, caller: &Caller) -> Result<(), String> {
    let Door {
        cluster_id,
        node_id,
        incarnation,
    } = door;
    if caller.to_id != 0 && caller.to_id != node_id {
        return Err(format!(
            "node {} was called, but node {node_id} lives at this address",
            caller.to_id
        ));
    }
    // The life comes before the cluster: a wiped node belongs to no cluster either, and this says why.
    if caller.to_incarnation != 0 && caller.to_incarnation != incarnation {
        return Err(wiped(node_id));
    }
    if cluster_id.is_empty() {
        return Err(format!("node {node_id} belongs to no cluster yet"));
    }
    if caller.cluster_id.is_empty() {
        return Err(format!(
            "the caller, node {}, belongs to no cluster yet",
            caller.from_id
        ));
    }
    if caller.cluster_id != cluster_id {
        return Err(format!(
            "the caller, node {}, belongs to another cluster",
            caller.from_id
        ));
    }
    Ok(())
}

/// Is this the node and the life that was called? 0: the caller does not know.
fn meant(door: Door<'_>, id: u64, incarnation: u64) -> Result<(), String> {
    if id != 0 && id != door.node_id {
        return Err(format!(
            "node {id} was called, but node {} lives at this address",
            door.node_id
        ));
    }
    if incarnation != 0 && incarnation != door.incarnation {
        return Err(wiped(door.node_id));
    }
    Ok(())
}

/// Is the caller one of us?
fn greet(caller: &Caller, known: Acquaintance, strangers: Strangers) -> Result<(), String> {
    let id = caller.from_id;
    match known {
        Acquaintance::Retired => Err(format!("node {id} was removed; its id is never accepted again")),
        Acquaintance::Member { incarnation } if incarnation != caller.from_incarnation => Err(wiped(id)),
        Acquaintance::Unknown if strangers == Strangers::Refused => Err(format!("node {id} is not a member")),
        Acquaintance::Member { .. } | Acquaintance::Unknown => Ok(()),
    }
}

fn wiped(id: u64) -> String {
    format!("node {id} was wiped and came back under its old id; remove it and add it under a new one")
}

/// Says once in a while what only a person can put right.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    last: Mutex<Option<(Instant, String)>>,
}

impl Alarm {
    /// Logs an error, unless one was logged just before.
    pub(super) fn raise(&self, now: Instant, why: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|(at, _)| now.since(*at) < QUIET) {
            return;
        }
        tracing::error!("{why}");
        *last = Some((now, why.to_owned()));
    }

    /// The given reason, with the alarm that stands beside it.
    pub(super) fn explain(&self, now: Instant, reason: &str) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some((at, why)) if now.since(*at) < OVER => format!("{reason} ({why})"),
            _ => reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Acquaintance, Alarm, Caller, Door, Strangers, admit, greet};
    use crate::auth::{Clock as _, TestClock};

    fn caller() -> Caller {
        Caller {
            cluster_id: "ours".into(),
            from_id: 2,
            from_incarnation: 20,
            to_id: 1,
            to_incarnation: 10,
        }
    }

    #[test]
    fn only_a_caller_of_this_cluster_who_means_this_life_of_this_node_is_admitted() {
        let ours = Door {
            cluster_id: "ours",
            node_id: 1,
            incarnation: 10,
        };
        let nobody = Door { cluster_id: "", ..ours };
        let table = [
            (ours, caller(), None),
            (
                ours,
                Caller {
                    to_id: 0,
                    to_incarnation: 0,
                    ..caller()
                },
                None,
            ),
            (ours, Caller { to_id: 3, ..caller() }, Some("node 3 was called")),
            (
                ours,
                Caller {
                    to_incarnation: 11,
                    ..caller()
                },
                Some("node 1 was wiped"),
            ),
            (
                nobody,
                Caller {
                    to_incarnation: 11,
                    ..caller()
                },
                Some("node 1 was wiped"),
            ),
            (nobody, caller(), Some("no cluster yet")),
            (
                nobody,
                Caller {
                    cluster_id: String::new(),
                    ..caller()
                },
                Some("no cluster yet"),
            ),
            (
                ours,
                Caller {
                    cluster_id: String::new(),
                    ..caller()
                },
                Some("no cluster yet"),
            ),
            (
                ours,
                Caller {
                    cluster_id: "theirs".into(),
                    ..caller()
                },
                Some("another cluster"),
            ),
        ];
        for (door, caller, refusal) in table {
            compare(&admit(door, &caller), refusal, &format!("{door:?} {caller:?}"));
        }
    }

    #[test]
    fn removed_wiped_and_unknown_callers_are_told_so() {
        let member = |incarnation| Acquaintance::Member { incarnation };
        let table = [
            (member(20), Strangers::Refused, None),
            (
                member(21),
                Strangers::Welcome,
                Some("node 2 was wiped and came back under its old id"),
            ),
            (Acquaintance::Retired, Strangers::Welcome, Some("node 2 was removed")),
            (Acquaintance::Unknown, Strangers::Welcome, None),
            (
                Acquaintance::Unknown,
                Strangers::Refused,
                Some("node 2 is not a member"),
            ),
        ];
        for (known, strangers, refusal) in table {
            compare(
                &greet(&caller(), known, strangers),
                refusal,
                &format!("{known:?} {strangers:?}"),
            );
        }
    }

    fn compare(result: &Result<(), String>, refusal: Option<&str>, case: &str) {
        match (result, refusal) {
            (Ok(()), None) => {}
            (Err(why), Some(part)) if why.contains(part) => {}
            _ => panic!("{case}: {result:?}"),
        }
    }

    #[test]
    fn an_alarm_is_told_as_the_reason_of_not_being_ready() {
        let (alarm, clock) = (Alarm::default(), TestClock::at(1));
        assert_eq!(alarm.explain(clock.instant(), "not ready"), "not ready");
        alarm.raise(clock.instant(), "removed");
        assert_eq!(alarm.explain(clock.instant(), "not ready"), "not ready (removed)");
        clock.advance(Duration::from_secs(61));
        assert_eq!(alarm.explain(clock.instant(), "not ready"), "not ready");
    }
}
