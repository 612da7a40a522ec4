//! Sentences in which names stand between backticks.

use maud::{Markup, html};

/// The sentence, its names set as code.
pub(in crate::dashboard) fn prose(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn names_between_backticks_are_code_and_everything_is_escaped() {
        let shown = prose("`a` is <b>, not `${c}`.").into_string();
        assert_eq!(shown, "<code>a</code> is &lt;b&gt;, not <code>${c}</code>.");
    }
}
