//! Values that can never work, all at once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::keys::Problem;
use super::settings::Settings;
use crate::net::TlsSettings;

/// A proposal and its envelope must fit into one message between nodes, which is 8 MiB.
const LARGEST_PROPOSAL: usize = 7 << 20;
/// Below this, not even a login with a certificate would fit.
const SMALLEST_MESSAGE: usize = 160 << 10;

/// Everything that is wrong with these settings.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let mut found = Found::default();
    node(settings, &mut found);
    listeners(settings, &mut found);
    cluster(settings, &mut found);
    raft(settings, &mut found);
    limits(settings, &mut found);
    let of_telemetry = settings.telemetry.problems().into_iter();
    found
        .0
        .extend(of_telemetry.map(|problem| Problem::new(format!("telemetry.{}", problem.key), problem.why)));
    found.0
}

#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn unless(&mut self, holds: bool, key: &str, why: impl Into<String>) {
        if !holds {
            self.0.push(Problem::new(key, why));
        }
    }
}

fn node(settings: &Settings, found: &mut Found) {
    found.unless(settings.node.id >= 1, "node.id", "must be given, and at least 1");
    let given = !settings.node.data_dir.as_os_str().is_empty();
    found.unless(given, "node.data_dir", "must name a folder");
}

fn listeners(settings: &Settings, found: &mut Found) {
    listener("api", &settings.api.listen, &settings.api.advertise, found);
    listener("peer", &settings.peer.listen, &settings.peer.advertise, found);
    let same = settings.api.listen == settings.peer.listen && !settings.peer.listen.ends_with(":0");
    found.unless(!same, "peer.listen", "must differ from `api.listen`");
    for (id, address) in &settings.peer.routes {
        node_address(&format!("peer.routes.{id}"), id, address, found);
    }
    let http = &settings.http.listen;
    found.unless(
        http.is_empty() || host_and_port(http).is_some(),
        "http.listen",
        format!("`{http}` is not host:port, as in 127.0.0.1:7602 or [::]:7602, and not empty"),
    );
    tls("http", &settings.http.tls, found);
    tls("api", &settings.api.tls, found);
    tls("peer", &settings.peer.tls, found);
    let mutual = settings.peer.tls.cert.as_os_str().is_empty() || !settings.peer.tls.ca.as_os_str().is_empty();
    found.unless(
        mutual,
        "peer.tls.ca",
        "must be given with a certificate: the nodes check each other",
    );
}

fn listener(room: &str, listen: &str, advertise: &str, found: &mut Found) {
    let Some((host, _)) = host_and_port(listen) else {
        let why = format!("`{listen}` is not host:port, as in 0.0.0.0:7600 or [::]:7600");
        return found.0.push(Problem::new(format!("{room}.listen"), why));
    };
    let key = format!("{room}.advertise");
    if advertise.is_empty() {
        let everywhere = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
        found.unless(
            !everywhere,
            &key,
            format!("must be given, because nobody can call `{listen}`"),
        );
    } else {
        let reachable = host_and_port(advertise).is_some_and(|(_, port)| port != 0);
        found.unless(
            reachable,
            &key,
            format!("`{advertise}` is not host:port, as in node1.example:7600"),
        );
    }
}

/// The host without the brackets of IPv6.
fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    if bare.is_empty() || bare.contains(char::is_whitespace) || bare.contains('/') {
        return None;
    }
    Some((bare, port.parse().ok()?))
}

fn tls(room: &str, tls: &TlsSettings, found: &mut Found) {
    let (cert, key) = (!tls.cert.as_os_str().is_empty(), !tls.key.as_os_str().is_empty());
    found.unless(!cert || key, &format!("{room}.tls.key"), "must be given with `cert`");
    found.unless(cert || !key, &format!("{room}.tls.cert"), "must be given with `key`");
    let ca = !tls.ca.as_os_str().is_empty();
    found.unless(
        cert || !ca,
        &format!("{room}.tls.cert"),
        "must be given with `ca`: without it there is no TLS",
    );
}

/// One entry of a map from node ids to addresses.
fn node_address(key: &str, id: &str, address: &str, found: &mut Found) {
    // `01` and `1` would be the same node.
    let number = id.parse::<u64>().is_ok_and(|n| n >= 1 && n.to_string() == id);
    found.unless(number, key, "the key must be a node id: a number from 1");
    let reachable = host_and_port(address).is_some_and(|(_, port)| port != 0);
    found.unless(
        reachable,
        key,
        format!("`{address}` is not host:port, as in node1:7601"),
    );
}

fn cluster(settings: &Settings, found: &mut Found) {
    let cluster = &settings.cluster;
    found.unless(
        cluster.write_timeout_ms >= 1,
        "cluster.write_timeout_ms",
        "must be at least 1",
    );
    found.unless(
        cluster.freshness_probe_ms >= 10,
        "cluster.freshness_probe_ms",
        "must be at least 10",
    );
    let mut seen = BTreeMap::new();
    for (id, address) in &cluster.initial_nodes {
        let key = format!("cluster.initial_nodes.{id}");
        node_address(&key, id, address, found);
        if let Some(other) = seen.insert(address, id) {
            found
                .0
                .push(Problem::new(key, format!("has the same address as node {other}")));
        }
    }
    let own = settings.node.id.to_string();
    let among = cluster.initial_nodes.is_empty() || cluster.initial_nodes.contains_key(&own);
    found.unless(
        among,
        "cluster.initial_nodes",
        format!("this node ({own}) must be among them, or leave them out"),
    );
}

fn raft(settings: &Settings, found: &mut Found) {
    let raft = &settings.raft;
    found.unless(raft.heartbeat_ms >= 10, "raft.heartbeat_ms", "must be at least 10");
    let floor = raft.heartbeat_ms.saturating_mul(2);
    let why = format!("must be more than two heartbeats ({floor})");
    found.unless(raft.election_min_ms > floor, "raft.election_min_ms", why);
    let why = format!("must be more than `election_min_ms` ({})", raft.election_min_ms);
    found.unless(raft.election_max_ms > raft.election_min_ms, "raft.election_max_ms", why);
    found.unless(
        raft.snapshot_entries >= 1,
        "raft.snapshot_entries",
        "must be at least 1",
    );
    found.unless(
        raft.snapshot_bytes >= 1 << 10,
        "raft.snapshot_bytes",
        "must be at least 1024",
    );
    let fits = (4 << 10..=LARGEST_PROPOSAL).contains(&raft.max_proposal_bytes);
    found.unless(
        fits,
        "raft.max_proposal_bytes",
        format!("must be between 4096 and {LARGEST_PROPOSAL}"),
    );
}

fn limits(settings: &Settings, found: &mut Found) {
    let Settings {
        api,
        http,
        dashboard,
        store,
        journal,
        hash,
        ..
    } = settings;
    found.unless(api.max_streams >= 1, "api.max_streams", "must be at least 1");
    found.unless(api.max_pipelined >= 1, "api.max_pipelined", "must be at least 1");
    let why = format!("must be at least {SMALLEST_MESSAGE}");
    found.unless(api.max_message_bytes >= SMALLEST_MESSAGE, "api.max_message_bytes", why);
    found.unless(
        api.default_timeout_ms >= 1,
        "api.default_timeout_ms",
        "must be at least 1",
    );
    found.unless(
        http.max_connections >= 1 && http.max_connections <= 1 << 20,
        "http.max_connections",
        "must be between 1 and 1048576",
    );
    found.unless(
        (4 << 10..=1 << 20).contains(&http.max_head_bytes),
        "http.max_head_bytes",
        "must be between 4096 and 1048576",
    );
    found.unless(
        http.head_timeout_ms >= 100,
        "http.head_timeout_ms",
        "must be at least 100",
    );
    found.unless(
        dashboard.max_upload_bytes >= 1 << 10,
        "dashboard.max_upload_bytes",
        "must be at least 1024",
    );
    found.unless(
        (1..=1 << 20).contains(&dashboard.max_live_pages),
        "dashboard.max_live_pages",
        "must be between 1 and 1048576",
    );
    found.unless(
        store.cache_bytes >= 1 << 20,
        "store.cache_bytes",
        "must be at least 1048576",
    );
    found.unless(
        journal.commit_bytes >= 4 << 10,
        "journal.commit_bytes",
        "must be at least 4096",
    );
    found.unless(hash.threads <= 1024, "hash.threads", "must be at most 1024");
    let why = "must be 0 (a share of the memory there is) or between 1 and 1048576";
    found.unless(hash.memory_mib <= 1 << 20, "hash.memory_mib", why);
    let why = "must be at most 1000";
    found.unless(hash.rehash_per_second <= 1000, "hash.rehash_per_second", why);
    found.unless(hash.queue >= 1, "hash.queue", "must be at least 1");
    found.unless(
        hash.queue_timeout_ms >= 1,
        "hash.queue_timeout_ms",
        "must be at least 1",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(change: impl FnOnce(&mut Settings)) -> Vec<String> {
        let mut settings = Settings::default();
        settings.node.id = 1;
        change(&mut settings);
        problems(&settings).into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_with_an_id_are_sound() {
        assert_eq!(complaints(|_| {}), [""; 0]);
    }

    #[test]
    fn addresses_are_host_and_port() {
        for sound in ["127.0.0.1:0", "node-1.example:7600", "[::1]:7600", "localhost:1"] {
            assert!(host_and_port(sound).is_some(), "{sound}");
        }
        for broken in [
            "",
            "here",
            ":7600",
            "host:",
            "host:99999",
            "::1:7600",
            "http://host:1",
            "a b:1",
        ] {
            assert!(host_and_port(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn a_node_that_listens_everywhere_must_say_how_it_is_reached() {
        let found = complaints(|s| s.peer.listen = "0.0.0.0:7601".into());
        assert_eq!(found, ["peer.advertise"]);
        let found = complaints(|s| {
            s.peer.listen = "[::]:7601".into();
            s.peer.advertise = "node1:7601".into();
        });
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn initial_nodes_are_numbers_with_addresses_and_this_node_among_them() {
        let found = complaints(|s| {
            for (id, address) in [("0", "a:1"), ("x", "b:1"), ("2", "c"), ("3", "a:1")] {
                s.cluster.initial_nodes.insert(id.into(), address.into());
            }
        });
        let expected = ["0", "2", "3", "x"].map(|id| format!("cluster.initial_nodes.{id}"));
        assert_eq!(found[..4], expected);
        assert_eq!(found[4], "cluster.initial_nodes");
    }

    #[test]
    fn http_listens_at_an_address_within_bounds_or_not_at_all() {
        assert_eq!(complaints(|s| s.http.listen = String::new()), [""; 0]);
        let found = complaints(|s| {
            s.http.listen = "7602".into();
            s.http.max_connections = 0;
            s.http.max_head_bytes = 100;
            s.http.head_timeout_ms = 0;
        });
        let keys = ["listen", "max_connections", "max_head_bytes", "head_timeout_ms"];
        assert_eq!(found, keys.map(|key| format!("http.{key}")));
    }

    #[test]
    fn half_a_tls_identity_is_refused() {
        assert_eq!(complaints(|s| s.api.tls.cert = "c.pem".into()), ["api.tls.key"]);
        assert_eq!(complaints(|s| s.api.tls.ca = "ca.pem".into()), ["api.tls.cert"]);
        assert_eq!(complaints(|s| s.http.tls.key = "k.pem".into()), ["http.tls.cert"]);
    }
}
