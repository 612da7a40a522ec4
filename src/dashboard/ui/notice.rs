//! What is wrong with a form, and what there is when there is nothing.

use maud::{Markup, html};

use crate::admin::{AdminError, Violation};

/// Everything wrong with a form, each fault beside its field.
#[derive(Clone, Debug, Default)]
pub(in crate::dashboard) struct Faults {
    /// By field, as the form names it.
    of_fields: Vec<(String, String)>,
    /// Those that no field is to blame for.
    of_form: Vec<String>,
    /// By field, what was typed there and means nothing: it is shown again as it was.
    unread: Vec<(String, String)>,
}

impl Faults {
    /// One fault of a field.
    pub(in crate::dashboard) fn one(field: &str, why: impl Into<String>) -> Self {
        Self {
            of_fields: vec![(field.to_owned(), why.into())],
            ..Self::default()
        }
    }

    /// One that no field is to blame for.
    pub(in crate::dashboard) fn whole(why: impl Into<String>) -> Self {
        Self {
            of_form: vec![why.into()],
            ..Self::default()
        }
    }

    /// What was refused. Field names are as in the API, which the form's fields share.
    pub(in crate::dashboard) fn of(error: &AdminError) -> Self {
        match error {
            AdminError::Invalid(violations) => Self {
                of_fields: violations.iter().map(fault).collect(),
                ..Self::default()
            },
            AdminError::Unavailable { why, unknown: true, .. } => Self::whole(format!(
                "It is not known whether this is saved: {why}. It may be, or may be yet: look at it as it stands before you try again."
            )),
            AdminError::Unavailable { why, .. } => Self::whole(format!("Not saved: {why}. Try again.")),
            other => Self::whole(format!("Not saved: {other}.")),
        }
    }

    pub(in crate::dashboard) fn add(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.of_fields.push((field.into(), why.into()));
    }

    /// One of a text that cannot be read.
    pub(in crate::dashboard) fn add_unread(&mut self, field: &str, why: impl Into<String>, text: &str) {
        self.add(field, why);
        self.unread.push((field.to_owned(), text.to_owned()));
    }

    /// What was typed into this field, if it cannot be read.
    pub(in crate::dashboard) fn unread(&self, name: &str) -> Option<&str> {
        let found = self.unread.iter().find(|(field, _)| field == name);
        found.map(|(_, text)| text.as_str())
    }

    pub(in crate::dashboard) fn is_empty(&self) -> bool {
        self.of_fields.is_empty() && self.of_form.is_empty()
    }

    /// What is wrong with this field.
    pub(in crate::dashboard) fn of_field(&self, name: &str) -> Option<&str> {
        let found = self.of_fields.iter().find(|(field, _)| field == name);
        found.map(|(_, why)| why.as_str())
    }

    /// Whether something is wrong with this field, or with one inside it.
    pub(in crate::dashboard) fn touch(&self, name: &str) -> bool {
        let inside = |field: &str| field.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.of_fields.iter().any(|(field, _)| field == name || inside(field))
    }

    /// The same faults at the fields of a form: `places` are the names that faults may have, with the names of the form's own
    /// fields. What lies inside a field is told there, and what the form has no field for is told of the whole.
    pub(in crate::dashboard) fn placed<T: AsRef<str>>(&self, places: &[(T, T)]) -> Self {
        let mut placed = Self {
            of_fields: Vec::new(),
            ..self.clone()
        };
        for (field, why) in &self.of_fields {
            match nearest(field, places) {
                Some((control, "")) => placed.add_to(control, why.clone()),
                Some((control, inside)) => placed.add_to(control, format!("`{inside}` {why}")),
                None => placed.of_form.push(format!("{}: {why}", label(field))),
            }
        }
        placed
    }

    /// A field tells everything that is wrong with it.
    fn add_to(&mut self, control: &str, why: String) {
        match self.of_fields.iter_mut().find(|(field, _)| field == control) {
            Some((_, told)) => {
                told.push_str("; ");
                told.push_str(&why);
            }
            None => self.add(control, why),
        }
    }

    /// Everything at the top, with a link to each field that the form has.
    pub(in crate::dashboard) fn summary(&self) -> Markup {
        if self.is_empty() {
            return html! {};
        }
        html! {
            div.summary role="alert" tabindex="-1" data-focus {
                h2 { "There is a problem" }
                ul {
                    @for (field, why) in &self.of_fields {
                        li { a href={ "#" (id_of(field)) } { (label(field)) ": " (why) } }
                    }
                    @for why in &self.of_form { li { (why) } }
                }
            }
        }
    }
}

fn fault(violation: &Violation) -> (String, String) {
    (violation.field.clone(), violation.why.clone())
}

/// The field that stands for this one, or for what it is part of; and which part it is.
fn nearest<'a, T: AsRef<str>>(field: &'a str, places: &'a [(T, T)]) -> Option<(&'a str, &'a str)> {
    let mut end = field.len();
    loop {
        let (name, inside) = field.split_at(end);
        let named = places
            .iter()
            .find(|(path, control)| [path.as_ref(), control.as_ref()].contains(&name));
        if let Some((_, control)) = named {
            return Some((control.as_ref(), inside.trim_start_matches('.')));
        }
        end = name.rfind(['.', '['])?;
    }
}

fn label(field: &str) -> String {
    field.strip_prefix("settings.").unwrap_or(field).replace('_', " ")
}

/// The id of a field's control.
pub(in crate::dashboard) fn id_of(field: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("f-{}", field.chars().map(plain).collect::<String>())
}

/// Nothing here yet: what this is, why it is empty, and what to do next.
pub(in crate::dashboard) fn empty(title: &str, why: &str, next: &Markup) -> Markup {
    html! { div.empty.stack { h2 { (title) } p { (why) } div { (next) } } }
}

#[cfg(test)]
mod tests {
    use super::{AdminError, Faults};
    use crate::admin::Obstacle;

    #[test]
    fn a_fault_is_told_at_the_top_and_beside_its_field() {
        let faults = Faults::of(&AdminError::invalid("settings.pool_size", "must be a whole number"));
        assert_eq!(faults.of_field("settings.pool_size"), Some("must be a whole number"));
        let summary = faults.summary().into_string();
        assert!(
            summary.contains("<a href=\"#f-settings-pool-size\">pool size: must be a whole number</a>"),
            "{summary}"
        );
    }

    #[test]
    fn a_fault_goes_to_the_field_that_stands_for_it() {
        let mut faults = Faults::one("password.password_hash", "is no hash");
        faults.add("attributes.tenant", "is too long");
        faults.add("attributes.a.b", "is too long");
        faults.add("also_in[0]", "is unknown");
        let fields = [
            ("password", "password"),
            ("password.password_hash", "password_hash"),
            ("attributes", "attributes"),
        ];
        let placed = faults.placed(&fields);
        assert_eq!(placed.of_field("password_hash"), Some("is no hash"));
        assert_eq!(placed.of_field("password"), None);
        assert_eq!(
            placed.of_field("attributes"),
            Some("`tenant` is too long; `a.b` is too long")
        );
        let summary = placed.summary().into_string();
        assert!(summary.contains("<li>also in[0]: is unknown</li>"), "{summary}");
        assert_eq!(summary.matches("<a href").count(), 2, "{summary}");
    }

    #[test]
    fn what_may_be_saved_is_not_called_unsaved() {
        let told = |unknown| {
            let error = AdminError::Unavailable {
                obstacle: Obstacle::NoQuorum,
                why: "no quorum".into(),
                retry_after: std::time::Duration::from_secs(1),
                unknown,
            };
            Faults::of(&error).summary().into_string()
        };
        assert!(told(false).contains("Not saved: no quorum. Try again."));
        let unknown = told(true);
        assert!(
            !unknown.contains("Not saved") && unknown.contains("before you try again"),
            "{unknown}"
        );
    }

    #[test]
    fn a_form_without_faults_says_nothing() {
        assert_eq!(Faults::default().summary().into_string(), "");
    }
}
