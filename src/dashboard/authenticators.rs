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
    Button, Tone, banner, empty, hidden, link, link_unless, node_count, node_name, node_names, pill, primary_link,
    prose, provider_pill,
};
use super::visit::Visit;
use crate::admin::{AuthenticatorStatus, AuthenticatorView, Decides, Joint, NodeAuthenticatorStatus, Role};
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
    let decides = admin.decides(chain);
    let body = html! {
        (notice)
        (links(&chains, chain))
        (troubles(&rows))
        @if rows.is_empty() {
            div.card {
                (empty(
                    "No authenticator yet",
                    &format!(
                        "An authenticator checks what a client presents: a password against a database, a token, a SCRAM exchange. \
                         Until there is one, {}.",
                        without_any(decides),
                    ),
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
                    span { "└ " (end_of_chain(decides)) }
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
            .lead(html! { "Asked from top to bottom. The first to allow or deny decides." })
            .actions(html! {
                (link("/try", "Try a login"))
                (primary_link(&addresses::wizard(chain, ""), "Add authenticator", obstacle.as_deref()))
            })
            .live(format!("chain:{chain}"))
            .state(state),
    )
}

/// What becomes of a client at the end of a chain that has authenticators.
fn end_of_chain(decides: Decides) -> &'static str {
    match decides {
        Decides::Own | Decides::Global => "nobody knew the client → Denied",
        Decides::Nobody(NoAuthenticator::Allow) => "nobody is asked → every client is let in",
        Decides::Nobody(NoAuthenticator::Deny) => "nobody is asked → every client is denied",
    }
}

/// What becomes of the clients of a chain that has none.
fn without_any(decides: Decides) -> &'static str {
    match decides {
        Decides::Own | Decides::Global => "the authenticators of the chain global decide",
        Decides::Nobody(NoAuthenticator::Allow) => "every client is let in",
        Decides::Nobody(NoAuthenticator::Deny) => "every client is denied",
    }
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
    let nodes: Vec<_> = bad.iter().map(|node| node.node).collect();
    let asks = match view.record.on_failure {
        OnFailure::Next => "the next authenticator is asked instead",
        OnFailure::Deny => "its clients are denied",
    };
    let error = first.health.as_ref().map_or("", |health| &*health.error);
    Some(format!(
        "{} does not answer on {}: {asks}. {error}",
        view.record.key.id,
        node_names(&nodes)
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
            button.plain.icon.grip.reserved type="button" hidden aria-pressed="false" aria-describedby="order-help"
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
                span.muted.small { (format::lasting(now, health.since)) }
            }
            _ => {
                (pill(Tone::Off, "No answer"))
                span.muted.small { (node.error) }
            }
        }
    }
}

/// A silent node is never passed over: nobody knows how the authenticator fares there.
fn joint_pill(status: &AuthenticatorStatus) -> Markup {
    let silent = status.silent();
    let no_answer = || pill(Tone::Warn, &format!("No answer from {}", node_names(&silent)));
    match status.status {
        Joint::Unknown | Joint::Same(ProviderStatus::Disabled) => answering_pill(status),
        _ if silent.is_empty() => answering_pill(status),
        Joint::Same(ProviderStatus::Connected) => no_answer(),
        _ => html! { (answering_pill(status)) " " (no_answer()) },
    }
}

/// What those who answer say.
fn answering_pill(status: &AuthenticatorStatus) -> Markup {
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

fn joint_word(status: &AuthenticatorStatus) -> String {
    let word = match status.status {
        Joint::Same(ProviderStatus::Connected) => "connected",
        Joint::Same(ProviderStatus::Connecting) => "connecting",
        Joint::Same(ProviderStatus::Disconnected) => "disconnected",
        Joint::Same(ProviderStatus::Disabled) => "disabled",
        Joint::Inconsistent => "not the same on every node",
        Joint::Unknown => return "not known".to_owned(),
    };
    match status.silent().as_slice() {
        [] => word.to_owned(),
        silent => format!("{word}, without an answer from {}", node_names(silent)),
    }
}

/// `2 of 3 nodes`, if figures are not those of all.
pub(super) fn of_how_many(status: &AuthenticatorStatus) -> Option<String> {
    let (all, silent) = (status.nodes.len(), status.silent().len());
    (silent > 0).then(|| node_count(all - silent, all))
}

/// Decisions per second, all nodes together.
pub(super) fn rate(key: &AuthenticatorKey, status: &AuthenticatorStatus) -> Markup {
    html! {
        span id={ "rt-" (hex::encode(&key.id)) } {
            (format::rate(status.total.rate))
            @if let Some(some) = of_how_many(status) { " " span.small.muted { (some) } }
        }
    }
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
    if !wanted.enabled
        && !wanted.sure
        && let Some(answer) = answer_without(&visit, &key)
    {
        return Ok((StatusCode::OK, ask_before_switching_off(&visit, &key, answer)).into_response());
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

/// What every client would get once this one is switched off; `None`: others are asked, or nobody is asked already.
fn answer_without(visit: &Visit, key: &AuthenticatorKey) -> Option<NoAuthenticator> {
    let admin = visit.site().admin();
    match (admin.decides(&key.chain), admin.decides_without(key)) {
        (Decides::Nobody(_), _) => None,
        (_, Decides::Nobody(answer)) => Some(answer),
        _ => None,
    }
}

fn ask_before_switching_off(visit: &Visit, key: &AuthenticatorKey, answer: NoAuthenticator) -> Response {
    let (follows, setting, button) = match answer {
        NoAuthenticator::Allow => ("let in", "allow", "Switch it off and let everybody in"),
        NoAuthenticator::Deny => ("denied", "deny", "Switch it off and deny everybody"),
    };
    let body = html! {
        (banner(Tone::Down, &html! {
            strong { "Every client will be " (follows) ". " }
            (key.id) " is the last authenticator that is asked, and the cluster setting for a chain without any is to " (setting) "."
        }, None))
        form.actions method="post" action=(addresses::authenticator(key, "/enabled")) {
            (hidden("enabled", "false"))
            (hidden("sure", "true"))
            (Button::danger(button).draw())
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

#[cfg(test)]
mod tests {
    use super::{
        AuthenticatorKey, AuthenticatorStatus, Joint, NodeAuthenticatorStatus, ProviderStatus, Timestamp, health,
        joint_pill, rate,
    };
    use crate::auth::{Figures, Health, Usage};

    /// Three nodes, some of them silent.
    fn status(joint: Joint, silent: &[u64]) -> AuthenticatorStatus {
        let node = |node| NodeAuthenticatorStatus {
            node,
            answered: !silent.contains(&node),
            health: Some(Health::connected(Timestamp(1))),
            figures: Figures::default(),
            usage: Usage::default(),
            age: None,
            error: "nothing was heard of it for 9 s".into(),
        };
        AuthenticatorStatus {
            status: joint,
            nodes: (1..=3).map(node).collect(),
            total: Figures::default(),
        }
    }

    fn pills(joint: Joint, silent: &[u64]) -> String {
        joint_pill(&status(joint, silent)).into_string()
    }

    #[test]
    fn a_silent_node_shows_whatever_the_others_say() {
        use ProviderStatus::{Connected, Disabled, Disconnected};
        let connected = Joint::Same(Connected);
        assert!(pills(connected, &[]).contains("●</span>Connected"));
        let one = pills(connected, &[3]);
        assert!(
            one.contains("▲</span>No answer from n3") && !one.contains("Connected"),
            "{one}"
        );
        assert!(pills(connected, &[2, 3]).contains("No answer from n2, n3"));
        let both = pills(Joint::Same(Disconnected), &[3]);
        assert!(
            both.contains("✕</span>Disconnected") && both.contains("No answer from n3"),
            "{both}"
        );
        let mixed = pills(Joint::Inconsistent, &[3]);
        assert!(
            mixed.contains("Inconsistent, 2 of 3 nodes") && mixed.contains("No answer from n3"),
            "{mixed}"
        );
        assert!(
            !pills(Joint::Same(Disabled), &[3]).contains("n3"),
            "nobody is asked there"
        );
    }

    #[test]
    fn figures_say_of_how_many_nodes_they_are_and_which_is_silent() {
        let key = AuthenticatorKey {
            chain: "global".into(),
            id: "db".into(),
        };
        let connected = Joint::Same(ProviderStatus::Connected);
        let silent = status(connected, &[3]);
        assert!(rate(&key, &silent).into_string().contains("2 of 3 nodes"));
        let listed = health(&key, &silent, Timestamp(2)).into_string();
        assert!(
            listed.contains("db is connected, without an answer from n3")
                && listed.contains("nothing was heard of it for 9 s"),
            "{listed}"
        );
        assert!(!rate(&key, &status(connected, &[])).into_string().contains("nodes"));
    }
}
