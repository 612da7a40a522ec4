//! The settings that hold for the whole cluster.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::failure::Failure;
use super::form::Given;
use super::format;
use super::page::{Page, Place};
use super::said::Said;
use super::ui::{Button, Faults, Field, Tone, banner, check, hidden, radios, text};
use super::visit::Visit;
use crate::admin::{AdminError, Role, SettingsPatch};
use crate::auth::{ClusterSettings, NoAuthenticator};

/// What the form holds.
struct Sheet {
    no_authenticator: String,
    detailed_reasons: bool,
    max_staleness: String,
    session_idle: String,
    session_lifetime: String,
}

impl Sheet {
    fn of(settings: &ClusterSettings) -> Self {
        Self {
            no_authenticator: match settings.no_authenticator {
                NoAuthenticator::Allow => "allow",
                NoAuthenticator::Deny => "deny",
            }
            .to_owned(),
            detailed_reasons: settings.detailed_reasons,
            max_staleness: format::duration(settings.max_staleness),
            session_idle: format::duration(settings.session_idle),
            session_lifetime: format::duration(settings.session_lifetime),
        }
    }

    fn given(given: &Given) -> Self {
        let text = |name: &str| given.text(name).trim().to_owned();
        Self {
            no_authenticator: text("no_authenticator"),
            detailed_reasons: given.has("detailed_reasons"),
            max_staleness: text("max_staleness"),
            session_idle: text("session_idle"),
            session_lifetime: text("session_lifetime"),
        }
    }

    fn patch(&self, faults: &mut Faults) -> SettingsPatch {
        let mut time = |name: &str, given: &str| match crate::words::duration(given) {
            Ok(time) => Some(time),
            Err(why) => {
                faults.add(name, why);
                None
            }
        };
        SettingsPatch {
            no_authenticator: Some(match self.no_authenticator.as_str() {
                "allow" => NoAuthenticator::Allow,
                _ => NoAuthenticator::Deny,
            }),
            detailed_reasons: Some(self.detailed_reasons),
            max_staleness: time("max_staleness", &self.max_staleness),
            session_idle: time("session_idle", &self.session_idle),
            session_lifetime: time("session_lifetime", &self.session_lifetime),
            ..SettingsPatch::default()
        }
    }
}

/// `GET /settings`.
pub(super) async fn page(visit: Visit) -> Response {
    let settings = visit.site().admin().settings_here().settings;
    drawn(&visit, &settings, &Sheet::of(&settings), &Faults::default())
}

fn drawn(visit: &Visit, settings: &ClusterSettings, sheet: &Sheet, faults: &Faults) -> Response {
    let obstacle = visit.obstacle(Role::Admin);
    let locked = obstacle.is_some();
    let now = visit.site().clock().now();
    let body = html! {
        (faults.summary())
        @if let Some(why) = &obstacle { (banner(Tone::Info, &html! { "You can look, and not change: " (why) }, None)) }
        form.form method="post" action="/settings" data-guard {
            (hidden("revision", &settings.revision.to_string()))
            (radios(
                Field::new("no_authenticator", "A chain without an enabled authenticator").value(&sheet.no_authenticator).disabled(locked)
                    .help("Allow lets every client in. Deny lets nobody in."),
                &[("allow", "Allow"), ("deny", "Deny")],
            ))
            (check(Field::new("detailed_reasons", "Tell clients the exact reason of a denial").disabled(locked)
                .help("Helps to find faults, and helps attackers too: they learn which names exist."), sheet.detailed_reasons))
            (text(Field::new("max_staleness", "Oldest answer").value(&sheet.max_staleness).disabled(locked).faults(faults)
                .help("A node that has lost the cluster for longer stops answering logins, until it is back.")))
            (text(Field::new("session_idle", "Sign out after idling").value(&sheet.session_idle).disabled(locked).faults(faults)))
            (text(Field::new("session_lifetime", "Longest session").value(&sheet.session_lifetime).disabled(locked).faults(faults)))
            div.foot { (Button::primary("Save").unless(obstacle.as_deref()).draw()) }
        }
        @if settings.revision > 0 {
            p.muted.small { "Changed by " (visit.site().admin().name_of(&settings.updated_by)) " " (format::ago(now, settings.updated_at)) ", revision " (settings.revision) "." }
        }
    };
    let lead = html! { "They hold for every node." };
    visit.page(
        Page::new(Place::Settings, "Settings", body)
            .lead(lead)
            .refused(!faults.is_empty()),
    )
}

/// `POST /settings`.
pub(super) async fn save(visit: Visit, given: Given) -> Result<Response, Failure> {
    visit.demand(Role::Admin)?;
    let (sheet, mut faults) = (Sheet::given(&given), Faults::default());
    let patch = sheet.patch(&mut faults);
    let admin = visit.site().admin();
    if faults.is_empty() {
        match admin
            .update_settings(&visit.intent_at(given.number("revision")), patch)
            .await
        {
            Ok(_) => return Ok(Said::new("The settings are saved.").then("/settings")),
            Err(AdminError::RevisionMismatch { .. }) => {
                faults = Faults::whole(
                    "Somebody else has changed the settings since you opened the page. Save again to replace that.",
                );
            }
            Err(error) => faults = Faults::of(&error),
        }
    }
    let settings = admin.settings_here().settings;
    let page = drawn(&visit, &settings, &sheet, &faults);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
