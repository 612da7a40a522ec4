//! Signing in and out, and the first account of a new cluster.

use std::net::SocketAddr;

use axum::Form;
use axum::extract::{ConnectInfo, FromRequestParts, Query, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;

use super::page::alone;
use super::said::{self, Said, to};
use super::site::Site;
use super::ui::{Button, Faults, Field, Tone, banner, hidden, password, text};
use super::visit::{Guest, SESSION, Visit};
use crate::admin::{AdminError, Cookie, Origin, SignInError};
use crate::auth::Secret;

const HOME: &str = "/authenticators";
/// Said where signing in would lead back to the same page, without a word.
const EXPOSED: &str = "This page came over plain HTTP. Browsers keep the cookie of a session only over TLS or on the machine itself, so nobody \
    can sign in here: set `http.tls`, or put TLS in front of this port.";

/// Where to go afterwards.
#[derive(Default, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// `GET /login`.
pub(super) async fn form(guest: Guest, Query(next): Query<Next>) -> Response {
    if guest.site.admin().setup_is_open() {
        return to("/setup");
    }
    sign_in_page(&guest, "", &next.next, &Faults::default())
}

/// `POST /login`.
pub(super) async fn sign_in(guest: Guest, from: From, Form(given): Form<SignIn>) -> Response {
    let name = given.username.trim().to_owned();
    let signed_in = guest
        .site
        .admin()
        .sign_in(&name, Secret::new(given.password), from.0)
        .await;
    let (status, why) = match signed_in {
        Ok(cookie) => return entered(&cookie, &given.next),
        Err(SignInError::Wrong) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Wrong username or password.".to_owned(),
        ),
        Err(SignInError::TooMany { retry_after }) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "Too many attempts. Try again in {} seconds.",
                retry_after.as_secs().max(1)
            ),
        ),
        Err(SignInError::Unavailable(error)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Nobody can sign in on this node now: {error}. Try another node."),
        ),
    };
    let page = sign_in_page(&guest, &name, &given.next, &Faults::whole(why));
    (status, page).into_response()
}

fn sign_in_page(guest: &Guest, name: &str, next: &str, faults: &Faults) -> Response {
    let standing = guest.site.admin().standing();
    let body = html! {
        p.muted { "Cluster " (standing.cluster_id.get(..8).unwrap_or("without a name yet")) " · node n" (standing.node) }
        @if let Some(said) = &guest.said { (banner(Tone::Info, &html! { (said.text) }, None)) }
        @if guest.is_exposed { (banner(Tone::Warn, &html! { (EXPOSED) }, None)) }
        (faults.summary())
        form.form method="post" action="/login" {
            (hidden("next", next))
            (text(Field::new("username", "Username").value(name).known_as("username").required()))
            (password(Field::new("password", "Password").known_as("current-password").required()))
            div { (Button::primary("Sign in").draw()) }
        }
    };
    alone(guest, "Sign in", body)
}

#[derive(Deserialize)]
pub(super) struct SetUp {
    #[serde(default)]
    token: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

/// What may stand in the address of the first page.
#[derive(Default, Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    token: String,
}

/// `GET /setup`.
pub(super) async fn setup_form(guest: Guest, Query(token): Query<Token>) -> Response {
    if !guest.site.admin().setup_is_open() {
        return to("/login");
    }
    setup_page(&guest, &token.token, "", &Faults::default())
}

/// `POST /setup`.
pub(super) async fn set_up(guest: Guest, from: From, Form(given): Form<SetUp>) -> Response {
    if !guest.site.admin().setup_is_open() {
        return to("/login");
    }
    let name = given.username.trim();
    let faults = if given.password == given.again {
        let made = guest
            .site
            .admin()
            .set_up(given.token.trim(), name, Secret::new(given.password), from.0)
            .await;
        match made {
            Ok(cookie) => return entered(&cookie, HOME),
            Err(error) => refused(&error),
        }
    } else {
        Faults::one("again", "is not the same password")
    };
    // The token is given again: it is no secret any more once somebody stands before its form, and it still works once.
    let page = setup_page(&guest, &given.token, name, &faults);
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

/// The form calls the account's name what people expect.
fn refused(error: &AdminError) -> Faults {
    match error {
        AdminError::Invalid(violations) => {
            let mut faults = Faults::default();
            for violation in violations {
                let field = if violation.field == "name" {
                    "username"
                } else {
                    &violation.field
                };
                faults.add(field, &*violation.why);
            }
            faults
        }
        other => Faults::of(other),
    }
}

fn setup_page(guest: &Guest, token: &str, name: &str, faults: &Faults) -> Response {
    if guest.site.admin().standing().cluster_id.is_empty() {
        let body = html! {
            p { "This node belongs to no cluster yet, so there is nobody to sign in as." }
            p { "Run " code { "portcullis cluster init" } " once, at one of its nodes; it prints the address of this page with a token. A node \
                that was part of a cluster finds it again by itself." }
        };
        return alone(guest, "No cluster yet", body);
    }
    let body = html! {
        @if guest.is_exposed { (banner(Tone::Warn, &html! { (EXPOSED) }, None)) }
        p { "Nobody can sign in to this cluster yet. Make the first account, an admin." }
        (faults.summary())
        form.form method="post" action="/setup" {
            (text(Field::new("token", "Setup token").value(token).required().faults(faults)
                .help("Printed once by `portcullis cluster init` and `portcullis dev`; `portcullis operator setup-token` makes another.")))
            (text(Field::new("username", "Username").value(name).known_as("username").required().faults(faults)))
            (password(Field::new("password", "Password").known_as("new-password").required().faults(faults)
                .help("At least 12 characters.")))
            (password(Field::new("again", "Password again").known_as("new-password").required().faults(faults)))
            div { (Button::primary("Create account").draw()) }
        }
    };
    alone(guest, "Set up", body)
}

/// `POST /logout`: the session ends on every node. Where the cluster cannot be told, this browser forgets it all the same.
pub(super) async fn sign_out(visit: Visit) -> Response {
    let mut response = match visit.site().admin().sign_out(&visit.cookie).await {
        Ok(()) => to("/login"),
        Err(error) => Said::new(format!(
            "This browser is signed out. The cluster could not be told: {error}. Whoever has a copy of the session can use it until \
             it has been idle for too long; end it from another node if you can."
        ))
        .then("/login"),
    };
    said::forget(response.headers_mut(), SESSION);
    response
}

fn entered(cookie: &Cookie, next: &str) -> Response {
    let mut headers = HeaderMap::new();
    said::set(&mut headers, said::cookie(SESSION, cookie.reveal().to_owned(), None));
    (headers, to(our_page(next))).into_response()
}

/// Only a path of ours: `//host` and `/\host` lead elsewhere.
fn our_page(next: &str) -> &str {
    let leads_elsewhere = !next.starts_with('/')
        || next.starts_with("//")
        || next.contains('\\')
        || next.chars().any(char::is_control)
        || ["/login", "/logout", "/setup"].contains(&next);
    if leads_elsewhere { HOME } else { next }
}

/// Who asks, for the list of sessions and the log.
pub(super) struct From(Origin);

impl FromRequestParts<Site> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        Ok(Self(Origin {
            address: peer.map_or_else(String::new, |peer| peer.0.ip().to_string()),
            agent: agent.unwrap_or_default().to_owned(),
        }))
    }
}

/// `GET /`.
pub(super) async fn home(State(_): State<Site>) -> Response {
    to(HOME)
}

#[cfg(test)]
mod tests {
    use super::{HOME, our_page};

    #[test]
    fn one_is_sent_to_our_pages_only() {
        for (next, page) in [
            ("/users?q=a", "/users?q=a"),
            ("", HOME),
            ("//evil.example", HOME),
            ("/\\evil.example", HOME),
            ("https://evil.example", HOME),
            ("/a\r\nSet-Cookie: x", HOME),
            ("/login", HOME),
        ] {
            assert_eq!(our_page(next), page, "{next}");
        }
    }
}
