//! Who administers the cluster: accounts that sign in, and API keys.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::addresses::encoded;
use super::failure::Failure;
use super::form::Given;
use super::format;
use super::page::{Page, Place};
use super::said::Said;
use super::ui::{Button, Faults, Field, Tone, banner, hidden, link, link_unless, password, select, text};
use super::visit::{Visit, role_word};
use crate::admin::{AccountPatch, AdminError, ApiKey, Role};
use crate::auth::Secret;

const ACCOUNT_ROLES: &[(&str, &str)] = &[
    ("viewer", "Viewer: looks"),
    ("editor", "Editor: changes authenticators and users"),
    ("admin", "Admin: everything"),
];
const KEY_ROLES: &[(&str, &str)] = &[
    ("client", "Client: asks for logins"),
    ("viewer", "Viewer: looks"),
    ("editor", "Editor: changes authenticators and users"),
    ("admin", "Admin: everything"),
];

fn role_of(word: &str) -> Option<Role> {
    [Role::Client, Role::Viewer, Role::Editor, Role::Admin]
        .into_iter()
        .find(|role| role_word(*role) == word)
}

/// A page of an account; `page` is empty or begins with a slash.
pub(super) fn account_at(name: &str, page: &str) -> String {
    format!("/operators/accounts/{}{page}", encoded(name))
}

/// A page of a key.
pub(super) fn key_at(id: &str, page: &str) -> String {
    format!("/operators/keys/{}{page}", encoded(id))
}

/// `GET /operators`.
pub(super) async fn page(visit: Visit) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    Ok(drawn(&visit, None, &Faults::default()))
}

fn drawn(visit: &Visit, fresh_key: Option<&ApiKey>, faults: &Faults) -> Response {
    let obstacle = visit.obstacle(Role::Admin);
    let body = html! {
        (faults.summary())
        @if let Some(key) = fresh_key {
            (banner(Tone::Ok, &html! { strong { "This key is shown once: " } code { (key.reveal()) } }, None))
        }
        section.stack { h2 { "Accounts" } (accounts(visit, obstacle.as_deref())) (new_account(faults, obstacle.as_deref())) }
        section.stack { h2 { "API keys" } (keys(visit, obstacle.as_deref())) (new_key(faults, obstacle.as_deref())) }
    };
    let lead = html! { "Accounts sign in here; API keys are for programs." };
    visit.page(
        Page::new(Place::Operators, "Operators", body)
            .lead(lead)
            .refused(!faults.is_empty()),
    )
}

fn accounts(visit: &Visit, obstacle: Option<&str>) -> Markup {
    let now = visit.site().clock().now();
    html! {
        div.card.flush {
            div.scroll tabindex="0" role="region" aria-label="Accounts" {
                table.data {
                    thead { tr { @for name in ["Name", "Role", "Password set", "Made by"] { th scope="col" { (name) } } th scope="col" { span.unseen { "Actions" } } } }
                    tbody {
                        @for account in visit.site().admin().accounts_here() {
                            tr {
                                th scope="row" { a href=(account_at(&account.name, "")) { (account.name) } }
                                td { (role_word(account.role)) }
                                td { (format::ago(now, account.password_changed_at)) }
                                td { (visit.site().admin().name_of(&account.created_by)) }
                                td {
                                    @if account.name != visit.signed.account.name {
                                        (link_unless(&account_at(&account.name, "/delete"), &format!("Delete {}…", account.name), obstacle))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn new_account(faults: &Faults, obstacle: Option<&str>) -> Markup {
    let locked = obstacle.is_some();
    html! {
        details open[faults.of_field("name").or(faults.of_field("password")).is_some()] {
            summary { "Add an account" }
            form.form method="post" action="/operators/accounts" {
                (text(Field::new("name", "Name").required().disabled(locked).faults(faults)))
                (select(Field::new("role", "Role").value("viewer").disabled(locked), ACCOUNT_ROLES))
                (password(Field::new("password", "Password").required().known_as("new-password").disabled(locked).faults(faults)
                    .help("At least 12 characters.")))
                div { (Button::primary("Add account").unless(obstacle).draw()) }
            }
        }
    }
}

fn keys(visit: &Visit, obstacle: Option<&str>) -> Markup {
    let now = visit.site().clock().now();
    html! {
        div.card.flush {
            div.scroll tabindex="0" role="region" aria-label="API keys" {
                table.data {
                    thead { tr { @for name in ["Id", "Name", "Role", "Made"] { th scope="col" { (name) } } th scope="col" { span.unseen { "Actions" } } } }
                    tbody {
                        @for key in visit.site().admin().operators_here() {
                            tr {
                                th scope="row" { code { (key.id) } }
                                td { (key.name) }
                                td { (role_word(key.role)) }
                                td { (format::ago(now, key.created_at)) " by " (visit.site().admin().name_of(&key.created_by)) }
                                td {
                                    (link_unless(&key_at(&key.id, "/delete"), &format!("Delete {}…", key.name), obstacle))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn new_key(faults: &Faults, obstacle: Option<&str>) -> Markup {
    let locked = obstacle.is_some();
    html! {
        details {
            summary { "Add an API key" }
            form.form method="post" action="/operators/keys" {
                (text(Field::new("key_name", "What it is for").required().disabled(locked).faults(faults)))
                (select(Field::new("key_role", "Role").value("client").disabled(locked), KEY_ROLES))
                div { (Button::primary("Add key").unless(obstacle).draw()) }
            }
        }
    }
}

/// `POST /operators/accounts`.
pub(super) async fn add_account(visit: Visit, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let Some(role) = role_of(given.text("role")) else {
        return Err(Failure::unreadable("There is no such role."));
    };
    let (name, secret) = (given.text("name").trim(), Secret::new(given.text("password")));
    let admin = visit.site().admin();
    match admin.create_account(&visit.intent(), name, role, secret).await {
        Ok(account) => Ok(Said::new(format!("{} can sign in.", account.name)).then("/operators")),
        Err(error) => Ok(refused(&visit, &error)),
    }
}

fn refused(visit: &Visit, error: &AdminError) -> Response {
    let page = drawn(visit, None, &Faults::of(error));
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

/// `GET /operators/accounts/{name}`.
pub(super) async fn account(visit: Visit, Path(name): Path<String>) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    account_page(&visit, &name, &Faults::default())
}

fn account_page(visit: &Visit, name: &str, faults: &Faults) -> Result<Response, Failure> {
    let accounts = visit.site().admin().accounts_here();
    let found = accounts.into_iter().find(|account| account.name == name);
    let account = found.ok_or_else(Failure::no_such_page)?;
    let obstacle = visit.obstacle(Role::Admin);
    let body = html! {
        (faults.summary())
        form.form method="post" action=(account_at(&account.name, "")) {
            (hidden("revision", &account.revision.to_string()))
            (select(Field::new("role", "Role").value(role_word(account.role)).faults(faults), ACCOUNT_ROLES))
            (password(Field::new("password", "New password").known_as("new-password").faults(faults)
                .help("Empty: the password stays. Another password ends the account's sessions.")))
            div.foot { (Button::primary("Save").unless(obstacle.as_deref()).draw()) (link("/operators", "Cancel")) }
        }
    };
    let page = Page::new(Place::Operators, &account.name, body).under(&[("/operators", "Operators")]);
    Ok(visit.page(page.refused(!faults.is_empty())))
}

/// `POST /operators/accounts/{name}`.
pub(super) async fn update_account(visit: Visit, Path(name): Path<String>, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let secret = Some(given.text("password")).filter(|text| !text.is_empty());
    let patch = AccountPatch {
        role: role_of(given.text("role")),
        password: secret.map(Secret::new),
    };
    let intent = visit.intent_at(given.number("revision"));
    match visit.site().admin().update_account(&intent, &name, patch).await {
        Ok(_) => Ok(Said::new(format!("{name} is saved.")).then("/operators")),
        Err(error) => {
            let page = account_page(&visit, &name, &Faults::of(&error))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// `POST /operators/keys`: the answer is the only page that ever shows the key.
pub(super) async fn add_key(visit: Visit, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let Some(role) = role_of(given.text("key_role")) else {
        return Err(Failure::unreadable("There is no such role."));
    };
    let name = given.text("key_name").trim();
    match visit.site().admin().create_operator(&visit.intent(), name, role).await {
        Ok(created) => Ok(drawn(&visit, Some(&created.api_key), &Faults::default())),
        Err(AdminError::Invalid(violations)) => {
            let mut faults = Faults::default();
            for violation in violations {
                faults.add(format!("key_{}", violation.field), violation.why);
            }
            Ok((StatusCode::UNPROCESSABLE_ENTITY, drawn(&visit, None, &faults)).into_response())
        }
        Err(error) => Ok(refused(&visit, &error)),
    }
}
