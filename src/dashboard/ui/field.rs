//! Fields of forms: label, control, help and fault, tied together for those who do not see them.

use maud::{Markup, html};

use super::notice::{Faults, id_of};
use super::prose::prose;

/// What every field has.
#[derive(Clone, Copy, Default)]
pub(in crate::dashboard) struct Field<'a> {
    /// As the form sends it.
    pub(in crate::dashboard) name: &'a str,
    pub(in crate::dashboard) label: &'a str,
    pub(in crate::dashboard) help: &'a str,
    pub(in crate::dashboard) value: &'a str,
    pub(in crate::dashboard) required: bool,
    /// What browsers and password managers know it as.
    pub(in crate::dashboard) autocomplete: &'a str,
    pub(in crate::dashboard) placeholder: &'a str,
    pub(in crate::dashboard) fault: Option<&'a str>,
    pub(in crate::dashboard) disabled: bool,
    /// What is typed into it must not be kept by the browser either.
    pub(in crate::dashboard) secret: bool,
}

impl<'a> Field<'a> {
    pub(in crate::dashboard) fn new(name: &'a str, label: &'a str) -> Self {
        Self {
            name,
            label,
            autocomplete: "off",
            ..Self::default()
        }
    }

    pub(in crate::dashboard) fn help(mut self, help: &'a str) -> Self {
        self.help = help;
        self
    }

    pub(in crate::dashboard) fn value(mut self, value: &'a str) -> Self {
        self.value = value;
        self
    }

    pub(in crate::dashboard) fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(in crate::dashboard) fn known_as(mut self, autocomplete: &'a str) -> Self {
        self.autocomplete = autocomplete;
        self
    }

    pub(in crate::dashboard) fn placeholder(mut self, placeholder: &'a str) -> Self {
        self.placeholder = placeholder;
        self
    }

    pub(in crate::dashboard) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(in crate::dashboard) fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    pub(in crate::dashboard) fn faults(mut self, faults: &'a Faults) -> Self {
        self.fault = faults.of_field(self.name);
        self
    }

    pub(super) fn id(&self) -> String {
        id_of(self.name)
    }

    /// What describes the control: its help and its fault.
    pub(super) fn described_by(&self) -> Option<String> {
        let id = self.id();
        let mut ids = Vec::new();
        if !self.help.is_empty() {
            ids.push(format!("{id}-help"));
        }
        if self.fault.is_some() {
            ids.push(format!("{id}-error"));
        }
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    pub(super) fn invalid(&self) -> Option<&'static str> {
        self.fault.is_some().then_some("true")
    }

    pub(super) fn notes(&self) -> Markup {
        let id = self.id();
        html! {
            @if !self.help.is_empty() { div.help id={ (id) "-help" } { (prose(self.help)) } }
            @if let Some(fault) = self.fault { div.error id={ (id) "-error" } { "✕ " (fault) } }
        }
    }

    pub(super) fn around(&self, control: &Markup) -> Markup {
        html! {
            div.field {
                label for=(self.id()) { (self.label) @if self.required { span.muted { " (required)" } } }
                (control)
                (self.notes())
            }
        }
    }
}

fn input(field: &Field<'_>, kind: &str) -> Markup {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    html! {
        input type=(kind) id=(field.id()) name=(field.name) value=[given(field.value)] autocomplete=(field.autocomplete)
            placeholder=[given(field.placeholder)] spellcheck="false" autocapitalize="none" required[field.required]
            disabled[field.disabled] data-secret[field.secret] aria-invalid=[field.invalid()] aria-describedby=[field.described_by()];
    }
}

/// One line.
pub(in crate::dashboard) fn text(field: Field<'_>) -> Markup {
    field.around(&input(&field, "text"))
}

/// A secret: never filled in by us.
pub(in crate::dashboard) fn password(field: Field<'_>) -> Markup {
    let unfilled = Field {
        value: "",
        secret: true,
        ..field
    };
    unfilled.around(&input(&unfilled, "password"))
}

/// Several lines.
pub(in crate::dashboard) fn area(field: Field<'_>) -> Markup {
    field.around(&html! {
        textarea id=(field.id()) name=(field.name) placeholder=[Some(field.placeholder).filter(|text| !text.is_empty())] spellcheck="false" autocapitalize="none" required[field.required]
            disabled[field.disabled] data-secret[field.secret] aria-invalid=[field.invalid()] aria-describedby=[field.described_by()] { "\n" (field.value) }
    })
}

#[cfg(test)]
mod tests {
    use super::{Faults, Field, password, text};

    #[test]
    fn a_field_is_tied_to_its_help_and_its_fault() {
        let faults = Faults::one("user_id", "must not be empty");
        let shown = text(
            Field::new("user_id", "Username")
                .help("As clients send it.")
                .faults(&faults),
        )
        .into_string();
        assert!(
            shown.contains("aria-invalid=\"true\" aria-describedby=\"f-user-id-help f-user-id-error\""),
            "{shown}"
        );
        assert!(shown.contains("<label for=\"f-user-id\">Username</label>"), "{shown}");
    }

    #[test]
    fn a_secret_is_never_filled_in() {
        let shown = password(Field::new("password", "Password").value("hunter2")).into_string();
        assert!(!shown.contains("hunter2") && shown.contains(" data-secret"), "{shown}");
    }

    #[test]
    fn what_people_wrote_is_escaped() {
        let shown = text(Field::new("q", "Q").value("\"><script>alert(1)</script>")).into_string();
        assert!(!shown.contains("<script>"), "{shown}");
    }
}
