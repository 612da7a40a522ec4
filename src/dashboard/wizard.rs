//! The way to a new authenticator: mechanism, backend, settings; each step has an address of its own.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::addresses::{self, ChainQuery};
use super::authenticator_form::{AuthenticatorForm, draft_from, tests};
use super::authenticator_settings::DraftQuery;
use super::drafts::Draft;
use super::failure::Failure;
use super::form::Given;
use super::kinds::{MECHANISMS, mechanism_word};
use super::page::{Page, Place};
use super::said::{Said, to};
use super::ui::{Button, Faults, Field, hidden, link, prose, select};
use super::visit::Visit;
use crate::admin::{
    self, AdminError, AuthenticatorDraft, AuthenticatorView, BackendInfo, Intent, NodeTest, Position, Role,
};
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
                    span.muted { (prose(kind.schema.get("description").and_then(|text| text.as_str()).unwrap_or_default())) }
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
    /// Of an attempt whose outcome nobody knows; else empty.
    request_id: String,
}

/// The last step, with a draft to go on with.
pub(super) fn address_of(wanted: &AuthenticatorDraft, draft_id: &str) -> Option<String> {
    let step = step_of(admin::kind(&wanted.mechanism, &wanted.backend)?);
    Some(addresses::with(
        &addresses::wizard(&wanted.chain, &step),
        &[("draft", draft_id)],
    ))
}

/// `GET /authenticators/new/{mechanism}/{backend}`.
pub(super) async fn form(
    visit: Visit,
    Path((mechanism, backend)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
    Query(chosen): Query<DraftQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let (kind, chain) = (kind_at(&mechanism, &backend)?, query.name());
    let begun = visit.draft(&chosen.draft).await?;
    if begun.is_none() && !chosen.draft.is_empty() {
        let said = Said::new("The draft is not kept any more. Nothing was added.");
        return Ok(said.then(&addresses::wizard(chain, &step_of(kind))));
    }
    let step = Step {
        draft: begun.map(|draft| draft.wanted).unwrap_or_default(),
        draft_id: chosen.draft,
        ..Step::default()
    };
    Ok(page(&visit, kind, chain, &step))
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
    let (wanted, faults) = draft_from(&given, kind, (chain, given.text("id").trim()), before.as_ref(), None);
    let intent = Intent {
        request_id: request_id(&given, before.as_ref(), &wanted),
        ..visit.intent()
    };
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
        request_id: String::new(),
    };
    let admin = visit.site().admin();
    if step.faults.is_empty() {
        match given.text("action") {
            "test" => match admin.test_authenticator(step.draft.clone()).await {
                Ok(tested) => step.tested = tested,
                Err(error) => step.faults = Faults::of(&error),
            },
            "try" => match admin.check_authenticator(step.draft.clone()) {
                Ok(()) => return Ok(to(&addresses::with("/try", &[("draft", &step.draft_id)]))),
                Err(error) => step.faults = Faults::of(&error),
            },
            _ => match admin.create_authenticator(&intent, step.draft.clone()).await {
                Ok(view) => return Ok(created(&visit, &view, &step).await),
                Err(AdminError::Unavailable { why, unknown: true, .. }) => {
                    let advice = "Send it once more with nothing changed: it is added once at most";
                    step.faults = Faults::whole(format!("It is not known whether it is added: {why}. {advice}."));
                    step.request_id = intent.request_id;
                }
                Err(error) => step.faults = Faults::of(&error),
            },
        }
    }
    let status = if step.faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    Ok((status, page(&visit, kind, chain, &step)).into_response())
}

/// What is sent once more as it was, because nobody knows what became of it, is the same request, and is carried out once.
fn request_id(given: &Given, before: Option<&Draft>, wanted: &AuthenticatorDraft) -> String {
    let earlier = given.text("request_id");
    let is_same = before.is_some_and(|before| before.wanted == *wanted);
    if is_same && !earlier.is_empty() {
        earlier.to_owned()
    } else {
        uuid::Uuid::new_v4().to_string()
    }
}

async fn created(visit: &Visit, view: &AuthenticatorView, step: &Step) -> Response {
    visit.forget_draft(&step.draft_id).await;
    let key = &view.record.key;
    let position = match step.position.split_once(' ') {
        Some(("first", _)) => Some(Position::Front),
        Some(("after", id)) => Some(Position::After(id.to_owned())),
        _ => None,
    };
    let mut said = format!("{} is added.", key.id);
    if let Some(position) = position {
        let admin = visit.site().admin();
        let intent = visit.intent();
        let moved = admin.move_authenticator(&intent, &key.chain, &key.id, position);
        if let Err(why) = moved.await {
            said = format!(
                "{} is added at the end. It could not be moved to where you wanted it: {why}.",
                key.id
            );
        }
    }
    Said::new(said).then(&addresses::chain(&key.chain))
}

fn page(visit: &Visit, kind: &BackendInfo, chain: &str, step: &Step) -> Response {
    let obstacle = visit.obstacle(Role::Editor);
    let form = AuthenticatorForm {
        kind,
        draft: &step.draft,
        faults: &step.faults,
        stored: None,
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
            @if !step.request_id.is_empty() { (hidden("request_id", &step.request_id)) }
            (form.draw())
            (position(visit, chain, &step.position))
            div.foot {
                (link(&back, "Back"))
                (Button::new("Test").sends("action", "test").unless(obstacle.as_deref()).draw())
                (Button::new("Try this draft").sends("action", "try").unless(obstacle.as_deref()).draw())
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

#[cfg(test)]
mod tests {
    use super::{AuthenticatorDraft, Draft, Given, request_id};

    #[test]
    fn only_what_is_sent_again_unchanged_is_the_same_request() {
        let wanted = |id: &str| AuthenticatorDraft {
            id: id.into(),
            ..AuthenticatorDraft::default()
        };
        let given = |pairs: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Given::of(pairs.iter().map(owned).collect())
        };
        let again = given(&[("request_id", "earlier")]);
        let before = Draft {
            wanted: wanted("a"),
            base: None,
        };
        assert_eq!(request_id(&again, Some(&before), &wanted("a")), "earlier");
        assert_ne!(request_id(&again, Some(&before), &wanted("b")), "earlier");
        assert_ne!(request_id(&again, None, &wanted("a")), "earlier");
        let first = request_id(&given(&[]), Some(&before), &wanted("a"));
        assert!(!first.is_empty() && first != request_id(&given(&[]), Some(&before), &wanted("a")));
    }
}
