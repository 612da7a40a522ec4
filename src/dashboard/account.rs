//! One's own account: password, sessions, looks.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use maud::{Markup, html};

use super::failure::Failure;
use super::form::Given;
use super::format;
use super::page::{Page, Place};
use super::said::{self, Said};
use super::ui::{Button, Faults, Field, check, hidden, password, radios};
use super::visit::{KEYS, OFF, THEME, Theme, Visit, role_word};
use crate::admin::SignInError;
use crate::auth::Secret;

const A_YEAR: Duration = Duration::days(365);

/// `GET /account`.
pub(super) async fn page(visit: Visit) -> Response {
    drawn(&visit, &Faults::default())
}

fn drawn(visit: &Visit, faults: &Faults) -> Response {
    let account = &visit.signed.account;
    let obstacle = visit.standing.why_not_writable();
    let body = html! {
        (faults.summary())
        section.card.stack {
            h2 { "Looks" }
            form.form method="post" action="/account/theme" {
                (radios(Field::new("theme", "Theme").value(visit.guest.theme.word()), &[
                    ("auto", "As the system"), ("light", "Light"), ("dark", "Dark"),
                ]))
                (check(Field::new("keys", "Single letters lead somewhere").help("`g u` to the users, `/` to the search field, and so on."), visit.guest.has_keys))
                div { (Button::new("Use").draw()) }
            }
        }
        section.card.stack {
            h2 { "Password" }
            form.form method="post" action="/account/password" {
                input type="text" name="username" value=(account.name) autocomplete="username" hidden aria-hidden="true" tabindex="-1";
                (password(Field::new("password", "Password now").required().known_as("current-password").faults(faults)))
                (password(Field::new("new_password", "New password").required().known_as("new-password").faults(faults)
                    .help("At least 12 characters. Your other sessions end.")))
                (password(Field::new("again", "New password again").required().known_as("new-password").faults(faults)))
                div { (Button::primary("Change password").unless(obstacle.as_deref()).draw()) }
            }
        }
        section.stack { h2 { "Sessions" } (sessions(visit, obstacle.as_deref())) }
    };
    let lead = html! { (account.name) " · " (role_word(account.role)) };
    visit.page(
        Page::new(Place::Account, "Your account", body)
            .lead(lead)
            .refused(!faults.is_empty()),
    )
}

fn sessions(visit: &Visit, obstacle: Option<&str>) -> Markup {
    let now = visit.site().clock().now();
    html! {
        div.card.flush {
            div.scroll tabindex="0" role="region" aria-label="Sessions" {
                table.data {
                    thead { tr { @for name in ["Browser", "Address", "Opened", "Used"] { th scope="col" { (name) } } th scope="col" { span.unseen { "Actions" } } } }
                    tbody {
                        @for session in visit.site().admin().sessions_of(&visit.signed.account.name) {
                            tr {
                                th scope="row" { @if session.agent.is_empty() { "It does not say" } @else { (session.agent) } }
                                td { (session.address) }
                                td { (format::ago(now, session.opened_at)) }
                                td { (format::ago(now, session.renewed_at)) }
                                td {
                                    @if session.id == visit.signed.session_id { "This one" } @else {
                                        form method="post" action="/account/sessions" {
                                            (hidden("session", &session.id))
                                            (Button::new("End").named("End this session").unless(obstacle).draw())
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        form method="post" action="/account/sessions" { (Button::new("End all others").unless(obstacle).draw()) }
    }
}

/// `POST /account/theme`: for a year, in this browser.
pub(super) async fn theme(_: Visit, given: Given) -> Response {
    let keys = if given.has("keys") { "on" } else { OFF };
    let mut headers = HeaderMap::new();
    for (name, word) in [(THEME, Theme::of(given.text("theme")).word()), (KEYS, keys)] {
        let kept = Cookie::build((name, word))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(A_YEAR);
        said::set(&mut headers, kept.build());
    }
    (headers, said::to("/account")).into_response()
}

/// `POST /account/password`.
pub(super) async fn change_password(visit: Visit, given: Given) -> Result<Response, Failure> {
    let faults = if given.text("new_password") == given.text("again") {
        let (old, new) = (
            Secret::new(given.text("password")),
            Secret::new(given.text("new_password")),
        );
        match visit.site().admin().change_own_password(&visit.cookie, old, new).await {
            Ok(()) => {
                return Ok(Said::new("Your password is changed, and your other sessions are over.").then("/account"));
            }
            Err(SignInError::Unavailable(error)) => Faults::of(&error),
            Err(error) => Faults::one("password", why(&error)),
        }
    } else {
        Faults::one("again", "is not the same password")
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, drawn(&visit, &faults)).into_response())
}

/// What is wrong with a password that was given.
pub(super) fn why(error: &SignInError) -> String {
    match error {
        SignInError::Wrong => "is not your password".to_owned(),
        SignInError::TooMany { retry_after } => {
            format!(
                "was tried too often: try again in {} seconds",
                retry_after.as_secs().max(1)
            )
        }
        SignInError::Unavailable(error) => error.to_string(),
    }
}

/// `POST /account/sessions`: ends one, or all others.
pub(super) async fn end_sessions(visit: Visit, given: Given) -> Result<Response, Failure> {
    let admin = visit.site().admin();
    match given.text("session") {
        "" => admin.end_other_sessions(&visit.intent(), &visit.cookie).await?,
        id => {
            let account = &visit.signed.account.name;
            admin.end_session(&visit.intent(), account, id).await?;
        }
    }
    Ok(Said::new("Ended, on every node.").then("/account"))
}
