//! Before what cannot be undone: the password once more, unless it was given a moment ago.

use maud::{Markup, html};

use super::account::why;
use super::ui::{Faults, Field, password};
use super::visit::Visit;
use crate::auth::Secret;

impl Visit {
    /// The field for it, where it has to be given.
    pub(super) fn password_again(&self, faults: &Faults) -> Markup {
        if self.site().admin().is_confirmed(&self.cookie) {
            return html! {};
        }
        password(
            Field::new("password", "Your password")
                .required()
                .known_as("current-password")
                .faults(faults)
                .help("Asked again before what cannot be undone."),
        )
    }

    /// Checks what was typed there. The error says what is wrong.
    pub(super) async fn confirm(&self, password: &str) -> Result<(), String> {
        let admin = self.site().admin();
        if admin.is_confirmed(&self.cookie) {
            return Ok(());
        }
        let confirmed = admin.confirm_password(&self.cookie, Secret::new(password)).await;
        confirmed.map_err(|error| why(&error))
    }
}
