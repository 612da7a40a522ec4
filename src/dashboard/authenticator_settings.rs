//! Changing an authenticator: form, test, review of the difference, apply, and what to do when somebody else was faster.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses::{self, ChainQuery};
use super::authenticator_form::{AuthenticatorForm, draft_from, draft_of, patch_of, tests};
use super::authenticator_tabs::{Subject, Tab};
use super::difference::{Change, differences, effects, merged};
use super::drafts::{Draft, read_base, written_base};
use super::failure::Failure;
use super::form::Given;
use super::page::{Page, Place};
use super::said::{Said, to};
use super::ui::{Button, Faults, Tone, banner, hidden, link};
use super::visit::Visit;
use crate::admin::{self, AdminError, AuthenticatorDraft, BackendInfo, Decides, NodeTest, Role};
use crate::auth::{AuthenticatorKey, AuthenticatorRecord, NoAuthenticator};

/// A draft to go on with.
#[derive(Default, Deserialize)]
pub(super) struct DraftQuery {
    #[serde(default)]
    pub(super) draft: String,
}

/// `GET /authenticators/{id}/settings`.
pub(super) async fn form(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    Query(chosen): Query<DraftQuery>,
) -> Result<Response, Failure> {
    let subject = Subject::of(&visit, &query.key(id))?;
    let begun = visit.draft(&chosen.draft).await?;
    if begun.is_none() && !chosen.draft.is_empty() {
        return Ok(gone(subject.key()));
    }
    let draft = begun.unwrap_or_else(|| Draft {
        wanted: draft_of(&subject.view.record),
        base: None,
    });
    Ok(page(&visit, &subject, &draft, &chosen.draft, &Faults::default(), &[]))
}

fn kind_of(subject: &Subject) -> Result<&'static BackendInfo, Failure> {
    let record = &subject.view.record;
    admin::kind(&record.mechanism, &record.backend).ok_or_else(Failure::no_such_page)
}

fn page(
    visit: &Visit,
    subject: &Subject,
    draft: &Draft,
    draft_id: &str,
    faults: &Faults,
    tested: &[NodeTest],
) -> Response {
    let Ok(kind) = kind_of(subject) else {
        return Failure::no_such_page().into_response();
    };
    let obstacle = visit.obstacle(Role::Editor);
    let form = AuthenticatorForm {
        kind,
        draft: &draft.wanted,
        faults,
        stored: Some(&subject.view.record),
        is_locked: obstacle.is_some(),
    };
    let key = subject.key();
    let base = draft.base.as_deref().unwrap_or(&subject.view.record);
    let body = html! {
        @if let Some(why) = &obstacle { (banner(Tone::Info, &html! { "You can look, and not change: " (why) }, None)) }
        @if !tested.is_empty() { (tests(tested)) }
        form.form method="post" action=(addresses::authenticator(key, "/settings")) data-guard {
            (hidden("draft", draft_id))
            (hidden("base", &written_base(base)))
            (form.draw())
            div.foot {
                (Button::new("Test").sends("action", "test").unless(obstacle.as_deref()).draw())
                (Button::new("Try this draft").sends("action", "try").unless(obstacle.as_deref()).draw())
                (Button::primary("Review changes").sends("action", "review").unless(obstacle.as_deref()).draw())
                (super::ui::link_unless(&addresses::authenticator(key, "/delete"), "Delete…", obstacle.as_deref()))
            }
        }
    };
    let title = format!("Settings of {}", key.id);
    visit.page(
        subject
            .page(visit, Tab::Settings, &title, &body)
            .refused(!faults.is_empty()),
    )
}

/// `POST /authenticators/{id}/settings`: tries them, or goes on to the review.
pub(super) async fn submit(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let (record, kind) = (&subject.view.record, kind_of(&subject)?);
    let before = visit.draft(given.text("draft")).await?;
    let names = (&*record.key.chain, &*record.key.id);
    let (wanted, mut faults) = draft_from(&given, kind, names, before.as_ref(), Some(record));
    let wanted = AuthenticatorDraft {
        enabled: Some(record.enabled),
        ..wanted
    };
    let base = before
        .and_then(|draft| draft.base)
        .unwrap_or_else(|| read_base(&given, record));
    let draft = Draft {
        wanted: wanted.clone(),
        base: Some(base),
    };
    let draft_id = visit.keep_draft(given.text("draft"), draft.clone()).await?;
    let mut tested = Vec::new();
    if faults.is_empty() {
        let with_draft = |page: &str| {
            let address = addresses::authenticator(&record.key, page);
            to(&addresses::with(&address, &[("draft", &draft_id)]))
        };
        match given.text("action") {
            "review" => match visit.site().admin().check_authenticator(wanted.clone()) {
                Ok(()) => return Ok(with_draft("/settings/review")),
                Err(error) => faults = Faults::of(&error),
            },
            "try" => match visit.site().admin().check_authenticator(wanted) {
                Ok(()) => return Ok(to(&addresses::with("/try", &[("draft", &draft_id)]))),
                Err(error) => faults = Faults::of(&error),
            },
            _ => match visit.site().admin().test_authenticator(wanted).await {
                Ok(results) => tested = results,
                Err(error) => faults = Faults::of(&error),
            },
        }
    }
    let status = if faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let page = page(&visit, &subject, &draft, &draft_id, &faults, &tested);
    Ok((status, page).into_response())
}

/// `GET /authenticators/{id}/settings/review`.
pub(super) async fn review(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    Query(chosen): Query<DraftQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let Some(draft) = visit.draft(&chosen.draft).await? else {
        return Ok(gone(subject.key()));
    };
    Ok(review_page(&visit, &subject, &draft, &chosen.draft, &Faults::default()))
}

/// A draft lives on one node for a while.
fn gone(key: &AuthenticatorKey) -> Response {
    let said = Said::new("The draft is not kept any more. Nothing was changed; here are the settings as they stand.");
    said.then(&addresses::authenticator(key, "/settings"))
}

/// The draft as it would be stored.
fn filled(visit: &Visit, draft: &Draft) -> AuthenticatorDraft {
    AuthenticatorDraft {
        settings: visit.site().admin().filled_draft(&draft.wanted),
        ..draft.wanted.clone()
    }
}

fn review_page(visit: &Visit, subject: &Subject, draft: &Draft, draft_id: &str, faults: &Faults) -> Response {
    let key = subject.key();
    let changes = differences(&draft_of(&subject.view.record), &filled(visit, draft));
    let obstacle = visit.obstacle(Role::Editor);
    let users = visit.site().admin().count_users(key);
    let back = addresses::with(&addresses::authenticator(key, "/settings"), &[("draft", draft_id)]);
    let body = html! {
        // There are no fields here.
        (faults.placed::<&str>(&[]).summary())
        @if changes.is_empty() {
            p { "Nothing is different." }
            p { (link(&back, "Back to the settings")) }
        } @else {
            (table(&changes))
            @for (tone, effect) in effects(&changes, &subject.view, users) { (banner(tone, &html! { (effect) }, None)) }
            form.actions method="post" action=(addresses::authenticator(key, "/settings/apply")) {
                (hidden("draft", draft_id))
                (Button::primary("Apply").unless(obstacle.as_deref()).draw())
                (link(&back, "Back to the settings"))
            }
        }
    };
    let title = format!("Review changes of {}", key.id);
    visit.page(
        subject
            .page(visit, Tab::Settings, &title, &body)
            .refused(!faults.is_empty()),
    )
}

fn table(changes: &[Change]) -> Markup {
    html! {
        div.card.flush {
            div.scroll tabindex="0" role="region" aria-label="Changes" {
                table.data {
                    thead { tr { th scope="col" { "Setting" } th scope="col" { "Now" } th scope="col" { "After" } } }
                    tbody {
                        @for change in changes {
                            tr {
                                th scope="row" { (change.name) }
                                td.old { code { (change.before) } }
                                td.new { code { (change.after) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /authenticators/{id}/settings/apply`.
pub(super) async fn apply(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let (key, draft_id) = (subject.key().clone(), given.text("draft"));
    let Some(draft) = visit.draft(draft_id).await? else {
        return Ok(gone(&key));
    };
    let revision = draft.base.as_ref().map(|base| base.revision);
    let patch = patch_of(&draft.wanted);
    let admin = visit.site().admin();
    let updated = admin
        .update_authenticator(&visit.intent_at(revision), &key.chain, &key.id, patch)
        .await;
    match updated {
        Ok(view) => {
            visit.forget_draft(draft_id).await;
            let said = format!("Saved as revision {}.", view.record.revision);
            Ok(Said::new(said).then(&addresses::authenticator(&key, "")))
        }
        Err(AdminError::RevisionMismatch { .. }) => {
            // This node knows by now what it was refused for.
            let subject = Subject::of(&visit, &key)?;
            let page = conflict_page(&visit, &subject, &draft, draft_id);
            Ok((StatusCode::PRECONDITION_FAILED, page).into_response())
        }
        Err(error) => {
            let page = review_page(&visit, &subject, &draft, draft_id, &Faults::of(&error));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Somebody else has saved since the form was opened: what both changed needs a choice, the rest is put together.
fn conflict_page(visit: &Visit, subject: &Subject, draft: &Draft, draft_id: &str) -> Response {
    let Some(base) = &draft.base else {
        return gone(subject.key());
    };
    let (key, theirs) = (subject.key(), &subject.view.record);
    let merge = merged(&draft_of(base), &draft_of(theirs), &filled(visit, draft));
    let body = html! {
        (banner(Tone::Warn, &html! {
            strong { (visit.site().admin().name_of(&theirs.updated_by)) " has changed this authenticator since you opened it. " }
            "Nothing of yours is lost, and nothing is saved yet."
        }, None))
        form.form method="post" action=(addresses::authenticator(key, "/settings/merge")) {
            (hidden("draft", draft_id))
            (hidden("revision", &theirs.revision.to_string()))
            div.card.flush {
                div.scroll tabindex="0" role="region" aria-label="Changes of both" {
                    table.data {
                        thead {
                            tr {
                                th scope="col" { "Setting" }
                                th scope="col" { "Before" }
                                th scope="col" { "Theirs" }
                                th scope="col" { "Yours" }
                            }
                        }
                        tbody { @for (at, choice) in merge.iter().enumerate() { (choice_row(at, choice)) } }
                    }
                }
            }
            div.foot {
                (Button::primary("Review the merged settings").draw())
                (link(&addresses::authenticator(key, "/settings"), "Give mine up"))
            }
        }
    };
    let title = format!("Both changed {}", key.id);
    visit.page(subject.page(visit, Tab::Settings, &title, &body).refused(true))
}

fn choice_row(at: usize, choice: &super::difference::Choice) -> Markup {
    let (theirs, yours) = (format!("c{at}-theirs"), format!("c{at}-yours"));
    let name = format!("choose.{}", choice.name);
    html! {
        tr.differs[choice.is_contested()] {
            th scope="row" { (choice.name) }
            td { code { (choice.base) } }
            td {
                div.field.check {
                    input type="radio" id=(theirs) name=(name) value="theirs" checked[!choice.prefers_mine()];
                    label for=(theirs) { code { (choice.theirs) } }
                }
            }
            td {
                div.field.check {
                    input type="radio" id=(yours) name=(name) value="yours" checked[choice.prefers_mine()];
                    label for=(yours) { code { (choice.mine) } }
                }
            }
        }
    }
}

/// `POST /authenticators/{id}/settings/merge`: a draft upon what is stored now.
pub(super) async fn merge(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let (key, draft_id) = (subject.key(), given.text("draft"));
    let Some(draft) = visit.draft(draft_id).await? else {
        return Ok(gone(key));
    };
    let theirs: &AuthenticatorRecord = &subject.view.record;
    let base = draft.base.as_deref().unwrap_or(theirs);
    let choices = merged(&draft_of(base), &draft_of(theirs), &filled(&visit, &draft));
    let mut wanted = draft_of(theirs);
    for choice in choices {
        if given.text(&format!("choose.{}", choice.name)) == "yours" {
            choice.take_mine(&draft.wanted, &mut wanted);
        }
    }
    // What was chosen between is what was shown: a third change in between is a conflict again.
    let mut base = theirs.clone();
    base.revision = given.number("revision").unwrap_or(base.revision);
    let draft_id = visit
        .keep_draft(
            draft_id,
            Draft {
                wanted,
                base: Some(Box::new(base)),
            },
        )
        .await?;
    let address = addresses::authenticator(key, "/settings/review");
    Ok(to(&addresses::with(&address, &[("draft", &draft_id)])))
}

/// `GET /authenticators/{id}/delete`.
pub(super) async fn ask_to_delete(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    Ok(delete_page(&visit, &subject, &Faults::default()))
}

fn delete_page(visit: &Visit, subject: &Subject, faults: &Faults) -> Response {
    let key = subject.key();
    let users = visit.site().admin().count_users(key);
    let obstacle = visit.obstacle(Role::Editor);
    let body = html! {
        (faults.summary())
        (banner(Tone::Down, &html! {
            strong { "This cannot be undone. " }
            "The settings of " (key.id) " and its counters go, on every node."
            @if users > 0 { " With it go " strong { (super::format::counted(users, "user")) } "." }
            @if let Some(follows) = what_follows(visit, subject) { " " strong { (follows) } }
        }, None))
        form.form method="post" action=(addresses::authenticator(key, "/delete")) {
            (super::ui::text(super::ui::Field::new("name", "Type its name").required().faults(faults).help("Exactly as it stands above.")))
            (visit.password_again(faults))
            div.foot {
                (Button::danger("Delete").unless(obstacle.as_deref()).draw())
                (link(&addresses::authenticator(key, ""), "Keep it"))
            }
        }
    };
    let title = format!("Delete {}?", key.id);
    let crumbs = vec![
        (addresses::chain(&key.chain), "Authenticators".to_owned()),
        (addresses::authenticator(key, ""), key.id.clone()),
    ];
    let page = Page::new(Place::Authenticators, &title, body).refused(!faults.is_empty());
    visit.page(Page { crumbs, ..page })
}

/// What becomes of the clients of its chain, if that is something else than before.
fn what_follows(visit: &Visit, subject: &Subject) -> Option<String> {
    let (admin, key) = (visit.site().admin(), subject.key());
    let after = admin.decides_after(key);
    if after == admin.decides(&key.chain) {
        return None;
    }
    let chain = &key.chain;
    Some(match after {
        Decides::Own => return None,
        Decides::Global => format!("Then chain {chain} is gone, and the authenticators of the chain global decide."),
        Decides::Nobody(NoAuthenticator::Allow) => format!("Then every client of chain {chain} is let in."),
        Decides::Nobody(NoAuthenticator::Deny) => format!("Then every client of chain {chain} is denied."),
    })
}

/// `POST /authenticators/{id}/delete`.
pub(super) async fn delete(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    given: Given,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let key = subject.key();
    let mut faults = Faults::default();
    if given.text("name").trim() != key.id {
        faults.add("name", "is not the name of this authenticator");
    } else if let Err(why) = visit.confirm(given.text("password")).await {
        faults.add("password", why);
    }
    if !faults.is_empty() {
        let page = delete_page(&visit, &subject, &faults);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let admin = visit.site().admin();
    let removed = admin.delete_authenticator(&visit.intent(), &key.chain, &key.id).await?;
    let users = super::format::counted(removed.users, "user");
    Ok(Said::new(format!("{} is deleted, with {users}.", key.id)).then(&addresses::chain(&key.chain)))
}
