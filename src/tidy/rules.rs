//! The rules themselves: what is wrong with one file.

use std::fmt;
use std::path::{Path, PathBuf};

use super::source::{code_only, identifier, is_word, line_at, product_code, word_positions};
use super::{EMPTY_NAMES, FOREIGN, LONGEST_FILE, ROOMS};

/// A rule that is broken somewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    file: PathBuf,
    line: usize,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.rule)
    }
}
/// Checks one file; `path` is relative to `src`.
pub(super) fn check(path: &Path, text: &str) -> Vec<Violation> {
    let mut findings = Vec::new();
    check_shape(path, text, &mut findings);
    let code = code_only(text);
    if path.file_name().is_some_and(|name| name == "mod.rs") {
        findings.extend(first_that_does_not_declare(&code));
    }
    if path.file_name().is_none_or(|name| name != "tests.rs") {
        check_names(path, product_code(&code), &mut findings);
    }
    let violation = |(line, rule)| Violation {
        file: path.to_owned(),
        line,
        rule,
    };
    findings.into_iter().map(violation).collect()
}

type Finding = (usize, String);

fn check_shape(path: &Path, text: &str, findings: &mut Vec<Finding>) {
    if !text.starts_with("//!") {
        findings.push((1, "a file opens with a `//!` line that says what is here".into()));
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        findings.push((
            LONGEST_FILE + 1,
            format!("a file has at most {LONGEST_FILE} lines, this one has {lines}"),
        ));
    }
    for part in path.with_extension("").iter().filter_map(|part| part.to_str()) {
        if part.split('_').any(|word| lists(EMPTY_NAMES, word)) {
            findings.push((1, format!("`{part}` is a name that says nothing")));
        }
    }
}

fn check_names(path: &Path, code: &str, findings: &mut Vec<Finding>) {
    let room = room_of(path);
    let Some((_, may_use)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        findings.push((1, format!("room `{room}` has no row in the table of `tidy.rs`")));
        return;
    };
    for (line, used) in rooms_used(code, depth_of(path)) {
        let known = ROOMS.iter().any(|(name, _)| *name == used);
        if known && used != room && !lists(may_use, &used) {
            findings.push((line, format!("`{room}` may not use `{used}`")));
        }
    }
    for (name, rooms) in FOREIGN.iter().filter(|(_, rooms)| !lists(rooms, &room)) {
        for line in lines_naming_crate(code, name) {
            findings.push((
                line,
                format!(
                    "crate `{name}` is named only in {}, not in `{room}`",
                    rooms.replace(' ', ", ")
                ),
            ));
        }
    }
}

fn lists(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

fn room_of(path: &Path) -> String {
    let first = path.iter().next().unwrap_or_default().to_string_lossy();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// How many `super::` lead from this file to the crate's root.
fn depth_of(path: &Path) -> usize {
    let parts = path.iter().count();
    if path.ends_with("mod.rs") { parts - 1 } else { parts }
}

/// Every room that the code names, by `crate::`, by `portcullis::`, or by enough `super::`.
fn rooms_used(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for start in ["crate::", "portcullis::"] {
        for at in word_positions(code, start) {
            collect_roots(code, at + start.len(), &mut used);
        }
    }
    for at in word_positions(code, "super::") {
        let rest = &code[at..];
        let ups = rest.split("super::").take_while(|between| between.is_empty()).count();
        // Only the first of a run counts the whole run.
        if ups >= depth && !code[..at].ends_with("super::") {
            collect_roots(code, at + ups * "super::".len(), &mut used);
        }
    }
    used
}

/// The names that follow: one, or the first segments of a `{…}` group.
fn collect_roots(code: &str, at: usize, used: &mut Vec<(usize, String)>) {
    let rest = &code[at..];
    if !rest.trim_start().starts_with('{') {
        used.push((line_at(code, at), identifier(rest)));
        return;
    }
    let mut nesting = 0;
    let mut expects_root = false;
    for (offset, character) in rest.char_indices() {
        match character {
            '{' => nesting += 1,
            '}' => nesting -= 1,
            _ => {}
        }
        if nesting == 0 && character == '}' {
            return;
        }
        if nesting == 1 && matches!(character, '{' | ',') {
            expects_root = true;
        } else if expects_root && !character.is_whitespace() {
            used.push((line_at(code, at + offset), identifier(&rest[offset..])));
            expects_root = false;
        }
    }
}

/// Lines where the crate is named as the head of a path or in a `use`.
fn lines_naming_crate(code: &str, name: &str) -> Vec<usize> {
    let named = word_positions(code, name).into_iter().filter(|at| {
        let before = code[..*at].trim_end();
        let after = code[at + name.len()..].trim_start();
        let heads_a_path = after.starts_with("::") && !after.starts_with("::<");
        let imported = before.ends_with("use") && (after.starts_with(';') || after.starts_with("as "));
        // `self::sled::…` and `crate::x::sled` are modules of ours; `::sled` is the crate.
        let is_ours = before
            .strip_suffix("::")
            .is_some_and(|path| path.ends_with(|c: char| is_word(c) || c == '>'));
        (heads_a_path || imported) && !is_ours
    });
    named.map(|at| line_at(code, at)).collect()
}

/// The first thing in a `mod.rs` that is neither `mod x;` nor a `use`, nor an attribute of one.
fn first_that_does_not_declare(code: &str) -> Option<Finding> {
    let mut rest = code;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let after = if rest.starts_with('#') {
            end_of_attribute(rest)
        } else {
            end_of_declaration(rest)
        };
        match after {
            Some(after) => rest = after,
            None => {
                let line = line_at(code, code.len() - rest.len());
                return Some((line, "a `mod.rs` only declares (`mod`) and re-exports (`use`)".into()));
            }
        }
    }
}

fn end_of_attribute(code: &str) -> Option<&str> {
    let mut nesting = 0;
    for (offset, character) in code.char_indices() {
        match character {
            '[' => nesting += 1,
            ']' if nesting == 1 => return Some(&code[offset + 1..]),
            ']' => nesting -= 1,
            _ => {}
        }
    }
    None
}

fn end_of_declaration(code: &str) -> Option<&str> {
    let mut item = code;
    if let Some(after) = item.strip_prefix("pub") {
        item = after.trim_start();
        if let Some(scope) = item.strip_prefix('(') {
            item = scope.split_once(')')?.1.trim_start();
        }
    }
    let (declared, after) = item.split_once(';')?;
    let inline = declared.starts_with("mod ") && declared.contains('{');
    let declares = declared.starts_with("mod ") || declared.starts_with("use ");
    (declares && !inline).then_some(after)
}
