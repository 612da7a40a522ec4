//! The cluster: what it can lose, its nodes, and which of them reaches which backend.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::authenticators::Row;
use super::failure::Failure;
use super::form::Given;
use super::format;
use super::matrix;
use super::page::{Page, Place};
use super::said::Said;
use super::site::Site;
use super::ui::{Button, Faults, Tile, Tone, banner, hidden, link, link_unless, node_name, pill, tiles};
use super::visit::Visit;
use crate::admin::{NodeList, NodeStatus, Removal, Role, Standing};

/// A node that is so many entries behind deserves a word.
const FAR_BEHIND: u64 = 250;

/// A clock that differs so much from this node's deserves a word.
const WRONG_CLOCK: Duration = Duration::from_secs(1);

/// `GET /cluster`.
pub(super) async fn page(visit: Visit) -> Response {
    let site = visit.site();
    let (list, rows) = (site.admin().list_nodes(), matrix::rows(site));
    let obstacle = visit.obstacle(Role::Admin);
    let body = html! {
        (summary(&visit.standing, &list))
        section.stack { h2 { "Nodes" } (nodes(&list)) }
        (actions(&list, obstacle.as_deref()))
        section.stack { h2 { "Backends by node" } (matrix::drawn(&rows)) }
        p.small.muted {
            "For monitoring: " a href="/healthz" { "/healthz" } " · " a href="/readyz" { "/readyz" } " · " a href="/metrics" { "/metrics" }
        }
    };
    let lead = html! { "Cluster " code { (list.cluster_id) } };
    visit.page(
        Page::new(Place::Cluster, "Cluster", body)
            .lead(lead)
            .live("cluster")
            .state(state_of(&list, &rows)),
    )
}

/// Of what the rows and the controls stand upon: who is a member, who votes, and which authenticators there are.
fn state_of(list: &NodeList, rows: &[Row]) -> u64 {
    let mut hash = DefaultHasher::new();
    for node in &list.nodes {
        (node.id, node.voter).hash(&mut hash);
    }
    for (view, _) in rows {
        (&view.record.key.chain, &view.record.key.id).hash(&mut hash);
    }
    hash.finish()
}

/// What of the page changes while it is open, and its state.
pub(super) fn fragments(site: &Site) -> (Vec<Markup>, u64) {
    let list = site.admin().list_nodes();
    let rows = matrix::rows(site);
    let mut pieces = vec![summary(&site.admin().standing(), &list)];
    pieces.extend(list.nodes.iter().map(|node| node_row(node, &list)));
    pieces.extend(matrix::pieces(&rows));
    (pieces, state_of(&list, &rows))
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

/// A piece of its own, as mostly one row changes and not the table.
fn node_row(node: &NodeStatus, list: &NodeList) -> Markup {
    let dash = || html! { "–" };
    let report = node.report.as_ref();
    let behind = report.map(|report| list.leader_log_index.saturating_sub(report.applied_index));
    html! {
        tr id={ "row-" (node_name(node.id)) } {
            th scope="row" { (node_name(node.id)) div.small.muted { (node.member.api_address) } }
            td { (role(node, list.leader)) }
            td { (health(node, behind)) }
            td.num { @match report { Some(report) => { (format::count(report.applied_index)) } None => { (dash()) } } }
            td.num { @match behind { Some(behind) => { (format::count(behind)) } None => { (dash()) } } }
            td.num { @match report { Some(report) => { (format::count(report.users)) } None => { (dash()) } } }
            td.num { @match report { Some(report) => { (format::bytes(report.disk_bytes)) } None => { (dash()) } } }
            td.num { @match report.and_then(|report| report.disk_free_bytes) { Some(free) => { (format::bytes(free)) } None => { (dash()) } } }
            td.num { @match node.clock_offset_ms { Some(offset) => { (clock(Duration::from_millis(offset.unsigned_abs()))) } None => { (dash()) } } }
            td.num { @match report { Some(report) => { (format::to_the_minute(Duration::from_millis(report.uptime_ms))) } None => { (dash()) } } }
            td.num { @match node.age { Some(age) => { (format::age(age)) } None => { (dash()) } } }
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

/// What an admin can do with each node. What cannot be undone has a page of its own.
fn actions(list: &NodeList, obstacle: Option<&str>) -> Markup {
    let is_alone = list.nodes.len() < 2;
    let alone = obstacle.or(is_alone.then_some("There is no other node."));
    let page = |id: u64, what: &str| format!("/cluster/nodes/{id}/{what}");
    html! {
        section.card.stack {
            h2 { "Change the cluster" }
            div.actions {
                @for node in &list.nodes {
                    @let name = node_name(node.id);
                    @if node.id == list.leader {
                        (link_unless(&page(node.id, "hand-over"), &format!("Hand over leadership of {name}…"), alone))
                    }
                    @if !node.voter {
                        form method="post" action="/cluster/promote" {
                            (hidden("id", &node.id.to_string()))
                            (Button::new(&format!("Let {name} vote")).unless(obstacle).draw())
                        }
                    }
                    (link_unless(&page(node.id, "remove"), &format!("Remove {name}…"), alone))
                }
                form method="post" action="/cluster/snapshot" { (Button::new("Take a snapshot here").unless(obstacle).draw()) }
            }
            p.small.muted { "A new node is added from the command line: " code { "portcullis cluster add" } "." }
        }
    }
}

/// `GET /cluster/nodes/{id}/hand-over`.
pub(super) async fn ask_to_hand_over(visit: Visit, Path(id): Path<u64>) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    visit.site().admin().node_status(id)?;
    Ok(hand_over_page(&visit, id, &Faults::default()))
}

fn hand_over_page(visit: &Visit, id: u64, faults: &Faults) -> Response {
    let leader = visit.site().admin().list_nodes().leader;
    let name = node_name(id);
    let passed = (leader != id).then(|| format!("{name} does not lead any more."));
    let obstacle = visit.obstacle(Role::Admin).or(passed.clone());
    let body = html! {
        (faults.summary())
        @if let Some(passed) = &passed {
            (banner(Tone::Warn, &html! { (passed) " There is nothing to hand over." }, None))
        } @else {
            (banner(Tone::Info, &html! {
                "Another node that votes is chosen to lead. Changes wait for a moment; logins do not."
            }, None))
        }
        form.form method="post" action={ "/cluster/nodes/" (id) "/hand-over" } {
            (visit.password_again(faults))
            div.foot { (Button::danger("Hand over").unless(obstacle.as_deref()).draw()) (link("/cluster", "Let it lead")) }
        }
    };
    let title = format!("Hand over leadership of {name}?");
    let page = Page::new(Place::Cluster, &title, body).under(&[("/cluster", "Cluster")]);
    visit.page(page.refused(!faults.is_empty()))
}

/// `POST /cluster/nodes/{id}/hand-over`: of this node alone, whoever leads by now.
pub(super) async fn hand_over(visit: Visit, Path(id): Path<u64>, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    if let Err(why) = visit.confirm(given.text("password")).await {
        let page = hand_over_page(&visit, id, &Faults::one("password", why));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let leader = visit.site().admin().hand_over(id).await?;
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
    let after = visit.site().admin().after_removal(id);
    let fatal = after.loses_quorum().then(|| without_quorum(id, after));
    let obstacle = visit.obstacle(Role::Admin).or(fatal.clone());
    let body = html! {
        (faults.summary())
        @if let Some(fatal) = &fatal {
            (banner(Tone::Down, &html! { (fatal) " Bring a silent node back first, or remove that one." }, None))
        } @else {
            (banner(Tone::Down, &html! {
                strong { (node_name(id)) " goes for good. " }
                "Its number is never accepted again. Afterwards " (format::counted(after.voters as u64, "node")) " can vote, "
                (after.heard) " of which can be heard now, and the cluster can lose " (after.can_lose()) "."
            }, None))
        }
        form.form method="post" action={ "/cluster/nodes/" (id) "/remove" } {
            (visit.password_again(faults))
            div.foot { (Button::danger("Remove").unless(obstacle.as_deref()).draw()) (link("/cluster", "Keep it")) }
        }
    };
    let title = format!("Remove {}?", node_name(id));
    let page = Page::new(Place::Cluster, &title, body).under(&[("/cluster", "Cluster")]);
    visit.page(page.refused(!faults.is_empty()))
}

fn without_quorum(id: u64, after: Removal) -> String {
    format!(
        "{} cannot be removed now: of the {} voters that are left, {} can be heard, and {} have to agree.",
        node_name(id),
        after.voters,
        after.heard,
        after.quorum()
    )
}

/// `POST /cluster/nodes/{id}/remove`.
pub(super) async fn remove(visit: Visit, Path(id): Path<u64>, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let admin = visit.site().admin();
    let after = admin.after_removal(id);
    let faults = if after.loses_quorum() {
        Faults::whole(without_quorum(id, after))
    } else if let Err(why) = visit.confirm(given.text("password")).await {
        Faults::one("password", why)
    } else {
        admin.remove_node(&visit.intent(), id).await?;
        return Ok(Said::new(format!("{} is removed.", node_name(id))).then("/cluster"));
    };
    let page = remove_page(&visit, id, &faults);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
