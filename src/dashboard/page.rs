//! The frame around every page: bar, navigation, what holds for the whole cluster, and what was said last.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets;
use super::marks;
use super::said::{self, Said};
use super::standing;
use super::ui::{Button, Tone, banner, hidden, link, node_name};
use super::visit::{Guest, OFF, Visit, role_word};
use crate::admin::Role;

/// Where in the navigation a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Authenticators,
    Users,
    Try,
    Cluster,
    Operators,
    Settings,
    Account,
    Help,
}

impl Place {
    /// Who may go there.
    const fn least_role(self) -> Role {
        match self {
            Self::Operators => Role::Admin,
            _ => Role::Viewer,
        }
    }
}

/// What a page has of its own.
pub(super) struct Page<'a> {
    pub(super) place: Place,
    pub(super) title: &'a str,
    /// One sentence under the title.
    pub(super) lead: Markup,
    /// The pages above it: address and name.
    pub(super) crumbs: Vec<(String, String)>,
    /// Beside the title.
    pub(super) actions: Markup,
    pub(super) body: Markup,
    /// What of it is kept up to date.
    pub(super) live: String,
    /// Of what its controls stand upon, as the live stream counts it.
    pub(super) state: u64,
    /// Whether a form on it was refused.
    pub(super) is_refused: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(place: Place, title: &'a str, body: Markup) -> Self {
        Self {
            place,
            title,
            lead: html! {},
            crumbs: Vec::new(),
            actions: html! {},
            body,
            live: "standing".to_owned(),
            state: 0,
            is_refused: false,
        }
    }

    pub(super) fn lead(mut self, lead: Markup) -> Self {
        self.lead = lead;
        self
    }

    pub(super) fn under(mut self, crumbs: &[(&str, &str)]) -> Self {
        let owned = |(address, name): &(&str, &str)| ((*address).to_owned(), (*name).to_owned());
        self.crumbs = crumbs.iter().map(owned).collect();
        self
    }

    pub(super) fn actions(mut self, actions: Markup) -> Self {
        self.actions = actions;
        self
    }

    pub(super) fn live(mut self, topic: impl Into<String>) -> Self {
        self.live = topic.into();
        self
    }

    pub(super) fn state(mut self, state: u64) -> Self {
        self.state = state;
        self
    }

    pub(super) fn refused(mut self, is_refused: bool) -> Self {
        self.is_refused = is_refused;
        self
    }
}

impl Visit {
    /// The page in its frame.
    pub(super) fn page(&self, page: Page<'_>) -> Response {
        let body = html! {
            a.skip href="#main" { "Skip to content" }
            div.shell {
                (bar(self))
                (navigation(self, page.place))
                main id="main" {
                    (crumbs(&page.crumbs, page.title))
                    (standing::banners(&self.standing))
                    (standing::gone(None))
                    (changed(&self.guest.page))
                    (last_said(self.guest.said.as_ref(), self))
                    div.head {
                        div.tight { h1 tabindex="-1" { (page.title) } div.lead { (page.lead) } }
                        div.actions { (page.actions) }
                    }
                    (page.body)
                }
            }
            div.unseen id="spoken" role="status" {}
        };
        let title = format!("{} – {}", page.title, cluster_name(self));
        let head = Head {
            title: &title,
            is_refused: page.is_refused,
            live: Some((&page.live, page.state, self.standing.why_not_writable().is_none())),
        };
        whole(&self.guest, head, &body)
    }
}

/// A page that stands alone: before somebody is signed in, or when something went wrong.
pub(super) fn alone(guest: &Guest, title: &str, body: Markup) -> Response {
    let body = html! {
        main.alone id="main" {
            p { span.brand { (mark()) "Portcullis" } }
            h1 { (title) }
            (body)
        }
    };
    let head = Head {
        title,
        is_refused: false,
        live: None,
    };
    whole(guest, head, &body)
}

struct Head<'a> {
    title: &'a str,
    is_refused: bool,
    /// What is kept up to date, of which state the page is, and whether anything could be changed when it was drawn.
    live: Option<(&'a str, u64, bool)>,
}

fn whole(guest: &Guest, head: Head<'_>, body: &Markup) -> Response {
    let assets = guest.site.assets();
    let live = head.live.map(|(topic, ..)| topic);
    let state = head.live.map(|(_, state, _)| state);
    let is_writable = head.live.map(|(.., is_writable)| is_writable);
    let page = html! {
        (DOCTYPE)
        html lang="en" data-theme=(guest.theme.word()) data-build=(assets.build()) data-keys=[(!guest.has_keys).then_some(OFF)] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { @if head.is_refused { "Error: " } (head.title) }
                link rel="icon" href=(assets.url("mark.svg"));
                link rel="stylesheet" href=(assets.url("portcullis.css"));
                script type="module" src=(assets.url("page.mjs")) {}
            }
            body data-live=[live] data-state=[state] data-writable=[is_writable] data-answer[guest.sends_form] { (body) }
        }
    };
    let mut headers = HeaderMap::new();
    if guest.said.is_some() {
        said::forget(&mut headers, said::COOKIE);
    }
    (
        headers,
        [(CONTENT_TYPE, "text/html; charset=utf-8")],
        marks::contained(page.into_string()),
    )
        .into_response()
}

/// In the page itself, which saves a request.
fn mark() -> Markup {
    html! { span.mark aria-hidden="true" { (PreEscaped(assets::MARK)) } }
}

/// Clusters have ids, no names; the first letters tell them apart.
fn cluster_name(visit: &Visit) -> String {
    let id = visit.standing.cluster_id.get(..8).unwrap_or("no cluster");
    format!("{id} · {}", node_name(visit.standing.node))
}

fn bar(visit: &Visit) -> Markup {
    let account = &visit.signed.account;
    html! {
        header.bar {
            a.brand href="/authenticators" { (mark()) "Portcullis" }
            span.muted { (cluster_name(visit)) }
            span.grow {}
            span.muted.small id="live" hidden {}
            button.plain.reserved id="search" hidden type="button" { "Search " kbd { "Ctrl K" } }
            details.menu {
                summary { (account.name) span.muted { " · " (role_word(account.role)) } }
                div {
                    a href="/account" { "Your account" }
                    a href="/help" { "Help" }
                    form method="post" action="/logout" { (Button::new("Sign out").draw()) }
                }
            }
        }
    }
}

/// A group of links: its name, and address, name and place of each.
type Group = (&'static str, &'static [(&'static str, &'static str, Place)]);

static NAVIGATION: &[Group] = &[
    (
        "Access",
        &[
            ("/authenticators", "Authenticators", Place::Authenticators),
            ("/users", "Users", Place::Users),
            ("/try", "Try a login", Place::Try),
        ],
    ),
    (
        "System",
        &[
            ("/cluster", "Cluster", Place::Cluster),
            ("/operators", "Operators", Place::Operators),
            ("/settings", "Settings", Place::Settings),
            ("/help", "Help", Place::Help),
        ],
    ),
];

fn navigation(visit: &Visit, here: Place) -> Markup {
    html! {
        nav.main aria-label="Main" {
            @for (group, links) in NAVIGATION {
                h2 { (group) }
                @for (address, name, place) in *links {
                    @match visit.lacks(place.least_role()) {
                        None => a href=(address) aria-current=[(*place == here).then_some("page")] { (name) },
                        Some(why) => a.unavailable role="link" aria-disabled="true" title=(why) { (name) },
                    }
                }
            }
        }
    }
}

fn crumbs(above: &[(String, String)], title: &str) -> Markup {
    if above.is_empty() {
        return html! {};
    }
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            ol {
                @for (address, name) in above { li { a href=(address) { (name) } } }
                li aria-current="page" { (title) }
            }
        }
    }
}

/// Shown by the script where it must not load the page anew by itself.
fn changed(page: &str) -> Markup {
    let what = html! { "Something has changed since this page was drawn." };
    html! { div id="changed" hidden { (banner(Tone::Warn, &what, Some(link(page, "Show it as it is now")))) } }
}

fn last_said(said: Option<&Said>, visit: &Visit) -> Markup {
    let Some(said) = said else { return html! {} };
    let obstacle = visit.obstacle(Role::Editor);
    html! {
        div.banner.ok role="status" data-said {
            div { span aria-hidden="true" { "● " } (said.text) }
            @if let Some(undo) = &said.undo {
                form method="post" action=(undo.action) {
                    @for (name, value) in &undo.fields { (hidden(name, value)) }
                    (Button::new("Undo").unless(obstacle.as_deref()).draw())
                }
            }
        }
    }
}
