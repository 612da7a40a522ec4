//! Which node reaches which backend: sentences that name the culprit, and the table they were read from.

use maud::{Markup, html};

use super::addresses;
use super::authenticators::Row;
use super::format;
use super::site::Site;
use super::ui::{Tone, banner, node_name, node_names, pill, provider_pill};
use crate::admin::{AuthenticatorView, NodeAuthenticatorStatus};
use crate::auth::ProviderStatus;

/// All authenticators of all chains.
pub(super) fn rows(site: &Site) -> Vec<Row> {
    let admin = site.admin();
    let chains = admin.chains();
    chains.iter().flat_map(|chain| admin.chain_status(chain)).collect()
}

/// All of them against all nodes.
pub(super) fn drawn(rows: &[Row]) -> Markup {
    html! {
        div.stack id="matrix" {
            (sentences(rows))
            @if !rows.is_empty() { (table(rows)) }
        }
    }
}

/// What of it changes while a page is open: mostly one row.
pub(super) fn pieces(rows: &[Row]) -> impl Iterator<Item = Markup> {
    [sentences(rows)]
        .into_iter()
        .chain(rows.iter().map(|row| of_one(row, rows)))
}

fn table(rows: &[Row]) -> Markup {
    let nodes = rows.first().map_or(&[][..], |(_, status)| &status.nodes);
    html! {
        div.card.flush {
            div.scroll tabindex="0" role="region" aria-label="Backends by node" {
                table.data.matrix {
                    thead { tr { th scope="col" { "Authenticator" } @for node in nodes { th scope="col" { (node_name(node.node)) } } } }
                    tbody { @for row in rows { (of_one(row, rows)) } }
                }
            }
        }
    }
}

fn of_one((view, status): &Row, rows: &[Row]) -> Markup {
    let key = &view.record.key;
    html! {
        tr id={ "at-" (hex::encode(&key.chain)) "-" (hex::encode(&key.id)) } {
            th scope="row" { a href=(addresses::authenticator(key, "")) { (name_of(view, rows)) } }
            @for node in &status.nodes { td { (cell(node)) } }
        }
    }
}

fn cell(node: &NodeAuthenticatorStatus) -> Markup {
    match (&node.health, node.answered) {
        (Some(health), true) => html! {
            (provider_pill(health.status))
            @if !node.figures.p50.is_zero() { " " span.small.muted { (format::took(node.figures.p50)) } }
        },
        _ => pill(Tone::Off, "No answer"),
    }
}

/// What a node has to say of an authenticator that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fares {
    Reached,
    /// Not opened yet.
    Connecting,
    Down,
    /// The node itself does not answer.
    Silent,
}

/// An authenticator that is asked, and how it fares on every node.
struct Asked {
    name: String,
    asks_elsewhere: bool,
    nodes: Vec<(u64, Fares)>,
}

impl Asked {
    fn of((view, status): &Row, name: String) -> Self {
        let nodes = status.nodes.iter();
        Self {
            name,
            asks_elsewhere: view.asks_elsewhere,
            nodes: nodes.map(|node| (node.node, fares(node))).collect(),
        }
    }

    fn nodes_that(&self, fares: Fares) -> Vec<u64> {
        let found = self.nodes.iter().filter(|(_, other)| *other == fares);
        found.map(|(node, _)| *node).collect()
    }

    fn is_down_on(&self, node: u64) -> bool {
        self.nodes.contains(&(node, Fares::Down))
    }
}

fn fares(node: &NodeAuthenticatorStatus) -> Fares {
    match node.health.as_ref().map(|health| health.status) {
        _ if !node.answered => Fares::Silent,
        Some(ProviderStatus::Connected) => Fares::Reached,
        Some(ProviderStatus::Disconnected) => Fares::Down,
        // A node that has it switched off has not heard yet that it is on.
        Some(ProviderStatus::Connecting | ProviderStatus::Disabled) | None => Fares::Connecting,
    }
}

/// Its id, and its chain where several have one of that id.
fn name_of(view: &AuthenticatorView, rows: &[Row]) -> String {
    let key = &view.record.key;
    let is_unique = rows.iter().filter(|(other, _)| other.record.key.id == key.id).count() == 1;
    if is_unique {
        key.id.clone()
    } else {
        format!("{} of chain {}", key.id, key.chain)
    }
}

fn sentences(rows: &[Row]) -> Markup {
    let asked: Vec<_> = rows
        .iter()
        .filter(|(view, _)| view.record.enabled)
        .map(|row| Asked::of(row, name_of(&row.0, rows)))
        .collect();
    html! {
        div.stack id="culprits" {
            @if rows.is_empty() { p.muted { "There is no authenticator yet." } }
            @else { @for (tone, line) in told(&asked) { (banner(tone, &html! { (line) }, None)) } }
        }
    }
}

/// What is wrong, or that nothing is.
fn told(asked: &[Asked]) -> Vec<(Tone, String)> {
    let Some(first) = asked.first() else {
        return vec![(Tone::Info, "No authenticator is asked.".to_owned())];
    };
    let warned = |line| (Tone::Warn, line);
    let mut lines: Vec<_> = out_of_reach(asked).into_iter().map(warned).collect();
    lines.extend(asked.iter().filter_map(unusable).map(warned));
    lines.extend(asked.iter().filter_map(connecting).map(warned));
    if lines.is_empty() {
        lines.push((Tone::Ok, "Every node that answers reaches every backend.".to_owned()));
    }
    let silent = first.nodes_that(Fares::Silent);
    if !silent.is_empty() {
        let line = format!(
            "{} not answer: what is reached from there, nobody knows.",
            do_or_does(&silent)
        );
        lines.push(warned(line));
    }
    lines
}

/// A row that is down everywhere is its backend's fault; a column, its node's network.
fn out_of_reach(asked: &[Asked]) -> Vec<String> {
    let external: Vec<_> = asked.iter().filter(|one| one.asks_elsewhere).collect();
    let Some(first) = external.first() else {
        return Vec::new();
    };
    let answering: Vec<u64> = first
        .nodes
        .iter()
        .filter(|(_, fares)| *fares != Fares::Silent)
        .map(|(node, _)| *node)
        .collect();
    let is_isolated = |node: &u64| external.len() > 1 && external.iter().all(|one| one.is_down_on(*node));
    let isolated: Vec<u64> = answering.iter().copied().filter(is_isolated).collect();
    let count = external.len();
    if isolated.len() == answering.len() && answering.len() > 1 {
        return vec![format!(
            "No node reaches any of the {count} external backends: look at the network."
        )];
    }
    let mut lines: Vec<_> = isolated
        .iter()
        .map(|node| {
            format!(
                "{} reaches none of {count} external backends: look at its network.",
                node_name(*node)
            )
        })
        .collect();
    lines.extend(external.iter().filter_map(|one| unreached(one, &answering, &isolated)));
    lines
}

/// What is not explained already by nodes that reach nothing.
fn unreached(one: &Asked, answering: &[u64], isolated: &[u64]) -> Option<String> {
    let name = &one.name;
    let mut down = one.nodes_that(Fares::Down);
    let is_down_everywhere = down.len() == answering.len();
    down.retain(|node| !isolated.contains(node));
    if down.is_empty() {
        return None;
    }
    if is_down_everywhere && answering.len() > 1 {
        return Some(format!("No node reaches the backend of {name}: look at the backend."));
    }
    let rest = if is_down_everywhere {
        ": look at the backend."
    } else if one.nodes_that(Fares::Reached).is_empty() {
        "."
    } else {
        "; others do."
    };
    Some(format!("{} not reach the backend of {name}{rest}", do_or_does(&down)))
}

/// What asks nobody fails for a reason of its own.
fn unusable(one: &Asked) -> Option<String> {
    let down = one.nodes_that(Fares::Down);
    let is_unusable = !one.asks_elsewhere && !down.is_empty();
    is_unusable.then(|| {
        format!(
            "{} cannot be used on {}: open it to see why.",
            one.name,
            node_names(&down)
        )
    })
}

fn connecting(one: &Asked) -> Option<String> {
    let nodes = one.nodes_that(Fares::Connecting);
    let (names, name) = (node_names(&nodes), &one.name);
    let line = match nodes.len() {
        0 => return None,
        1 => format!("{names} is still opening {name}."),
        _ => format!("{names} are still opening {name}."),
    };
    Some(line)
}

fn do_or_does(nodes: &[u64]) -> String {
    let verb = if nodes.len() == 1 { "does" } else { "do" };
    format!("{} {verb}", node_names(nodes))
}

#[cfg(test)]
mod tests {
    use super::{Asked, Fares, Tone, told};

    /// `r`eached, `c`onnecting, `d`own, `s`ilent: a letter for each node.
    fn asked(name: &str, asks_elsewhere: bool, on: &str) -> Asked {
        let fares = |letter| match letter {
            'r' => Fares::Reached,
            'c' => Fares::Connecting,
            'd' => Fares::Down,
            _ => Fares::Silent,
        };
        Asked {
            name: name.into(),
            asks_elsewhere,
            nodes: (1..).zip(on.chars().map(fares)).collect(),
        }
    }

    const ALL_WELL: &str = "Every node that answers reaches every backend.";

    #[test]
    fn the_sentences_name_the_culprit() {
        // Local authenticators first, then external ones, by how they fare on each node.
        let situations: &[(&[&str], &[&str], &[&str])] = &[
            (&[], &[], &["No authenticator is asked."]),
            (&["rrr"], &[], &[ALL_WELL]),
            (&["rrr"], &["rrr", "rrr"], &[ALL_WELL]),
            (
                &[],
                &["rrs"],
                &[
                    ALL_WELL,
                    "n3 does not answer: what is reached from there, nobody knows.",
                ],
            ),
            (
                &[],
                &["d"],
                &["n1 does not reach the backend of e1: look at the backend."],
            ),
            (
                &["r"],
                &["d", "d"],
                &["n1 reaches none of 2 external backends: look at its network."],
            ),
            (
                &[],
                &["d", "r"],
                &["n1 does not reach the backend of e1: look at the backend."],
            ),
            (
                &[],
                &["ddd", "rrr"],
                &["No node reaches the backend of e1: look at the backend."],
            ),
            (
                &[],
                &["ddd", "ddd", "rrr"],
                &[
                    "No node reaches the backend of e1: look at the backend.",
                    "No node reaches the backend of e2: look at the backend.",
                ],
            ),
            (
                &["rrr"],
                &["ddd", "ddd"],
                &["No node reaches any of the 2 external backends: look at the network."],
            ),
            // What asks nobody is never out of reach, and hides no node that reaches nothing.
            (
                &["rrr", "rrr"],
                &["rrd", "rrd"],
                &["n3 reaches none of 2 external backends: look at its network."],
            ),
            (
                &[],
                &["rrd", "ddd"],
                &[
                    "n3 reaches none of 2 external backends: look at its network.",
                    "No node reaches the backend of e2: look at the backend.",
                ],
            ),
            (&[], &["rdr"], &["n2 does not reach the backend of e1; others do."]),
            (&[], &["rdd"], &["n2, n3 do not reach the backend of e1; others do."]),
            (
                &[],
                &["dds"],
                &[
                    "No node reaches the backend of e1: look at the backend.",
                    "n3 does not answer: what is reached from there, nobody knows.",
                ],
            ),
            (
                &[],
                &["dcc"],
                &["n1 does not reach the backend of e1.", "n2, n3 are still opening e1."],
            ),
            (&[], &["ccc"], &["n1, n2, n3 are still opening e1."]),
            (&["rcr"], &[], &["n2 is still opening l1."]),
            (&["rdr"], &["rrr"], &["l1 cannot be used on n2: open it to see why."]),
        ];
        for (local, external, expected) in situations {
            let named = |letter: char, all: &[&str], elsewhere: bool| {
                let one = |(at, on): (usize, &&str)| asked(&format!("{letter}{}", at + 1), elsewhere, on);
                all.iter().enumerate().map(one).collect::<Vec<_>>()
            };
            let mut all = named('l', local, false);
            all.extend(named('e', external, true));
            let lines: Vec<_> = told(&all).into_iter().map(|(_, line)| line).collect();
            assert_eq!(lines, *expected, "{local:?} {external:?}");
        }
    }

    #[test]
    fn only_what_is_well_is_green() {
        let tones = |on| {
            let lines = told(&[asked("db", true, on)]).into_iter();
            lines.map(|(tone, _)| tone).collect::<Vec<_>>()
        };
        assert_eq!(tones("rr"), [Tone::Ok]);
        assert_eq!(tones("cc"), [Tone::Warn]);
        assert_eq!(tones("rs"), [Tone::Ok, Tone::Warn]);
    }
}
