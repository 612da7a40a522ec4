//! Marks that turn the direction of text around. Names may hold them, and must not turn around what stands beside the name.

/// Elements in which there are no others.
const TEXT_ALONE: [&str; 3] = ["title", "textarea", "option"];

/// Embeddings, overrides and isolates, and what ends them.
const fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What was drawn, with each mark in a `bdi` of its own: it is there to the letter, and turns nothing around. Whatever is drawn has
/// `<` and `>` only where tags begin and end.
pub(super) fn contained(drawn: String) -> String {
    if !drawn.contains(is_mark) {
        return drawn;
    }
    let mut pieces = drawn.split('<');
    let mut shown = apart(pieces.next().unwrap_or_default());
    for piece in pieces {
        shown.push('<');
        match piece.split_once('>') {
            Some((tag, text)) if !holds_text_alone(tag) => {
                shown.push_str(tag);
                shown.push('>');
                shown.push_str(&apart(text));
            }
            _ => shown.push_str(piece),
        }
    }
    shown
}

fn holds_text_alone(tag: &str) -> bool {
    let name = tag.split(' ').next().unwrap_or_default();
    TEXT_ALONE.contains(&name)
}

fn apart(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_mark(letter) {
            shown.push_str("<bdi>");
            shown.push(letter);
            shown.push_str("</bdi>");
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::contained;

    #[test]
    fn a_mark_is_kept_apart_from_what_stands_beside_it() {
        let name = "\u{202e}x>\u{2069}";
        let drawn = html! { p title=(name) { (name) " is saved." } };
        let shown = contained(drawn.into_string());
        assert_eq!(
            shown,
            "<p title=\"\u{202e}x&gt;\u{2069}\"><bdi>\u{202e}</bdi>x&gt;<bdi>\u{2069}</bdi> is saved.</p>"
        );
    }

    #[test]
    fn where_there_is_text_alone_it_stays_as_it_is() {
        let name = "\u{202e}x";
        let drawn =
            html! { title { (name) } textarea name="a" { (name) } select { option value=(name) selected { (name) } } };
        let drawn = drawn.into_string();
        assert_eq!(contained(drawn.clone()), drawn);
    }

    #[test]
    fn names_without_marks_are_left_alone_whatever_their_letters() {
        let drawn = html! { p { "דוגמה, مثال, 🦊 <b>" } }.into_string();
        assert_eq!(contained(drawn.clone()), drawn);
    }
}
