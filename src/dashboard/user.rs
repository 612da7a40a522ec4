//! One user of an authenticator: made, changed, deleted and put back.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::addresses::{self, ChainQuery};
use super::authenticator_tabs::{Subject, Tab};
use super::failure::Failure;
use super::form::{Given, texts_by_name};
use super::format;
use super::said::Said;
use super::ui::{Button, Faults, Field, area, check, hidden, link, password, text};
use super::visit::Visit;
use crate::admin::{AdminError, NewPassword, RememberedUser, Role, Shelf, User, UserDraft, UserPatch};
use crate::auth::{Secret, Timestamp};

/// The fields of a form about a user, as faults name them and as the form does.
const PLACES: &[(&str, &str)] = &[
    ("password", "password"),
    ("is_superuser", "is_superuser"),
    ("disabled", "disabled"),
    ("expires_at", "expires_at"),
    ("attributes", "attributes"),
];
/// Those that only a new user's form has.
const PLACES_OF_NEW: &[(&str, &str)] = &[
    ("user_id", "user_id"),
    ("password.password_hash", "password_hash"),
    ("password.salt", "salt"),
];

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
    let faults = &faults.placed(&[PLACES_OF_NEW, PLACES].concat());
    let body = html! {
        (faults.summary())
        form.form method="post" action=(addresses::authenticator(owner, "/users/new")) data-guard {
            (text(Field::new("user_id", "Name").value(&sheet.user_id).required().faults(faults).help("As clients send it.")))
            (password(Field::new("password", "Password").known_as("new-password").faults(faults)))
            details open[["password_hash", "salt"].iter().any(|field| faults.touch(field))] {
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
        attributes: texts_by_name(&sheet.attributes, "attributes", &mut faults),
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
    let faults = &faults.placed(PLACES);
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
        attributes: Some(texts_by_name(&sheet.attributes, "attributes", &mut faults)),
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
    let admin = visit.site().admin();
    let remembered = admin.remember_user(&owner, &user_id)?;
    admin
        .delete_user(&visit.intent(), &owner.chain, &owner.id, &user_id)
        .await?;
    let said = Said::new(format!("{user_id} is deleted."));
    let kept = admin.keep(Shelf::Deleted, &visit.signed, "", &remembered).await.ok();
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
    let (admin, kept) = (visit.site().admin(), given.text("kept"));
    let list = addresses::authenticator(&owner, "/users");
    let remembered = admin
        .find::<RememberedUser>(Shelf::Deleted, &visit.signed, kept)
        .await?;
    let Some(remembered) = remembered else {
        return Ok(Said::new("This user is not remembered any more.").then(&list));
    };
    let name = remembered.user_id().to_owned();
    admin.restore_user(&visit.intent(), remembered).await?;
    admin.forget(Shelf::Deleted, &visit.signed, kept).await;
    Ok(Said::new(format!("{name} is back.")).then(&list))
}
