//! The users of an authenticator, found and listed.

use axum::extract::{Path, Query};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses::{self, ChainQuery};
use super::authenticator_tabs::{Subject, Tab};
use super::failure::Failure;
use super::format;
use super::ui::{Button, Field, empty, hidden, link, link_unless, primary_link, select, text};
use super::visit::Visit;
use crate::admin::{Role, User, UserList, UserListRequest};
use crate::auth::{AuthenticatorKey, Timestamp};

const ROWS: i32 = 50;
/// Between the steps of a trail; no page token holds it.
const STEP: &str = ",";
const LONGEST_TRAIL: usize = 30;

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    contains: String,
    #[serde(default)]
    superuser: String,
    #[serde(default)]
    after: String,
    /// Where the pages before this one began, for the way back.
    #[serde(default)]
    trail: String,
}

impl Search {
    fn is_empty(&self) -> bool {
        self.prefix.is_empty() && self.contains.is_empty() && self.superuser.is_empty()
    }

    fn request(&self, owner: &AuthenticatorKey) -> UserListRequest {
        UserListRequest {
            chain: owner.chain.clone(),
            authenticator: owner.id.clone(),
            prefix: self.prefix.clone(),
            contains: self.contains.clone(),
            is_superuser: match self.superuser.as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            page_size: ROWS,
            page_token: self.after.clone(),
        }
    }

    fn address(&self, list: &str, after: &str, trail: &str) -> String {
        let query = [
            ("prefix", &*self.prefix),
            ("contains", &*self.contains),
            ("superuser", &*self.superuser),
            ("after", after),
            ("trail", trail),
        ];
        addresses::with(list, &query)
    }

    fn next(&self, list: &str, after: &str) -> String {
        let steps: Vec<_> = self.trail.split(STEP).chain([&*self.after]).collect();
        let kept = steps
            .get(steps.len().saturating_sub(LONGEST_TRAIL)..)
            .unwrap_or_default();
        self.address(list, after, &kept.join(STEP))
    }

    /// Beyond what the trail remembers one begins anew.
    fn previous(&self, list: &str) -> String {
        match self.trail.rsplit_once(STEP) {
            Some((trail, after)) => self.address(list, after, trail),
            None => self.address(list, "", ""),
        }
    }
}

/// `GET /authenticators/{id}/users`.
pub(super) async fn list(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let subject = Subject::of(&visit, &query.key(id))?;
    let owner = subject.key();
    let admin = visit.site().admin();
    let page = admin.users_here(search.request(owner)).await?;
    let here = addresses::authenticator(owner, "/users");
    let obstacle = visit.obstacle(Role::Editor);
    let body = html! {
        div.actions {
            span.muted { (format::counted(admin.count_users(owner), "user")) }
            (link_unless(&addresses::authenticator(owner, "/users/import"), "Import…", obstacle.as_deref()))
            (primary_link(&addresses::authenticator(owner, "/users/new"), "Add user", obstacle.as_deref()))
        }
        (filters(&search, &here, &query.chain))
        (table(&visit, owner, &page, &search, &here, obstacle.as_deref()))
    };
    let title = format!("Users of {}", owner.id);
    Ok(visit.page(subject.page(&visit, Tab::Users, &title, &body)))
}

fn filters(search: &Search, here: &str, chain: &str) -> Markup {
    html! {
        form.filters role="search" method="get" action=(here.split('?').next().unwrap_or(here)) {
            @if !chain.is_empty() { (hidden("chain", chain)) }
            (text(Field::new("prefix", "Name starts with").value(&search.prefix)))
            (text(Field::new("contains", "Name contains").value(&search.contains)))
            (select(Field::new("superuser", "Superuser").value(&search.superuser), &[("", "Any"), ("yes", "Yes"), ("no", "No")]))
            (Button::new("Search").draw())
            @if !search.is_empty() { (link(here, "Clear")) }
        }
    }
}

fn table(
    visit: &Visit,
    owner: &AuthenticatorKey,
    page: &UserList,
    search: &Search,
    here: &str,
    obstacle: Option<&str>,
) -> Markup {
    let now = visit.site().clock().now();
    let is_more = !page.next_page_token.is_empty();
    if page.users.is_empty() && !is_more {
        let add = primary_link(&addresses::authenticator(owner, "/users/new"), "Add user", obstacle);
        return html! {
            div.card {
                @if search.is_empty() {
                    (empty("No users yet", "Add one, or import a file of them.", &add))
                } @else {
                    (empty("Nobody is called that", "No user fits what you look for.", &link(here, "Clear")))
                }
            }
        };
    }
    html! {
        div.card.flush {
            div.scroll tabindex="0" role="region" aria-label="Users" {
                table.data {
                    thead {
                        tr {
                            @for name in ["Name", "Superuser", "State", "Hash", "Changed"] { th scope="col" { (name) } }
                        }
                    }
                    tbody { @for user in &page.users { (row(owner, user, now)) } }
                }
            }
        }
        nav.actions aria-label="Pages" {
            @if !search.after.is_empty() {
                (link(&search.address(here, "", ""), "First page"))
                (link(&search.previous(here), "Previous page"))
            }
            @if is_more { (link(&search.next(here, &page.next_page_token), "Next page")) }
        }
    }
}

fn row(owner: &AuthenticatorKey, user: &User, now: Timestamp) -> Markup {
    let name = &user.key.user_id;
    let is_over = user.expires_at.is_some_and(|end| end <= now);
    html! {
        tr {
            th scope="row" { a href=(addresses::user(owner, name, "")) { (name) } }
            td { @if user.is_superuser { "Yes" } @else { "No" } }
            td { @if user.disabled { "Disabled" } @else if is_over { "Expired" } @else { "Active" } }
            td { (user.hash) }
            td { (format::ago(now, user.updated_at)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Search;

    #[test]
    fn the_way_back_leads_over_the_pages_that_were_seen() {
        let at = |after: &str, trail: &str| Search {
            prefix: "dev".into(),
            after: after.into(),
            trail: trail.into(),
            ..Search::default()
        };
        assert_eq!(
            at("", "").next("/users", "one"),
            "/users?prefix=dev&after=one&trail=%2C"
        );
        assert_eq!(at("one", ",").previous("/users"), "/users?prefix=dev");
        assert_eq!(
            at("one", ",").next("/users", "two"),
            "/users?prefix=dev&after=two&trail=%2C%2Cone"
        );
        assert_eq!(
            at("two", ",,one").previous("/users"),
            "/users?prefix=dev&after=one&trail=%2C"
        );
    }
}
