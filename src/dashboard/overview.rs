//! One authenticator: what it decided, how fast, and how it fares on each node.

use axum::extract::{Path, Query};
use axum::response::Response;
use maud::{Markup, html};

use super::addresses::{self, ChainQuery};
use super::authenticator_tabs::{Subject, Tab};
use super::authenticators::{of_how_many, troubles};
use super::chart;
use super::failure::Failure;
use super::format;
use super::said::Said;
use super::site::Site;
use super::ui::{Button, Tile, Tone, banner, node_name, pill, prose, provider_pill, tiles};
use super::visit::Visit;
use crate::admin::{AuthenticatorStatus, NodeAuthenticatorStatus, Role};
use crate::auth::{AuthenticatorKey, Figures, Timestamp};

/// `GET /authenticators/{id}`.
pub(super) async fn page(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    let subject = Subject::of(&visit, &query.key(id))?;
    let (key, now) = (subject.key(), visit.site().clock().now());
    let obstacle = visit.obstacle(Role::Editor);
    let body = html! {
        @for warning in &subject.view.warnings { (banner(Tone::Warn, &prose(warning), None)) }
        (troubles(&[(subject.view.clone(), subject.status.clone())]))
        (figures(&subject.status))
        section.card.stack { h2 { "Decisions per second, last hour" } div id="chart" { (chart::rates(&visit.site().history().rates(key))) } }
        section.stack { h2 { "By node" } (by_node(&subject.status, now)) }
        (reasons(&subject.status.total))
        form.actions method="post" action=(addresses::authenticator(key, "/reset")) {
            (Button::new("Reset counters").unless(obstacle.as_deref()).draw())
            button formaction=(addresses::authenticator(key, "/purge")) disabled[obstacle.is_some()] title=[&obstacle] { "Forget cached answers" }
            span.small.muted { "On every node. Counters begin at zero when a node starts." }
        }
    };
    Ok(visit.page(
        subject
            .page(&visit, Tab::Overview, &key.id, &body)
            .live(super::live::key_topic(key)),
    ))
}

/// The tiles.
pub(super) fn figures(status: &AuthenticatorStatus) -> Markup {
    let total = &status.total;
    let of_some = of_how_many(status).map_or_else(String::new, |some| format!(" · {some}"));
    let share = |part: u64| {
        if total.total == 0 {
            return String::new();
        }
        format!("{} %", part * 100 / total.total)
    };
    let bad = if total.failures > 0 { Tone::Warn } else { Tone::Off };
    tiles(
        "figures",
        &[
            Tile::new("Allowed", format::count(total.success), share(total.success)),
            Tile::new("Denied", format::count(total.failed), share(total.failed)),
            Tile::new("Not found", format::count(total.nomatch), share(total.nomatch)),
            Tile::new("Errors", format::count(total.failures), share(total.failures)).tone(bad),
            Tile::new(
                "Rate",
                format::rate(total.rate),
                format!("5 min {}{of_some}", format::rate(total.rate_last5m)),
            ),
            Tile::new(
                "Latency p99",
                format::took(total.p99),
                format!("p50 {} · max {}", format::took(total.p50), format::took(total.max)),
            ),
        ],
    )
}

/// The table of nodes.
pub(super) fn by_node(status: &AuthenticatorStatus, now: Timestamp) -> Markup {
    html! {
        div.card.flush id="by-node" {
            div.scroll tabindex="0" role="region" aria-label="By node" {
                table.data {
                    thead {
                        tr {
                            th scope="col" { "Node" } th scope="col" { "Backend" }
                            @for name in ["Allowed", "Denied", "Not found", "Errors", "Rate", "p99", "Max rate", "Age"] { th.num scope="col" { (name) } }
                        }
                    }
                    tbody id="nodes" { @for node in &status.nodes { (node_row(node, now)) } }
                    tfoot { (all_nodes(status)) }
                }
            }
        }
    }
}

/// A piece of its own, as mostly one row changes and not the table.
fn node_row(node: &NodeAuthenticatorStatus, now: Timestamp) -> Markup {
    html! {
        tr id={ "on-" (node_name(node.node)) } data-in="nodes" {
            th scope="row" { (node_name(node.node)) }
            td {
                @match (&node.health, node.answered) {
                    (Some(health), true) => {
                        (provider_pill(health.status))
                        @if !health.error.is_empty() { div.small { (health.error) } }
                        @if let Some(last) = health.last_success { div.small.muted { "last answer " (format::lately(now, last)) } }
                    }
                    _ => { (pill(Tone::Off, "No answer")) div.small.muted { (node.error) } }
                }
            }
            (cells(&node.figures, node.answered))
            td.num { (format::rate(node.figures.rate_max)) }
            td.num { @match node.age { Some(age) => { (format::age(age)) } None => { "–" } } }
        }
    }
}

fn all_nodes(status: &AuthenticatorStatus) -> Markup {
    html! { tr id="on-all" { th scope="row" { "Cluster" } td {} (cells(&status.total, true)) td.num {} td.num {} } }
}

/// How fast a silent node counts now, nobody knows.
fn cells(figures: &Figures, answered: bool) -> Markup {
    html! {
        td.num { (format::count(figures.success)) }
        td.num { (format::count(figures.failed)) }
        td.num { (format::count(figures.nomatch)) }
        td.num { (format::count(figures.failures)) }
        td.num { @if answered { (format::rate(figures.rate)) } @else { "–" } }
        td.num { (format::took(figures.p99)) }
    }
}

/// Why logins were denied or could not be decided.
pub(super) fn reasons(total: &Figures) -> Markup {
    html! {
        section.stack id="reasons" hidden[total.reasons.is_empty()] {
            h2 { "Why" }
            div.card.flush {
                table.data {
                    thead { tr { th scope="col" { "Reason" } th.num scope="col" { "Logins" } } }
                    tbody { @for (reason, count) in &total.reasons { tr { td { code { (reason) } } td.num { (format::count(*count)) } } } }
                }
            }
        }
    }
}

/// What of the page changes while it is open.
pub(super) fn fragments(site: &Site, key: &AuthenticatorKey) -> Vec<Markup> {
    let admin = site.admin();
    let (Ok(status), Ok(view)) = (
        admin.authenticator_status(&key.chain, &key.id),
        admin.authenticator_here(key),
    ) else {
        return Vec::new();
    };
    let now = site.clock().now();
    let mut pieces = vec![
        troubles(&[(view, status.clone())]),
        figures(&status),
        reasons(&status.total),
        html! { div id="chart" { (chart::rates(&site.history().rates(key))) } },
    ];
    pieces.extend(status.nodes.iter().map(|node| node_row(node, now)));
    pieces.push(all_nodes(&status));
    pieces
}

/// `POST /authenticators/{id}/reset`.
pub(super) async fn reset(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let key = query.key(id);
    let done = visit.site().admin().reset_metrics(&key.chain, &key.id).await?;
    Ok(Said::new(outcome("Counters are at zero", &done)).then(&addresses::authenticator(&key, "")))
}

/// `POST /authenticators/{id}/purge`.
pub(super) async fn purge(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let key = query.key(id);
    let done = visit.site().admin().purge_cache(&key.chain, &key.id).await?;
    Ok(Said::new(outcome("Cached answers are forgotten", &done)).then(&addresses::authenticator(&key, "")))
}

fn outcome(what: &str, done: &[crate::admin::NodeOutcome]) -> String {
    let failed: Vec<_> = done
        .iter()
        .filter_map(|one| {
            one.outcome
                .as_ref()
                .err()
                .map(|why| format!("{}: {why}", node_name(one.node)))
        })
        .collect();
    if failed.is_empty() {
        format!("{what} on {}.", format::counted(done.len() as u64, "node"))
    } else {
        format!("{what}, but not on {}.", failed.join("; "))
    }
}
