//! Taking an account or a key away: a page that says what ends with it, and the password again.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::failure::Failure;
use super::form::Given;
use super::format::{ago, counted};
use super::operators::{account_at, key_at};
use super::page::{Page, Place};
use super::said::Said;
use super::ui::{Button, Faults, Tone, banner, link};
use super::visit::{Visit, role_word};
use crate::admin::{AdminError, Role};

/// Somebody who may be taken away.
struct Doomed {
    /// What people call it.
    name: String,
    /// Where its form is sent to.
    address: String,
    /// What ends with it.
    loss: Markup,
}

impl Doomed {
    fn account(visit: &Visit, name: &str) -> Result<Self, Failure> {
        let admin = visit.site().admin();
        let found = admin.accounts_here().into_iter().find(|account| account.name == name);
        let account = found.ok_or_else(Failure::no_such_page)?;
        let sessions = admin.sessions_of(name).len() as u64;
        Ok(Self {
            loss: html! {
                (name) " (" (role_word(account.role)) ") can sign in no more, and "
                strong { (counted(sessions, "open session")) } " of it end" @if sessions == 1 { "s" } ", on every node."
            },
            address: account_at(name, "/delete"),
            name: account.name.clone(),
        })
    }

    fn key(visit: &Visit, id: &str) -> Result<Self, Failure> {
        let found = visit
            .site()
            .admin()
            .operators_here()
            .into_iter()
            .find(|key| key.id == id);
        let key = found.ok_or_else(Failure::no_such_page)?;
        let now = visit.site().clock().now();
        Ok(Self {
            loss: html! {
                "The key " code { (id) } " (" (role_word(key.role)) ", made " (ago(now, key.created_at)) ") opens nothing any more: "
                "every program that shows it is refused, on every node. The same key cannot be made again."
            },
            address: key_at(id, "/delete"),
            name: key.name.clone(),
        })
    }

    fn page(&self, visit: &Visit, faults: &Faults) -> Response {
        let obstacle = visit.obstacle(Role::Admin);
        let body = html! {
            (faults.summary())
            (banner(Tone::Down, &html! { strong { "This cannot be undone. " } (self.loss) }, None))
            form.form method="post" action=(self.address) {
                (visit.password_again(faults))
                div.foot { (Button::danger("Delete").unless(obstacle.as_deref()).draw()) (link("/operators", "Keep it")) }
            }
        };
        let title = format!("Delete {}?", self.name);
        let page = Page::new(Place::Operators, &title, body).under(&[("/operators", "Operators")]);
        visit.page(page.refused(!faults.is_empty()))
    }

    /// Takes it away if the password is right.
    async fn end<T>(
        &self,
        visit: &Visit,
        given: &Given,
        deletion: impl Future<Output = Result<T, AdminError>>,
        said: String,
    ) -> Response {
        let faults = match visit.confirm(given.text("password")).await {
            Err(why) => Faults::one("password", why),
            Ok(()) => match deletion.await {
                Ok(_) => return Said::new(said).then("/operators"),
                Err(error) => Faults::of(&error),
            },
        };
        (StatusCode::UNPROCESSABLE_ENTITY, self.page(visit, &faults)).into_response()
    }
}

/// `GET /operators/accounts/{name}/delete`.
pub(super) async fn ask_about_account(visit: Visit, Path(name): Path<String>) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    Ok(Doomed::account(&visit, &name)?.page(&visit, &Faults::default()))
}

/// `POST /operators/accounts/{name}/delete`.
pub(super) async fn delete_account(visit: Visit, Path(name): Path<String>, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let doomed = Doomed::account(&visit, &name)?;
    let deletion = async { visit.site().admin().delete_account(&visit.intent(), &name).await };
    let said = format!("{name} is deleted, and signed out everywhere.");
    Ok(doomed.end(&visit, &given, deletion, said).await)
}

/// `GET /operators/keys/{id}/delete`.
pub(super) async fn ask_about_key(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    Ok(Doomed::key(&visit, &id)?.page(&visit, &Faults::default()))
}

/// `POST /operators/keys/{id}/delete`.
pub(super) async fn delete_key(visit: Visit, Path(id): Path<String>, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let doomed = Doomed::key(&visit, &id)?;
    let deletion = async { visit.site().admin().delete_operator(&visit.intent(), &id).await };
    let said = format!("The key {id} opens nothing any more.");
    Ok(doomed.end(&visit, &given, deletion, said).await)
}
