//! Reading Rust just well enough: code without comments and literals, words, lines.

/// What stands before the tests, which are the last thing in a file.
pub(super) fn product_code(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(test)]").find(|(at, mark)| {
        let item = code[at + mark.len()..].trim_start();
        item.starts_with("mod ")
            && item
                .find('{')
                .is_some_and(|open| item.find(';').is_none_or(|end| open < end))
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

/// The code with comments and the insides of literals blanked, every line in its place.
pub(super) fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' | 'b' | 'c' if !out.ends_with(is_word) => literal_with_prefix(rest),
            '"' => string_length(rest),
            '\'' => character_length(rest),
            _ => 0,
        };
        let (blank, after) = rest.split_at(if taken == 0 { first.len_utf8() } else { taken });
        if taken == 0 {
            out.push_str(blank);
        } else {
            out.extend(
                blank
                    .chars()
                    .map(|character| if character == '\n' { '\n' } else { ' ' }),
            );
        }
        rest = after;
    }
    out
}

/// Length of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`; 0 if it is just a letter.
fn literal_with_prefix(text: &str) -> usize {
    let prefix = text.len() - text.trim_start_matches(['r', 'b', 'c']).len();
    let after = &text[prefix..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if prefix > 2 || !after[hashes..].starts_with('"') {
        return 0;
    }
    if !text[..prefix].contains('r') {
        return if hashes == 0 { prefix + string_length(after) } else { 0 };
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = prefix + hashes + 1;
    text[body..]
        .find(&close)
        .map_or(text.len(), |end| body + end + close.len())
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (offset, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; 0 for a lifetime.
fn character_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |end| 3 + end + 1),
        Some(_) => characters
            .next()
            .filter(|(_, end)| *end == '\'')
            .map_or(0, |(offset, _)| offset + 1),
        None => 0,
    }
}

/// Where the text stands as a word of its own.
pub(super) fn word_positions(code: &str, word: &str) -> Vec<usize> {
    let ends_as_word = word.ends_with(is_word);
    let found = code.match_indices(word).map(|(at, _)| at);
    found
        .filter(|at| !code[..*at].ends_with(is_word))
        .filter(|at| !ends_as_word || !code[at + word.len()..].starts_with(is_word))
        .collect()
}

pub(super) fn identifier(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|character| is_word(*character))
        .collect()
}

pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

pub(super) fn line_at(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}
