//! Which node reaches which backend: a sentence that names the culprit, and the table it was read from.

use maud::{Markup, html};

use super::addresses;
use super::format;
use super::site::Site;
use super::ui::{Tone, banner, node_name, pill, provider_pill};
use crate::admin::{AuthenticatorStatus, AuthenticatorView, NodeAuthenticatorStatus};
use crate::auth::ProviderStatus;

type Row = (AuthenticatorView, AuthenticatorStatus);

/// All authenticators of all chains against all nodes.
pub(super) fn drawn(site: &Site) -> Markup {
    let admin = site.admin();
    let rows: Vec<Row> = admin
        .chains()
        .iter()
        .flat_map(|chain| admin.chain_status(chain))
        .collect();
    html! {
        div.stack id="matrix" {
            @if rows.is_empty() {
                p.muted { "There is no authenticator yet." }
            } @else {
                (sentence(&rows))
                (table(&rows))
            }
        }
    }
}

fn table(rows: &[Row]) -> Markup {
    let nodes = rows.first().map_or(&[][..], |(_, status)| &status.nodes);
    html! {
        div.card.flush {
            div.scroll tabindex="0" role="region" aria-label="Backends by node" {
                table.data.matrix {
                    thead { tr { th scope="col" { "Authenticator" } @for node in nodes { th scope="col" { (node_name(node.node)) } } } }
                    tbody {
                        @for (view, status) in rows {
                            tr {
                                th scope="row" { a href=(addresses::authenticator(&view.record.key, "")) { (view.record.key.id) } }
                                @for node in &status.nodes { td { (cell(node)) } }
                            }
                        }
                    }
                }
            }
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

fn is_down(node: &NodeAuthenticatorStatus) -> bool {
    let status = node.health.as_ref().map(|health| health.status);
    node.answered && status == Some(ProviderStatus::Disconnected)
}

/// A row that is down everywhere is its backend's fault; a column, its node's network.
fn sentence(rows: &[Row]) -> Markup {
    let asked: Vec<&Row> = rows.iter().filter(|(view, _)| view.record.enabled).collect();
    let down: Vec<(&str, u64)> = asked
        .iter()
        .flat_map(|(view, status)| {
            let nodes = status.nodes.iter().filter(|node| is_down(node));
            nodes.map(|node| (view.record.key.id.as_str(), node.node))
        })
        .collect();
    if down.is_empty() {
        return banner(
            Tone::Ok,
            &html! { "Every node that answers reaches every backend." },
            None,
        );
    }
    html! { @for line in lines(&asked, &down) { (banner(Tone::Warn, &html! { (line) }, None)) } }
}

fn lines(asked: &[&Row], down: &[(&str, u64)]) -> Vec<String> {
    let mut lines = Vec::new();
    let answering = |status: &AuthenticatorStatus| status.nodes.iter().filter(|node| node.answered).count();
    let external: Vec<&str> = asked
        .iter()
        .filter(|(view, _)| !view.keeps_users)
        .map(|(view, _)| view.record.key.id.as_str())
        .collect();
    let mut nodes: Vec<u64> = down.iter().map(|(_, node)| *node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let isolated: Vec<u64> = nodes
        .into_iter()
        .filter(|node| external.len() > 1 && external.iter().all(|id| down.contains(&(id, *node))))
        .collect();
    for (view, status) in asked {
        let id = view.record.key.id.as_str();
        let here: Vec<u64> = down
            .iter()
            .filter(|(other, _)| *other == id)
            .map(|(_, node)| *node)
            .collect();
        if here.is_empty() {
            continue;
        }
        if here.len() == answering(status) && here.len() > 1 {
            lines.push(format!("No node reaches the backend of {id}: look at the backend."));
        } else if here.iter().any(|node| !isolated.contains(node)) {
            let names: Vec<_> = here.iter().map(|node| node_name(*node)).collect();
            lines.push(format!(
                "{} does not reach the backend of {id}; others do.",
                names.join(", ")
            ));
        }
    }
    let all_down = asked
        .iter()
        .all(|(_, status)| status.nodes.iter().filter(|node| is_down(node)).count() == answering(status));
    if !all_down {
        for node in isolated {
            let count = external.len();
            lines.push(format!(
                "{} reaches none of {count} external backends: look at its network.",
                node_name(node)
            ));
        }
    }
    lines
}
