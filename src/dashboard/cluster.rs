//! The cluster: what it can lose, its nodes, and which of them reaches which backend.

use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::failure::Failure;
use super::form::Given;
use super::format;
use super::matrix;
use super::page::{Page, Place};
use super::said::Said;
use super::site::Site;
use super::ui::{Button, Faults, Field, Tile, Tone, banner, hidden, link, node_name, password, pill, tiles};
use super::visit::Visit;
use crate::admin::{NodeList, NodeStatus, Role, Standing};

/// A node that is so many entries behind deserves a word.
const FAR_BEHIND: u64 = 250;

/// A clock that differs so much from this node's deserves a word.
const WRONG_CLOCK: Duration = Duration::from_secs(1);

/// `GET /cluster`.
pub(super) async fn page(visit: Visit) -> Response {
    let site = visit.site();
    let list = site.admin().list_nodes();
    let obstacle = visit.obstacle(Role::Admin);
    let body = html! {
        (summary(&visit.standing, &list))
        section.stack { h2 { "Nodes" } (nodes(&list)) }
        (actions(&list, obstacle.as_deref()))
        section.stack { h2 { "Backends by node" } (matrix::drawn(site)) }
        p.small.muted {
            "For monitoring: " a href="/healthz" { "/healthz" } " · " a href="/readyz" { "/readyz" } " · " a href="/metrics" { "/metrics" }
        }
    };
    let lead = html! { "Cluster " code { (list.cluster_id) } };
    visit.page(Page::new(Place::Cluster, "Cluster", body).lead(lead).live("cluster"))
}

/// What of the page changes while it is open.
pub(super) fn fragments(site: &Site) -> Vec<Markup> {
    let list = site.admin().list_nodes();
    vec![
        summary(&site.admin().standing(), &list),
        nodes(&list),
        matrix::drawn(site),
    ]
}

fn summary(standing: &Standing, list: &NodeList) -> Markup {
    let (heard, voters) = (standing.heard, standing.voters);
    let writes = if !standing.has_quorum() {
        "no quorum: nothing can be changed"
    } else if standing.leader == 0 {
        "electing a leader"
    } else {
        "changes are accepted"
    };
    let quorum = Tile::new("Quorum", format!("{heard} of {voters}"), writes).tone(if standing.has_quorum() {
        Tone::Ok
    } else {
        Tone::Down
    });
    let can_lose = match standing.can_lose() {
        1 => "1 node".to_owned(),
        many => format!("{many} nodes"),
    };
    let lose = Tile::new("Can lose", can_lose, "before changes stop").tone(if standing.can_lose() == 0 {
        Tone::Warn
    } else {
        Tone::Ok
    });
    let leader = match list.leader {
        0 => Tile::new("Leader", "none", "").tone(Tone::Warn),
        id => Tile::new("Leader", node_name(id), term_of(list)),
    };
    let staleness = standing.staleness.map_or_else(|| "unknown".to_owned(), format::took);
    let stale = Tile::new(
        "Staleness here",
        staleness,
        format!("what {} knows is no older", node_name(standing.node)),
    );
    tiles("summary", &[quorum, lose, leader, stale])
}

fn term_of(list: &NodeList) -> String {
    let leader = list.nodes.iter().find(|node| node.id == list.leader);
    let report = leader.and_then(|node| node.report.as_ref());
    report.map_or_else(String::new, |report| format!("term {}", format::count(report.term)))
}

fn nodes(list: &NodeList) -> Markup {
    html! {
        div.card.flush id="nodes" {
            div.scroll tabindex="0" role="region" aria-label="Nodes" {
                table.data {
                    thead {
                        tr {
                            @for name in ["Node", "Role", "Health"] { th scope="col" { (name) } }
                            @for name in ["Applied", "Behind", "Users", "Disk", "Free", "Clock", "Up", "Heard"] { th.num scope="col" { (name) } }
                            th scope="col" { "Version" }
                        }
                    }
                    tbody { @for node in &list.nodes { (node_row(node, list)) } }
                }
            }
        }
    }
}

fn node_row(node: &NodeStatus, list: &NodeList) -> Markup {
    let dash = || html! { "–" };
    let report = node.report.as_ref();
    let behind = report.map(|report| list.leader_log_index.saturating_sub(report.applied_index));
    html! {
        tr {
            th scope="row" { (node_name(node.id)) div.small.muted { (node.member.api_address) } }
            td { (role(node, list.leader)) }
            td { (health(node, behind)) }
            td.num { @match report { Some(report) => { (format::count(report.applied_index)) } None => { (dash()) } } }
            td.num { @match behind { Some(behind) => { (format::count(behind)) } None => { (dash()) } } }
            td.num { @match report { Some(report) => { (format::count(report.users)) } None => { (dash()) } } }
            td.num { @match report { Some(report) => { (format::bytes(report.disk_bytes)) } None => { (dash()) } } }
            td.num { @match report.and_then(|report| report.disk_free_bytes) { Some(free) => { (format::bytes(free)) } None => { (dash()) } } }
            td.num { @match node.clock_offset_ms { Some(offset) => { (clock(Duration::from_millis(offset.unsigned_abs()))) } None => { (dash()) } } }
            td.num { @match report { Some(report) => { (format::span(Duration::from_millis(report.uptime_ms))) } None => { (dash()) } } }
            td.num { @match node.age { Some(age) => { (format::span(age)) " ago" } None => { (dash()) } } }
            td { @match report { Some(report) => { (report.version) } None => { (dash()) } } }
        }
    }
}

/// A clock that is off makes tokens expire at the wrong time.
fn clock(offset: Duration) -> Markup {
    if offset >= WRONG_CLOCK {
        return pill(Tone::Warn, &format!("{} off", format::took(offset)));
    }
    html! { "right" }
}

fn role(node: &NodeStatus, leader: u64) -> &'static str {
    match (node.id == leader, node.voter) {
        (true, _) => "leader",
        (false, true) => "follower",
        (false, false) => "learner",
    }
}

fn health(node: &NodeStatus, behind: Option<u64>) -> Markup {
    if !node.answered {
        return html! { (pill(Tone::Down, "No answer")) div.small.muted { (node.error) } };
    }
    let is_ready = node.report.as_ref().is_some_and(|report| report.ready);
    match behind {
        _ if !is_ready => pill(Tone::Warn, "Starting"),
        Some(behind) if behind > FAR_BEHIND => pill(Tone::Warn, "Behind"),
        _ => pill(Tone::Ok, "Healthy"),
    }
}

/// What an admin can do with each node, and what the cluster can lose afterwards.
fn actions(list: &NodeList, obstacle: Option<&str>) -> Markup {
    let is_alone = list.nodes.len() < 2;
    let alone = obstacle.or(is_alone.then_some("There is no other node."));
    html! {
        section.card.stack {
            h2 { "Change the cluster" }
            div.actions {
                @for node in &list.nodes {
                    @if node.id == list.leader {
                        form method="post" action="/cluster/transfer" {
                            (Button::new(&format!("Hand over leadership of {}", node_name(node.id))).unless(alone).draw())
                        }
                    }
                    @if !node.voter {
                        form method="post" action="/cluster/promote" {
                            (hidden("id", &node.id.to_string()))
                            (Button::new(&format!("Let {} vote", node_name(node.id))).unless(obstacle).draw())
                        }
                    }
                    @if obstacle.is_none() && !is_alone {
                        (link(&format!("/cluster/nodes/{}/remove", node.id), &format!("Remove {}…", node_name(node.id))))
                    }
                }
                form method="post" action="/cluster/snapshot" { (Button::new("Take a snapshot here").unless(obstacle).draw()) }
            }
            p.small.muted { "A new node is added from the command line: " code { "portcullis cluster add" } "." }
        }
    }
}

/// `POST /cluster/transfer`.
pub(super) async fn transfer(visit: Visit) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let leader = visit.site().admin().transfer_leadership(0).await?;
    Ok(Said::new(format!("{} leads now.", node_name(leader))).then("/cluster"))
}

/// `POST /cluster/promote`.
pub(super) async fn promote(visit: Visit, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let id = given.number("id").unwrap_or(0);
    visit.site().admin().promote_node(id).await?;
    Ok(Said::new(format!("{} votes now.", node_name(id))).then("/cluster"))
}

/// `POST /cluster/snapshot`.
pub(super) async fn snapshot(visit: Visit) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let (index, size) = visit.site().admin().take_snapshot().await?;
    let said = format!(
        "A snapshot is taken at {}, {}.",
        format::count(index),
        format::bytes(size)
    );
    Ok(Said::new(said).then("/cluster"))
}

/// `GET /cluster/nodes/{id}/remove`.
pub(super) async fn ask_to_remove(visit: Visit, Path(id): Path<u64>) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    visit.site().admin().node_status(id)?;
    Ok(remove_page(&visit, id, &Faults::default()))
}

fn remove_page(visit: &Visit, id: u64, faults: &Faults) -> Response {
    let list = visit.site().admin().list_nodes();
    let left = list.nodes.iter().filter(|node| node.voter && node.id != id).count();
    let can_lose = left.saturating_sub(left / 2 + 1);
    let obstacle = visit.obstacle(Role::Admin);
    let confirmed = visit.site().admin().is_confirmed(&visit.cookie);
    let body = html! {
        (faults.summary())
        (banner(Tone::Down, &html! {
            strong { (node_name(id)) " goes for good. " }
            "Its number is never accepted again. Afterwards " (format::counted(left as u64, "node")) " vote, and the cluster can lose "
            (can_lose) "."
        }, None))
        form.form method="post" action={ "/cluster/nodes/" (id) "/remove" } {
            @if !confirmed {
                (password(Field::new("password", "Your password").required().known_as("current-password").faults(faults)))
            }
            div.foot { (Button::danger("Remove").unless(obstacle.as_deref()).draw()) (link("/cluster", "Keep it")) }
        }
    };
    let title = format!("Remove {}?", node_name(id));
    let page = Page::new(Place::Cluster, &title, body).under(&[("/cluster", "Cluster")]);
    visit.page(page.refused(!faults.is_empty()))
}

/// `POST /cluster/nodes/{id}/remove`.
pub(super) async fn remove(visit: Visit, Path(id): Path<u64>, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    if let Err(why) = visit.confirm(given.text("password")).await {
        let page = remove_page(&visit, id, &Faults::one("password", why));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    visit.site().admin().remove_node(&visit.intent(), id).await?;
    Ok(Said::new(format!("{} is removed.", node_name(id))).then("/cluster"))
}
