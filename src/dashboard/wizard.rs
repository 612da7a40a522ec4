//! The way to a new authenticator: mechanism, backend, settings; each step has an address of its own.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::addresses::{self, ChainQuery};
use super::authenticator_form::{AuthenticatorForm, draft_from, tests};
use super::drafts::{Draft, held};
use super::failure::Failure;
use super::form::Given;
use super::kinds::{MECHANISMS, mechanism_word};
use super::page::{Page, Place};
use super::said::{Said, to};
use super::ui::{Button, Faults, Field, hidden, link, select};
use super::visit::Visit;
use crate::admin::{self, AuthenticatorDraft, AuthenticatorView, BackendInfo, NodeTest, Position, Role};
use crate::auth::default_id;

/// In an address there is no empty name; JWT has no backend.
const NO_BACKEND: &str = "none";

fn crumbs(chain: &str) -> Vec<(String, String)> {
    vec![(addresses::chain(chain), "Authenticators".to_owned())]
}

fn of_mechanism(mechanism: &str) -> impl Iterator<Item = &'static BackendInfo> {
    let mechanism = mechanism.to_owned();
    admin::kinds().iter().filter(move |kind| kind.mechanism == mechanism)
}

fn step_of(kind: &BackendInfo) -> String {
    let backend = if kind.backend.is_empty() {
        NO_BACKEND
    } else {
        kind.backend
    };
    format!("/{}/{backend}", kind.mechanism)
}

/// `GET /authenticators/new`.
pub(super) async fn mechanisms(visit: Visit, Query(query): Query<ChainQuery>) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let chain = query.name();
    let body = html! {
        h2 { "How does the client prove itself?" }
        div.choices {
            @for (name, title, what) in MECHANISMS {
                a href=(addresses::wizard(chain, &format!("/{name}"))) { strong { (title) } span.muted { (what) } }
            }
        }
        p { (link(&addresses::chain(chain), "Cancel")) }
    };
    let page = Page::new(Place::Authenticators, "Add authenticator", body).lead(html! { "Step 1 of 3" });
    Ok(visit.page(Page {
        crumbs: crumbs(chain),
        ..page
    }))
}

/// `GET /authenticators/new/{mechanism}`. A mechanism with one kind alone has nothing to choose.
pub(super) async fn backends(
    visit: Visit,
    Path(mechanism): Path<String>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let chain = query.name();
    let kinds: Vec<_> = of_mechanism(&mechanism).collect();
    match kinds.as_slice() {
        [] => return Err(Failure::no_such_page()),
        [only] => return Ok(to(&addresses::wizard(chain, &step_of(only)))),
        _ => {}
    }
    let used: Vec<_> = ids_of(&visit, chain);
    let body = html! {
        (chosen(chain, &mechanism))
        h2 { "Where are the credentials?" }
        div.choices {
            @for kind in kinds {
                @let is_used = used.contains(&default_id(kind.mechanism, kind.backend));
                a href=(addresses::wizard(chain, &step_of(kind))) {
                    strong { (kind.title) }
                    span.muted { (kind.schema.get("description").and_then(|text| text.as_str()).unwrap_or_default()) }
                    @if is_used { span.small { "Added already; another one needs a name of its own." } }
                }
            }
        }
        p { (link(&addresses::wizard(chain, ""), "Back")) }
    };
    let page = Page::new(Place::Authenticators, "Add authenticator", body).lead(html! { "Step 2 of 3" });
    Ok(visit.page(Page {
        crumbs: crumbs(chain),
        ..page
    }))
}

fn ids_of(visit: &Visit, chain: &str) -> Vec<String> {
    let rows = visit.site().admin().chain_status(chain);
    rows.into_iter().map(|(view, _)| view.record.key.id).collect()
}

fn chosen(chain: &str, mechanism: &str) -> Markup {
    html! {
        p { "✓ " (mechanism_word(mechanism)) " " a href=(addresses::wizard(chain, "")) aria-label="Change the mechanism" { "Change" } }
    }
}

/// What the last step shows.
#[derive(Default)]
struct Step {
    draft: AuthenticatorDraft,
    position: String,
    draft_id: String,
    faults: Faults,
    tested: Vec<NodeTest>,
}

/// `GET /authenticators/new/{mechanism}/{backend}`.
pub(super) async fn form(
    visit: Visit,
    Path((mechanism, backend)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let kind = kind_at(&mechanism, &backend)?;
    Ok(page(&visit, kind, query.name(), &Step::default()))
}

fn kind_at(mechanism: &str, backend: &str) -> Result<&'static BackendInfo, Failure> {
    let backend = if backend == NO_BACKEND { "" } else { backend };
    admin::kind(mechanism, backend).ok_or_else(Failure::no_such_page)
}

/// `POST /authenticators/new/{mechanism}/{backend}`: tries it, or makes it.
pub(super) async fn submit(
    visit: Visit,
    Path((mechanism, backend)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let kind = kind_at(&mechanism, &backend)?;
    let chain = query.name();
    let before = visit.draft(given.text("draft")).await?;
    let (wanted, faults) = draft_from(
        &given,
        kind,
        (chain, given.text("id").trim()),
        &held(before.as_ref(), None),
    );
    let draft = Draft {
        wanted: wanted.clone(),
        base: None,
    };
    let mut step = Step {
        draft_id: visit.keep_draft(given.text("draft"), draft).await?,
        position: given.text("position").to_owned(),
        draft: wanted,
        faults,
        tested: Vec::new(),
    };
    let admin = visit.site().admin();
    if step.faults.is_empty() && given.text("action") == "test" {
        match admin.test_authenticator(step.draft.clone()).await {
            Ok(tested) => step.tested = tested,
            Err(error) => step.faults = Faults::of(&error),
        }
    } else if step.faults.is_empty() {
        match admin.create_authenticator(&visit.intent(), step.draft.clone()).await {
            Ok(view) => return created(&visit, &view, &step).await,
            Err(error) => step.faults = Faults::of(&error),
        }
    }
    let status = if step.faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    Ok((status, page(&visit, kind, chain, &step)).into_response())
}

async fn created(visit: &Visit, view: &AuthenticatorView, step: &Step) -> Result<Response, Failure> {
    visit.forget_draft(&step.draft_id).await;
    let key = &view.record.key;
    let position = match step.position.split_once(' ') {
        Some(("first", _)) => Some(Position::Front),
        Some(("after", id)) => Some(Position::After(id.to_owned())),
        _ => None,
    };
    if let Some(position) = position {
        let admin = visit.site().admin();
        admin
            .move_authenticator(&visit.intent(), &key.chain, &key.id, position)
            .await?;
    }
    Ok(Said::new(format!("{} is added.", key.id)).then(&addresses::chain(&key.chain)))
}

fn page(visit: &Visit, kind: &BackendInfo, chain: &str, step: &Step) -> Response {
    let obstacle = visit.obstacle(Role::Editor);
    let form = AuthenticatorForm {
        kind,
        draft: &step.draft,
        faults: &step.faults,
        is_new: true,
        is_locked: false,
    };
    let here = addresses::wizard(chain, &step_of(kind));
    let has_choice = of_mechanism(kind.mechanism).nth(1).is_some();
    let back = if has_choice {
        addresses::wizard(chain, &format!("/{}", kind.mechanism))
    } else {
        addresses::wizard(chain, "")
    };
    let body = html! {
        (chosen(chain, kind.mechanism))
        @if has_choice { p { "✓ " (kind.title) " " a href=(back) aria-label="Change the backend" { "Change" } } }
        @if !step.tested.is_empty() { (tests(&step.tested)) }
        form.form method="post" action=(here) data-guard {
            (hidden("draft", &step.draft_id))
            (form.draw())
            (position(visit, chain, &step.position))
            div.foot {
                (link(&back, "Back"))
                (Button::new("Test").sends("action", "test").unless(obstacle.as_deref()).draw())
                (Button::primary("Create").sends("action", "create").unless(obstacle.as_deref()).draw())
            }
        }
    };
    let steps = if has_choice { "Step 3 of 3" } else { "Step 2 of 2" };
    let title = format!("Add {}", kind.title);
    let page = Page::new(Place::Authenticators, &title, body)
        .lead(html! { (steps) })
        .refused(!step.faults.is_empty());
    visit.page(Page {
        crumbs: crumbs(chain),
        ..page
    })
}

fn position(visit: &Visit, chain: &str, chosen: &str) -> Markup {
    let ids = ids_of(visit, chain);
    if ids.is_empty() {
        return html! {};
    }
    let after: Vec<_> = ids
        .iter()
        .map(|id| (format!("after {id}"), format!("After {id}")))
        .collect();
    let mut choices = vec![("last ", "Last"), ("first ", "First")];
    choices.extend(after.iter().map(|(value, shown)| (value.as_str(), shown.as_str())));
    select(Field::new("position", "Position").value(chosen), &choices)
}
