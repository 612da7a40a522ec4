//! The users of an authenticator: found, made, changed, deleted and put back.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses::{self, ChainQuery};
use super::authenticator_tabs::{Subject, Tab};
use super::failure::Failure;
use super::form::Given;
use super::format;
use super::said::Said;
use super::ui::{
    Button, Faults, Field, area, check, empty, hidden, link, link_unless, password, primary_link, select, text,
};
use super::visit::Visit;
use crate::admin::{AdminError, NewPassword, Role, User, UserDraft, UserList, UserListRequest, UserPatch};
use crate::auth::{AuthenticatorKey, Secret, Timestamp};

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

/// What a form about a user holds.
#[derive(Default)]
struct Sheet {
    user_id: String,
    is_superuser: bool,
    disabled: bool,
    expires_at: String,
    attributes: String,
}

impl Sheet {
    fn of(user: &User) -> Self {
        let lines = user.attributes.iter().map(|(name, value)| format!("{name}: {value}"));
        Self {
            user_id: user.key.user_id.clone(),
            is_superuser: user.is_superuser,
            disabled: user.disabled,
            expires_at: user.expires_at.map_or_else(String::new, format::machine),
            attributes: lines.collect::<Vec<_>>().join("\n"),
        }
    }

    fn given(given: &Given) -> Self {
        Self {
            user_id: given.text("user_id").to_owned(),
            is_superuser: given.has("is_superuser"),
            disabled: given.has("disabled"),
            expires_at: given.text("expires_at").trim().to_owned(),
            attributes: given.text("attributes").replace("\r\n", "\n"),
        }
    }

    fn expiry(&self, faults: &mut Faults) -> Option<Timestamp> {
        if self.expires_at.is_empty() {
            return None;
        }
        let moment = self.expires_at.parse::<jiff::Timestamp>().ok();
        let millis = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
        if millis.is_none() {
            faults.add("expires_at", "is not a time such as 2027-01-31T12:00:00Z");
        }
        millis.map(Timestamp)
    }

    fn attributes(&self, faults: &mut Faults) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        for (at, line) in self
            .attributes
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            match line.split_once(':') {
                Some((name, value)) => {
                    attributes.insert(name.trim().to_owned(), value.trim().to_owned());
                }
                None => faults.add("attributes", format!("line {} is not `name: value`", at + 1)),
            }
        }
        attributes
    }

    fn draw(&self, faults: &Faults, is_locked: bool) -> Markup {
        html! {
            (check(Field::new("is_superuser", "Superuser").disabled(is_locked).faults(faults)
                .help("Whoever asks is told to let it do anything."), self.is_superuser))
            (check(Field::new("disabled", "Disabled").disabled(is_locked).faults(faults).help("It cannot log in."), self.disabled))
            (text(Field::new("expires_at", "Expires at").value(&self.expires_at).disabled(is_locked).faults(faults)
                .placeholder("2027-01-31T12:00:00Z").help("After this instant it cannot log in. Empty: never.")))
            (area(Field::new("attributes", "Attributes").value(&self.attributes).disabled(is_locked).faults(faults)
                .help("Handed to whoever asks, one `name: value` a line.")))
        }
    }
}

fn new_password(given: &Given) -> NewPassword {
    let secret = |name: &str| Some(given.text(name)).filter(|text| !text.is_empty()).map(Secret::new);
    NewPassword {
        password: secret("password"),
        password_hash: secret("password_hash"),
        salt: given.text("salt").to_owned(),
        ..NewPassword::default()
    }
}

/// `GET /authenticators/{id}/users/new`.
pub(super) async fn new(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    Ok(new_page(&visit, &subject, &Sheet::default(), &Faults::default()))
}

fn new_page(visit: &Visit, subject: &Subject, sheet: &Sheet, faults: &Faults) -> Response {
    let owner = subject.key();
    let obstacle = visit.obstacle(Role::Editor);
    let body = html! {
        (faults.summary())
        form.form method="post" action=(addresses::authenticator(owner, "/users/new")) data-guard {
            (text(Field::new("user_id", "Name").value(&sheet.user_id).required().faults(faults).help("As clients send it.")))
            (password(Field::new("password", "Password").known_as("new-password").faults(faults)))
            details {
                summary { "A hash instead of a password" }
                div.stack {
                    (password(Field::new("password_hash", "Hash").faults(faults).help("As its algorithm writes it; what names its algorithm itself is recognised.")))
                    (text(Field::new("salt", "Salt").faults(faults)))
                }
            }
            (sheet.draw(faults, false))
            div.foot {
                (Button::primary("Add user").unless(obstacle.as_deref()).draw())
                (link(&addresses::authenticator(owner, "/users"), "Cancel"))
            }
        }
    };
    let title = format!("Add a user to {}", owner.id);
    visit.page(
        subject
            .page(visit, Tab::Users, &title, &body)
            .refused(!faults.is_empty()),
    )
}

/// `POST /authenticators/{id}/users/new`.
pub(super) async fn create(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let owner = subject.key();
    let (sheet, mut faults) = (Sheet::given(&given), Faults::default());
    let draft = UserDraft {
        chain: owner.chain.clone(),
        authenticator: owner.id.clone(),
        user_id: sheet.user_id.clone(),
        password: new_password(&given),
        is_superuser: sheet.is_superuser,
        disabled: sheet.disabled,
        expires_at: sheet.expiry(&mut faults),
        attributes: sheet.attributes(&mut faults),
        ..UserDraft::default()
    };
    if faults.is_empty() {
        match visit.site().admin().create_user(&visit.intent(), draft).await {
            Ok(user) => {
                let said = Said::new(format!("{} can log in.", user.key.user_id));
                return Ok(said.then(&addresses::authenticator(owner, "/users")));
            }
            Err(AdminError::AlreadyExists { .. }) => faults.add("user_id", "is the name of a user already"),
            Err(error) => faults = Faults::of(&error),
        }
    }
    let page = new_page(&visit, &subject, &sheet, &faults);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// `GET /authenticators/{id}/users/{user}`.
pub(super) async fn edit(
    visit: Visit,
    Path((id, user_id)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    let subject = Subject::of(&visit, &query.key(id))?;
    let user = visit.site().admin().user_here(subject.key(), &user_id)?;
    Ok(edit_page(
        &visit,
        &subject,
        &user,
        &Sheet::of(&user),
        &Faults::default(),
    ))
}

fn edit_page(visit: &Visit, subject: &Subject, user: &User, sheet: &Sheet, faults: &Faults) -> Response {
    let (owner, name) = (subject.key(), &user.key.user_id);
    let obstacle = visit.obstacle(Role::Editor);
    let now = visit.site().clock().now();
    let body = html! {
        (faults.summary())
        dl.pairs {
            dt { "Hash" } dd { (user.hash) }
            dt { "Changed" } dd { (format::ago(now, user.updated_at)) " · revision " (user.revision) }
        }
        form.form method="post" action=(addresses::user(owner, name, "")) data-guard {
            (hidden("revision", &user.revision.to_string()))
            (sheet.draw(faults, obstacle.is_some()))
            (password(Field::new("password", "New password").known_as("new-password").disabled(obstacle.is_some()).faults(faults)
                .help("Empty: the password stays as it is.")))
            div.foot {
                (Button::primary("Save").unless(obstacle.as_deref()).draw())
                (link(&addresses::authenticator(owner, "/users"), "Cancel"))
            }
        }
        form.actions method="post" action=(addresses::user(owner, name, "/delete")) {
            (Button::danger("Delete").unless(obstacle.as_deref()).draw())
            a href=(addresses::with("/try", &[("username", name)])) { "Try a login" }
        }
    };
    visit.page(subject.page(visit, Tab::Users, name, &body).refused(!faults.is_empty()))
}

/// `POST /authenticators/{id}/users/{user}`.
pub(super) async fn update(
    visit: Visit,
    Path((id, user_id)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let owner = subject.key();
    let (sheet, mut faults) = (Sheet::given(&given), Faults::default());
    let password = Some(new_password(&given)).filter(|new| new.password.is_some());
    let patch = UserPatch {
        password,
        is_superuser: Some(sheet.is_superuser),
        disabled: Some(sheet.disabled),
        expires_at: Some(sheet.expiry(&mut faults)),
        attributes: Some(sheet.attributes(&mut faults)),
    };
    let admin = visit.site().admin();
    if faults.is_empty() {
        let intent = visit.intent_at(given.number("revision"));
        match admin
            .update_user(&intent, (&owner.chain, &owner.id, &user_id), patch)
            .await
        {
            Ok(_) => {
                let said = Said::new(format!("{user_id} is saved."));
                return Ok(said.then(&addresses::authenticator(owner, "/users")));
            }
            Err(AdminError::RevisionMismatch { .. }) => {
                faults = Faults::whole(
                    "Somebody else has changed this user since you opened the page. Save again to replace that.",
                );
            }
            Err(error) => faults = Faults::of(&error),
        }
    }
    let user = admin.user_here(owner, &user_id)?;
    let page = edit_page(&visit, &subject, &user, &sheet, &faults);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// `POST /authenticators/{id}/users/{user}/delete`: with a way back.
pub(super) async fn delete(
    visit: Visit,
    Path((id, user_id)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let owner = query.key(id);
    let (site, now) = (visit.site(), visit.site().clock().instant());
    let remembered = site.admin().remember_user(&owner, &user_id)?;
    site.admin()
        .delete_user(&visit.intent(), &owner.chain, &owner.id, &user_id)
        .await?;
    let said = Said::new(format!("{user_id} is deleted."));
    let kept = site.deleted().keep("", &visit.signed.session_id, remembered, now).ok();
    let said = match &kept {
        Some(kept) => said.with_undo(addresses::authenticator(&owner, "/users/restore"), &[("kept", kept)]),
        None => said,
    };
    Ok(said.then(&addresses::authenticator(&owner, "/users")))
}

/// `POST /authenticators/{id}/users/restore`.
pub(super) async fn restore(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let owner = query.key(id);
    let (site, now) = (visit.site(), visit.site().clock().instant());
    let list = addresses::authenticator(&owner, "/users");
    let session = &visit.signed.session_id;
    let Some(remembered) = site.deleted().find(given.text("kept"), session, now) else {
        return Ok(Said::new("This user is not remembered any more.").then(&list));
    };
    let name = remembered.user_id().to_owned();
    site.admin().restore_user(&visit.intent(), remembered).await?;
    site.deleted().forget(given.text("kept"), session);
    Ok(Said::new(format!("{name} is back.")).then(&list))
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
