//! Choices: one of several, or yes and no.

use maud::{Markup, html};

use super::field::Field;

/// One of several, by a list. Each choice: what is sent, and what is shown.
pub(in crate::dashboard) fn select(field: Field<'_>, choices: &[(&str, &str)]) -> Markup {
    field.around(&html! {
        select id=(field.id()) name=(field.name) disabled[field.disabled] aria-invalid=[field.invalid()]
            aria-describedby=[field.described_by()] {
            @for (value, shown) in choices { option value=(value) selected[*value == field.value] { (shown) } }
        }
    })
}

/// One of a few, all of them to be seen.
pub(in crate::dashboard) fn radios(field: Field<'_>, choices: &[(&str, &str)]) -> Markup {
    let id = field.id();
    html! {
        fieldset id=(id) tabindex=[field.fault.map(|_| "-1")] aria-invalid=[field.invalid()] aria-describedby=[field.described_by()] {
            legend { (field.label) }
            @for (at, (value, shown)) in choices.iter().enumerate() {
                div.field.check {
                    input type="radio" id={ (id) "-" (at) } name=(field.name) value=(value) checked[*value == field.value]
                        disabled[field.disabled];
                    label for={ (id) "-" (at) } { (shown) }
                }
            }
            (field.notes())
        }
    }
}

/// Yes or no. A form sends `on`, or nothing.
pub(in crate::dashboard) fn check(field: Field<'_>, is_on: bool) -> Markup {
    html! {
        div.field.check {
            input type="checkbox" id=(field.id()) name=(field.name) checked[is_on] disabled[field.disabled]
                aria-invalid=[field.invalid()] aria-describedby=[field.described_by()];
            label for=(field.id()) { (field.label) }
            (field.notes())
        }
    }
}
