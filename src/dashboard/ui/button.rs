//! Buttons and links that look like them.

use maud::{Markup, html};

/// A submit button. Whoever may not press it sees it disabled, with the reason.
#[derive(Clone, Copy, Default)]
pub(in crate::dashboard) struct Button<'a> {
    pub(in crate::dashboard) label: &'a str,
    /// What it does, where the label alone does not tell (an arrow).
    pub(in crate::dashboard) name: Option<&'a str>,
    pub(in crate::dashboard) class: &'a str,
    /// Goes along with the form: name and value.
    pub(in crate::dashboard) sends: Option<(&'a str, &'a str)>,
    /// Why it cannot be pressed.
    pub(in crate::dashboard) obstacle: Option<&'a str>,
}

impl<'a> Button<'a> {
    pub(in crate::dashboard) fn new(label: &'a str) -> Self {
        Self {
            label,
            ..Self::default()
        }
    }

    pub(in crate::dashboard) fn primary(label: &'a str) -> Self {
        Self {
            label,
            class: "primary",
            ..Self::default()
        }
    }

    pub(in crate::dashboard) fn danger(label: &'a str) -> Self {
        Self {
            label,
            class: "danger",
            ..Self::default()
        }
    }

    pub(in crate::dashboard) fn named(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    pub(in crate::dashboard) fn sends(mut self, name: &'a str, value: &'a str) -> Self {
        self.sends = Some((name, value));
        self
    }

    pub(in crate::dashboard) fn unless(mut self, obstacle: Option<&'a str>) -> Self {
        self.obstacle = obstacle;
        self
    }

    pub(in crate::dashboard) fn draw(self) -> Markup {
        let (name, value) = self.sends.unzip();
        html! {
            button class=[Some(self.class).filter(|class| !class.is_empty())] name=[name] value=[value] aria-label=[self.name]
                disabled[self.obstacle.is_some()] title=[self.obstacle.or(self.name)] { (self.label) }
        }
    }
}

/// A link that looks like a button.
pub(in crate::dashboard) fn link(address: &str, label: &str) -> Markup {
    html! { a.button href=(address) { (label) } }
}

/// The same, disabled with the reason for who may not follow it.
pub(in crate::dashboard) fn link_unless(address: &str, label: &str, obstacle: Option<&str>) -> Markup {
    match obstacle {
        None => link(address, label),
        Some(why) => no_link(label, why),
    }
}

/// The one thing to do next on a page; disabled, with the reason, for who may not.
pub(in crate::dashboard) fn primary_link(address: &str, label: &str, obstacle: Option<&str>) -> Markup {
    match obstacle {
        None => html! { a.button.primary href=(address) { (label) } },
        Some(why) => no_link(label, why),
    }
}

fn no_link(label: &str, why: &str) -> Markup {
    html! { a.button role="link" aria-disabled="true" title=(why) { (label) } }
}

/// A field that nobody sees.
pub(in crate::dashboard) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

#[cfg(test)]
mod tests {
    use super::{Button, primary_link};

    #[test]
    fn a_button_that_cannot_be_pressed_says_why() {
        let shown = Button::primary("Save")
            .unless(Some("Your role is viewer."))
            .draw()
            .into_string();
        assert_eq!(
            shown,
            "<button class=\"primary\" disabled title=\"Your role is viewer.\">Save</button>"
        );
    }

    #[test]
    fn a_button_sends_its_own_value() {
        let shown = Button::new("↑")
            .named("Move JWT up")
            .sends("to", "1")
            .draw()
            .into_string();
        assert_eq!(
            shown,
            "<button name=\"to\" value=\"1\" aria-label=\"Move JWT up\" title=\"Move JWT up\">↑</button>"
        );
    }

    #[test]
    fn a_link_that_cannot_be_followed_leads_nowhere() {
        assert!(!primary_link("/x", "Add", Some("no")).into_string().contains("href"));
    }
}
