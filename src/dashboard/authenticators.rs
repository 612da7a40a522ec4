//! The chain: its authenticators in the order they are asked, with how each fares.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses::{self, ChainQuery};
use super::chain_order::order_form;
use super::failure::Failure;
use super::format;
use super::kinds::mechanism_word;
use super::page::{Page, Place};
use super::said::{Said, to};
use super::ui::{
    Button, Tone, banner, empty, hidden, link, link_unless, node_count, node_name, pill, primary_link, prose,
    provider_pill,
};
use super::visit::Visit;
use crate::admin::{AuthenticatorStatus, AuthenticatorView, Joint, NodeAuthenticatorStatus, Role};
use crate::auth::{AuthenticatorKey, NoAuthenticator, OnFailure, ProviderStatus, Timestamp};

/// An authenticator with how it fares.
pub(super) type Row = (AuthenticatorView, AuthenticatorStatus);

/// `GET /authenticators`.
pub(super) async fn list(visit: Visit, Query(query): Query<ChainQuery>) -> Response {
    let chain = query.name();
    list_page(&visit, chain, html! {})
}

/// The list, with something to say above it.
pub(super) fn list_page(visit: &Visit, chain: &str, notice: Markup) -> Response {
    let admin = visit.site().admin();
    let (chains, rows) = (admin.chains(), admin.chain_status(chain));
    let state = state_of(&chains, &rows);
    let obstacle = visit.obstacle(Role::Editor);
    let now = visit.site().clock().now();
    let body = html! {
        (notice)
        (links(&chains, chain))
        (troubles(&rows))
        @if rows.is_empty() {
            div.card {
                (empty(
                    "No authenticator yet",
                    "An authenticator checks what a client presents: a password against a database, a token, a SCRAM exchange. \
                     Until there is one, every client gets the same answer.",
                    &primary_link(&addresses::wizard(chain, ""), "Add the first authenticator", obstacle.as_deref()),
                ))
            }
        } @else {
            (order_form(chain, rows.iter().map(|(view, _)| &*view.record.key.id)))
            div.card.flush {
                ol.chain role="list" id="chain" data-order={ "/authenticators/order" } {
                    @for (at, row) in rows.iter().enumerate() { (drawn_row(row, at, rows.len(), obstacle.as_deref(), now)) }
                }
                div.chain-end {
                    span { "└ nobody knew the client → Denied" }
                    a href="/settings" { "What happens without authenticators" }
                }
            }
        }
    };
    let title = if chain == crate::auth::GLOBAL_CHAIN {
        "Authenticators".to_owned()
    } else {
        format!("Authenticators of {chain}")
    };
    visit.page(
        Page::new(Place::Authenticators, &title, body)
            .lead(html! { "Asked from top to bottom. The first to allow or deny decides; a client nobody knows is denied." })
            .actions(html! {
                (link("/try", "Try a login"))
                (primary_link(&addresses::wizard(chain, ""), "Add authenticator", obstacle.as_deref()))
            })
            .live(format!("chain:{chain}"))
            .state(state),
    )
}

/// Of what the controls of the list stand upon. It is the same on every node, and after a restart.
pub(super) fn state_of(chains: &[String], rows: &[Row]) -> u64 {
    let mut hash = DefaultHasher::new();
    chains.hash(&mut hash);
    for (view, _) in rows {
        (&view.record.key.id, view.record.revision).hash(&mut hash);
    }
    hash.finish()
}

/// Listeners may have chains of their own.
fn links(names: &[String], here: &str) -> Markup {
    if names.len() < 2 {
        return html! {};
    }
    html! {
        nav.tabs aria-label="Chains" {
            @for name in names {
                a href=(addresses::chain(name)) aria-current=[(name == here).then_some("page")] { (name) }
            }
        }
    }
}

/// What is wrong, in sentences, before anybody has to look for it.
pub(super) fn troubles(rows: &[Row]) -> Markup {
    let troubles: Vec<_> = rows
        .iter()
        .filter_map(|(view, status)| trouble_of(view, status))
        .collect();
    html! {
        div.stack id="troubles" hidden[troubles.is_empty()] {
            @for trouble in troubles { (banner(Tone::Warn, &html! { (trouble) }, None)) }
        }
    }
}

fn trouble_of(view: &AuthenticatorView, status: &AuthenticatorStatus) -> Option<String> {
    if !view.record.enabled {
        return None;
    }
    let bad: Vec<_> = status.nodes.iter().filter(|node| is_bad(node)).collect();
    let first = bad.first()?;
    let nodes: Vec<_> = bad.iter().map(|node| node_name(node.node)).collect();
    let asks = match view.record.on_failure {
        OnFailure::Next => "the next authenticator is asked instead",
        OnFailure::Deny => "its clients are denied",
    };
    let error = first.health.as_ref().map_or("", |health| &*health.error);
    Some(format!(
        "{} does not answer on {}: {asks}. {error}",
        view.record.key.id,
        nodes.join(", ")
    ))
}

fn is_bad(node: &NodeAuthenticatorStatus) -> bool {
    let status = node.health.as_ref().map(|health| health.status);
    node.answered && status == Some(ProviderStatus::Disconnected)
}

fn drawn_row((view, status): &Row, at: usize, all: usize, obstacle: Option<&str>, now: Timestamp) -> Markup {
    let record = &view.record;
    let (key, id) = (&record.key, &*record.key.id);
    html! {
        li data-id=(id) {
            button.plain.icon.grip type="button" hidden aria-pressed="false" aria-describedby="order-help"
                aria-label={ "Move " (id) } disabled[obstacle.is_some()] title=[obstacle] { "⠿" }
            span.place { (at + 1) }
            div.tight {
                a.name href=(addresses::authenticator(key, "")) { (view.title) }
                span.small.muted { (mechanism_word(&record.mechanism)) @if *id != crate::auth::default_id(&record.mechanism, &record.backend) { " · " (id) } }
                @for warning in &view.warnings { span.small { span aria-hidden="true" { "▲ " } (prose(warning)) } }
            }
            div.health { (health(key, status, now)) }
            div.rate.num { (rate(key, status)) }
            div.controls { (controls(view, at, all, obstacle)) }
        }
    }
}

/// Word and shape for all nodes together, and every node behind it.
pub(super) fn health(key: &AuthenticatorKey, status: &AuthenticatorStatus, now: Timestamp) -> Markup {
    html! {
        details.nodes id={ "st-" (hex::encode(&key.id)) } data-say={ (key.id) " is " (joint_word(status)) } {
            summary { (joint_pill(status)) }
            ul role="list" {
                @for node in &status.nodes { li { (on_node(node, now)) } }
            }
        }
    }
}

/// The same under the title of a page about it.
pub(super) fn fares(key: &AuthenticatorKey, status: &AuthenticatorStatus) -> Markup {
    html! { span id="fares" data-say={ (key.id) " is " (joint_word(status)) } { (joint_pill(status)) } }
}

/// How an authenticator fares on one node, in a line.
fn on_node(node: &NodeAuthenticatorStatus, now: Timestamp) -> Markup {
    html! {
        strong { (node_name(node.node)) }
        @match (&node.health, node.answered) {
            (Some(health), true) => {
                (provider_pill(health.status))
                @if node.figures.p50.is_zero() {} @else { span.muted.small { (format::took(node.figures.p50)) } }
                @if health.error.is_empty() {} @else { span.small { (health.error) } }
                span.muted.small { "since " (format::ago(now, health.since)) }
            }
            _ => {
                (pill(Tone::Off, "No answer"))
                span.muted.small { (node.error) }
            }
        }
    }
}

fn joint_pill(status: &AuthenticatorStatus) -> Markup {
    match status.status {
        Joint::Same(same) => provider_pill(same),
        Joint::Unknown => pill(Tone::Off, "No answer"),
        Joint::Inconsistent => {
            let connected = |node: &&NodeAuthenticatorStatus| {
                node.answered
                    && node
                        .health
                        .as_ref()
                        .is_some_and(|health| health.status == ProviderStatus::Connected)
            };
            let fine = status.nodes.iter().filter(connected).count();
            pill(
                Tone::Warn,
                &format!("Inconsistent, {}", node_count(fine, status.nodes.len())),
            )
        }
    }
}

fn joint_word(status: &AuthenticatorStatus) -> &'static str {
    match status.status {
        Joint::Same(ProviderStatus::Connected) => "connected",
        Joint::Same(ProviderStatus::Connecting) => "connecting",
        Joint::Same(ProviderStatus::Disconnected) => "disconnected",
        Joint::Same(ProviderStatus::Disabled) => "disabled",
        Joint::Inconsistent => "not the same on every node",
        Joint::Unknown => "not known",
    }
}

/// Decisions per second, all nodes together.
pub(super) fn rate(key: &AuthenticatorKey, status: &AuthenticatorStatus) -> Markup {
    html! { span id={ "rt-" (hex::encode(&key.id)) } { (format::rate(status.total.rate)) } }
}

fn controls(view: &AuthenticatorView, at: usize, all: usize, obstacle: Option<&str>) -> Markup {
    let record = &view.record;
    let (key, id) = (&record.key, &*record.key.id);
    let first = obstacle.or((at == 0).then_some("It is the first already."));
    let last = obstacle.or((at + 1 == all).then_some("It is the last already."));
    let moves = |label, to: &str, why: Option<&str>, class| {
        let value = format!("{to} {id}");
        let name = format!("Move {id} {to}");
        html! {
            button class=(class) form="order" name="move" value=(value) aria-label=[(class == "icon").then_some(&name)]
                disabled[why.is_some()] title=[why.or((class == "icon").then_some(&*name))] { (label) }
        }
    };
    html! {
        (switch(view, obstacle))
        (moves("↑", "up", first, "icon"))
        (moves("↓", "down", last, "icon"))
        a.button href=(addresses::authenticator(key, "/settings")) aria-label={ "Settings of " (id) } { "Settings" }
        details.menu {
            summary aria-label={ "More about " (id) } { "⋯" }
            div {
                (moves("Move to top", "top", first, ""))
                (moves("Move to bottom", "bottom", last, ""))
                @if view.keeps_users { a href=(addresses::authenticator(key, "/users")) { "Users" } }
                (link_unless(&addresses::authenticator(key, "/delete"), "Delete…", obstacle))
            }
        }
    }
}

pub(super) fn switch(view: &AuthenticatorView, obstacle: Option<&str>) -> Markup {
    let record = &view.record;
    html! {
        form method="post" action=(addresses::authenticator(&record.key, "/enabled")) {
            (hidden("enabled", if record.enabled { "false" } else { "true" }))
            button.switch role="switch" aria-checked=(record.enabled) aria-label={ (record.key.id) " is asked" }
                disabled[obstacle.is_some()] title=[obstacle] { @if record.enabled { "On" } @else { "Off" } }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Enabled {
    enabled: bool,
    #[serde(default)]
    sure: bool,
}

/// `POST /authenticators/{id}/enabled`: touches nothing else, however old the page is.
pub(super) async fn set_enabled(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    Form(wanted): Form<Enabled>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let key = query.key(id);
    if !wanted.enabled && !wanted.sure && opens_the_chain(&visit, &key) {
        return Ok((StatusCode::OK, ask_before_opening(&visit, &key)).into_response());
    }
    let admin = visit.site().admin();
    admin
        .set_authenticator_enabled(&visit.intent(), &key.chain, &key.id, wanted.enabled)
        .await?;
    let (said, undo) = if wanted.enabled {
        ("is asked again", "false")
    } else {
        ("is not asked any more", "true")
    };
    let undo_at = addresses::authenticator(&key, "/enabled");
    Ok(Said::new(format!("{} {said}.", key.id))
        .with_undo(undo_at, &[("enabled", undo)])
        .then(&addresses::chain(&key.chain)))
}

/// Whether nobody would be asked any more, and everybody let in.
fn opens_the_chain(visit: &Visit, key: &AuthenticatorKey) -> bool {
    let admin = visit.site().admin();
    let others_asked = admin
        .chain_status(&key.chain)
        .iter()
        .any(|(view, _)| view.record.enabled && view.record.key != *key);
    !others_asked && admin.settings_here().settings.no_authenticator == NoAuthenticator::Allow
}

fn ask_before_opening(visit: &Visit, key: &AuthenticatorKey) -> Response {
    let body = html! {
        (banner(Tone::Down, &html! {
            strong { "Every client will be let in. " }
            (key.id) " is the last authenticator that is asked, and the cluster setting for a chain without any is to allow."
        }, None))
        form.actions method="post" action=(addresses::authenticator(key, "/enabled")) {
            (hidden("enabled", "false"))
            (hidden("sure", "true"))
            (Button::danger("Switch it off and let everybody in").draw())
            (link(&addresses::chain(&key.chain), "Keep it on"))
        }
    };
    let title = format!("Switch off {}?", key.id);
    visit.page(Page::new(Place::Authenticators, &title, body).under(&[("/authenticators", "Authenticators")]))
}

/// `GET /users`: the users of the first authenticator that keeps any.
pub(super) async fn users(visit: Visit) -> Response {
    let admin = visit.site().admin();
    let keepers = admin.chains().into_iter().flat_map(|chain| admin.chain_status(&chain));
    let keeper = keepers.map(|(view, _)| view).find(|view| view.keeps_users);
    if let Some(view) = keeper {
        return to(&addresses::authenticator(&view.record.key, "/users"));
    }
    let obstacle = visit.obstacle(Role::Editor);
    let body = html! {
        div.card {
            (empty(
                "No database for users yet",
                "Users live in the built-in database, which is an authenticator like the others. Add it first.",
                &primary_link("/authenticators/new/password_based/built_in_database", "Add the built-in database", obstacle.as_deref()),
            ))
        }
    };
    visit.page(Page::new(Place::Users, "Users", body))
}
