//! What the pages of one authenticator have in common.

use maud::{Markup, html};

use super::addresses;
use super::authenticators::{fares, switch};
use super::format;
use super::kinds::mechanism_word;
use super::live::subject_topic;
use super::page::{Page, Place};
use super::site::Site;
use super::visit::Visit;
use crate::admin::{AdminError, AuthenticatorStatus, AuthenticatorView, Role};
use crate::auth::AuthenticatorKey;

/// Which of its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Settings,
    Users,
}

/// One authenticator, with how it fares.
pub(super) struct Subject {
    pub(super) view: AuthenticatorView,
    pub(super) status: AuthenticatorStatus,
}

impl Subject {
    /// From memory.
    pub(super) fn of(visit: &Visit, key: &AuthenticatorKey) -> Result<Self, AdminError> {
        Self::on(visit.site(), key)
    }

    /// The same for nobody in particular.
    pub(super) fn on(site: &Site, key: &AuthenticatorKey) -> Result<Self, AdminError> {
        let admin = site.admin();
        let view = admin.authenticator_here(key)?;
        let status = admin.authenticator_status(&key.chain, &key.id)?;
        Ok(Self { view, status })
    }

    pub(super) fn key(&self) -> &AuthenticatorKey {
        &self.view.record.key
    }

    /// How it fares, under the title.
    pub(super) fn fares(&self) -> Markup {
        fares(self.key(), &self.status)
    }

    /// Of what the controls of its pages stand upon.
    pub(super) const fn state(&self) -> u64 {
        self.view.record.revision
    }

    /// The frame of one of its pages.
    pub(super) fn page<'a>(&self, visit: &Visit, tab: Tab, title: &'a str, body: &Markup) -> Page<'a> {
        let (record, key) = (&self.view.record, self.key());
        let obstacle = visit.obstacle(Role::Editor);
        let now = visit.site().clock().now();
        let whole = html! { (self.tabs(tab)) (body) };
        let crumbs = vec![
            (addresses::chain(&key.chain), "Authenticators".to_owned()),
            (addresses::authenticator(key, ""), key.id.clone()),
        ];
        let place = if tab == Tab::Users {
            Place::Users
        } else {
            Place::Authenticators
        };
        let page = Page::new(place, title, whole)
            .lead(html! {
                (self.fares()) " "
                (self.view.title) " · " (mechanism_word(&record.mechanism)) " · changed by " (visit.site().admin().name_of(&record.updated_by)) " "
                (format::ago(now, record.updated_at))
            })
            .actions(html! { (switch(&self.view, obstacle.as_deref())) })
            .live(subject_topic(key))
            .state(self.state());
        let above = if tab == Tab::Overview { 1 } else { 2 };
        Page {
            crumbs: crumbs.into_iter().take(above).collect(),
            ..page
        }
    }

    fn tabs(&self, here: Tab) -> Markup {
        let tab = |tab: Tab, page: &str, name: &str| {
            html! { a href=(addresses::authenticator(self.key(), page)) aria-current=[(tab == here).then_some("page")] { (name) } }
        };
        html! {
            nav.tabs aria-label="Authenticator" {
                (tab(Tab::Overview, "", "Overview"))
                (tab(Tab::Settings, "/settings", "Settings"))
                @if self.view.keeps_users { (tab(Tab::Users, "/users", "Users")) }
            }
        }
    }
}
