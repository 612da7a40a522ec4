//! Each node by itself: whether it serves, how far it is behind, its clock, its disk, and its port for monitoring.

use std::time::Duration;

use super::checkup::{Checkup, State};
use crate::cli::nodes::role;
use crate::cli::output::{bytes, span};
use crate::wire::pb::v1::{ClusterSettings, ListNodesResponse, Node};

/// Entries that a node may be behind without a reason to worry.
const LAG: u64 = 1000;
/// So old may its knowledge be without one.
const STALENESS: Duration = Duration::from_secs(5);
/// Clocks that differ by more are worth a word. Figures take some time to come, which is in the difference.
const CLOCK_WARNS: Duration = Duration::from_secs(2);
/// By more than this, exchanges that begin on one node cannot end on another.
const CLOCK_FAILS: Duration = Duration::from_secs(5);
/// With less on the disk there may be no room for the next snapshot.
const DISK_WARNS: u64 = 1 << 30;
/// With less than this there is none for the journal before long.
const DISK_FAILS: u64 = 128 << 20;

/// Looks at each. Without the cluster's settings it is not known how old knowledge may be.
pub(super) fn examine(found: &ListNodesResponse, settings: Option<&ClusterSettings>, checkup: &mut Checkup) {
    let most_stale = settings.and_then(|settings| Duration::try_from(settings.max_staleness?).ok());
    for node in &found.nodes {
        let about = &format!("node {}", node.id);
        serves(node, about, checkup);
        if node.answered {
            knows(node, about, most_stale, checkup);
            clock(node, about, checkup);
            disk(node, about, checkup);
            monitoring(node, about, checkup);
        }
    }
}

fn serves(node: &Node, about: &str, checkup: &mut Checkup) {
    if !node.answered {
        let advice = format!(
            "see whether it runs, and whether the others reach its peer port, {}",
            node.peer_address
        );
        checkup.fail("node", about, format!("is silent: {}", node.error), advice);
    } else if node.ready {
        let found = format!("ready, {}, up for {}", role(node), span(node.uptime.as_ref()));
        checkup.ok("node", about, found);
    } else {
        let advice = "it may be catching up; if it stays so, its log and its `/readyz` say why";
        checkup.fail("node", about, "is not ready: it answers no login", advice);
    }
}

fn knows(node: &Node, about: &str, most_stale: Option<Duration>, checkup: &mut Checkup) {
    let staleness = node.staleness.and_then(|age| Duration::try_from(age).ok());
    let told = match staleness {
        Some(_) => format!("what it knows is at most {} old", span(node.staleness.as_ref())),
        None => "it has never proven how old what it knows is".to_owned(),
    };
    let found = format!("{} entries behind, {told}", node.lag);
    let (state, advice) = match (staleness, most_stale) {
        (Some(age), Some(most)) if age >= most => (
            State::Fail,
            "it answers no more logins: see whether it reaches the leader's peer port",
        ),
        (None, _) => (State::Warn, "see whether it reaches the leader's peer port"),
        (Some(age), _) if age > STALENESS => (State::Warn, "see whether it reaches the leader's peer port"),
        (Some(_), _) if node.lag > LAG => (
            State::Warn,
            "it may be catching up; if it stays so, see its disk and processor",
        ),
        (Some(_), _) => (State::Ok, ""),
    };
    checkup.add(state, "lag", about, found, advice);
}

fn clock(node: &Node, about: &str, checkup: &mut Checkup) {
    let Some(offset) = &node.clock_offset else {
        checkup.ok("clock", about, "not told");
        return;
    };
    let millis = offset.seconds.saturating_mul(1000) + i64::from(offset.nanos / 1_000_000);
    let away = Duration::from_millis(millis.unsigned_abs());
    let found = match millis {
        0 => "as that of the asked node".to_owned(),
        1.. => format!("{away:?} ahead of the asked node's, when its figures came"),
        _ => format!("{away:?} behind the asked node's, when its figures came"),
    };
    let state = if away > CLOCK_FAILS {
        State::Fail
    } else if away > CLOCK_WARNS {
        State::Warn
    } else {
        State::Ok
    };
    let advice = if state == State::Ok {
        ""
    } else {
        "have both clocks kept by NTP"
    };
    checkup.add(state, "clock", about, found, advice);
}

fn disk(node: &Node, about: &str, checkup: &mut Checkup) {
    let used = node.disk_bytes;
    let Some(free) = node.disk_free_bytes else {
        let found = format!("{} used; it does not tell how much is left", bytes(used));
        checkup.warn("disk", about, found, "look at the disk of its `node.data_dir`");
        return;
    };
    let found = format!("{} used, {} left", bytes(used), bytes(free));
    // A snapshot is written beside the state that it repeats.
    let state = if free < DISK_FAILS.max(used) {
        State::Fail
    } else if free < DISK_WARNS.max(used.saturating_mul(2)) {
        State::Warn
    } else {
        State::Ok
    };
    let advice = if state == State::Ok {
        ""
    } else {
        "make room: a node stops when its journal cannot be written"
    };
    checkup.add(state, "disk", about, found, advice);
}

fn monitoring(node: &Node, about: &str, checkup: &mut Checkup) {
    if node.http_address.is_empty() {
        let found = "no port: nobody can ask for /metrics, /healthz and /readyz";
        checkup.warn("http", about, found, "set its `http.listen`");
        return;
    }
    let readiness = if node.ready { "200" } else { "503" };
    let found = format!("/metrics, /healthz and /readyz ({readiness}) at {}", node.http_address);
    checkup.ok("http", about, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Node {
        Node {
            id: 1,
            answered: true,
            ready: true,
            staleness: Some(Duration::from_millis(300).into()),
            clock_offset: Some(pbjson_types::Duration::default()),
            disk_bytes: 1 << 20,
            disk_free_bytes: Some(10 << 30),
            http_address: "127.0.0.1:7602".into(),
            ..Node::default()
        }
    }

    /// What is not as it should be.
    fn troubles(node: Node) -> Vec<(&'static str, State)> {
        let settings = ClusterSettings {
            max_staleness: Some(Duration::from_secs(60).into()),
            ..ClusterSettings::default()
        };
        let found = ListNodesResponse {
            nodes: vec![node],
            ..ListNodesResponse::default()
        };
        let mut checkup = Checkup::default();
        examine(&found, Some(&settings), &mut checkup);
        let findings = checkup
            .findings
            .into_iter()
            .filter(|finding| finding.state != State::Ok);
        findings
            .map(|finding| {
                assert!(!finding.advice.is_empty(), "no advice: {finding:?}");
                (finding.check, finding.state)
            })
            .collect()
    }

    #[test]
    fn a_node_that_is_as_it_should_be_has_no_troubles() {
        assert_eq!(troubles(well()), []);
    }

    #[test]
    fn each_trouble_of_a_node_is_told() {
        let seconds = |seconds| Some(pbjson_types::Duration { seconds, nanos: 0 });
        let (warn, fail) = (State::Warn, State::Fail);
        type Change = Box<dyn FnOnce(&mut Node)>;
        let rows: Vec<(Change, &str, State)> = vec![
            (Box::new(|node| node.answered = false), "node", fail),
            (Box::new(|node| node.ready = false), "node", fail),
            (Box::new(|node| node.lag = LAG + 1), "lag", warn),
            (Box::new(move |node| node.staleness = seconds(6)), "lag", warn),
            (Box::new(move |node| node.staleness = seconds(60)), "lag", fail),
            (Box::new(|node| node.staleness = None), "lag", warn),
            (Box::new(move |node| node.clock_offset = seconds(-3)), "clock", warn),
            (Box::new(move |node| node.clock_offset = seconds(6)), "clock", fail),
            (
                Box::new(|node| node.disk_free_bytes = Some(DISK_WARNS - 1)),
                "disk",
                warn,
            ),
            (
                Box::new(|node| node.disk_free_bytes = Some(DISK_FAILS - 1)),
                "disk",
                fail,
            ),
            (Box::new(|node| node.disk_bytes = 11 << 30), "disk", fail),
            (Box::new(|node| node.disk_free_bytes = None), "disk", warn),
            (Box::new(|node| node.http_address.clear()), "http", warn),
        ];
        for (number, (change, check, state)) in rows.into_iter().enumerate() {
            let mut node = well();
            change(&mut node);
            assert_eq!(troubles(node), [(check, state)], "row {number}");
        }
    }
}
