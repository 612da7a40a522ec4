//! The text of an expression before the parser sees it: bounded, and with EMQX's string literals made readable to CEL.

use super::fault::{Fault, Place};

/// Bytes of an expression.
pub(super) const LONGEST_TEXT: usize = 4096;
/// Words, marks and literals: an operator chain as long as that is as deep a tree to walk.
const MOST_TOKENS: usize = 1000;
/// Brackets within brackets.
const DEEPEST_BRACKETS: usize = 32;

/// An expression that can be handed to the parser.
#[derive(Debug)]
pub(super) struct Source {
    text: String,
    /// Where an `r` was put in front of a literal: bytes of `text`, ascending.
    inserted: Vec<usize>,
}

impl Source {
    /// Checks the bounds, and turns literals that only EMQX can have meant into raw ones.
    ///
    /// EMQX knows no escapes, so `'^\d+$'` stands for itself there, while CEL does not know `\d`. A literal with an escape unknown to
    /// CEL is therefore read as EMQX reads it. `\b` and `\?` are known to both and mean different things; they are refused.
    pub(super) fn read(given: &str) -> Result<Self, Fault> {
        if given.len() > LONGEST_TEXT {
            return Err(Fault::whole(format!("has more than {LONGEST_TEXT} bytes")));
        }
        let mut scanner = Scanner::new(given);
        scanner.scan()?;
        Ok(scanner.source)
    }

    /// What the parser is to read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The place of a byte of [`Source::text`] in the text that was given.
    pub(super) fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let inserted = self
            .inserted
            .iter()
            .filter(|at| (line_start..offset).contains(at))
            .count();
        let column = before.get(line_start..).unwrap_or_default().chars().count() - inserted;
        Place {
            line: before.matches('\n').count() + 1,
            column: column + 1,
        }
    }

    /// The place of a line and column of [`Source::text`], both counted from 1.
    pub(super) fn place_at(&self, line: usize, column: usize) -> Place {
        let lines = self.text.split_inclusive('\n').take(line.saturating_sub(1));
        let line_start: usize = lines.map(str::len).sum();
        let rest = self.text.get(line_start..).unwrap_or_default();
        let width: usize = rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        self.place(line_start + width)
    }
}

/// Walks over the text once, as CEL's lexer would, and copies it.
struct Scanner<'t> {
    rest: &'t str,
    given: &'t str,
    source: Source,
    tokens: usize,
    depth: usize,
}

impl<'t> Scanner<'t> {
    fn new(given: &'t str) -> Self {
        let source = Source {
            text: String::with_capacity(given.len()),
            inserted: Vec::new(),
        };
        Self {
            rest: given,
            given,
            source,
            tokens: 0,
            depth: 0,
        }
    }

    fn scan(&mut self) -> Result<(), Fault> {
        while let Some(first) = self.rest.chars().next() {
            match first {
                _ if first.is_whitespace() => self.copy(first.len_utf8()),
                '/' if self.rest.starts_with("//") => self.copy(self.rest.find('\n').unwrap_or(self.rest.len())),
                '\'' | '"' => self.literal("")?,
                _ if is_word(first) => self.word()?,
                _ => self.mark(first)?,
            }
        }
        Ok(())
    }

    fn copy(&mut self, bytes: usize) {
        let (copied, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.source.text.push_str(copied);
        self.rest = rest;
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.tokens += 1;
        if self.tokens > MOST_TOKENS {
            return Err(self.fault(format!("has more than {MOST_TOKENS} words and signs")));
        }
        Ok(())
    }

    fn fault(&self, why: impl Into<String>) -> Fault {
        let consumed = self.given.len() - self.rest.len();
        let as_given = Source {
            text: self.given.to_owned(),
            inserted: Vec::new(),
        };
        Fault::at(as_given.place(consumed), why)
    }

    fn word(&mut self) -> Result<(), Fault> {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        let is_prefix = matches!(word.to_ascii_lowercase().as_str(), "r" | "b" | "br" | "rb");
        if is_prefix && after.starts_with(['\'', '"']) {
            return self.literal(word);
        }
        self.count()?;
        self.copy(end);
        Ok(())
    }

    fn mark(&mut self, mark: char) -> Result<(), Fault> {
        self.count()?;
        match mark {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth > DEEPEST_BRACKETS {
            return Err(self.fault(format!("nests brackets deeper than {DEEPEST_BRACKETS}")));
        }
        self.copy(mark.len_utf8());
        Ok(())
    }

    /// A literal with its prefix. One that does not end is left to the parser, which says so.
    fn literal(&mut self, prefix: &str) -> Result<(), Fault> {
        self.count()?;
        let quoted = self.rest.get(prefix.len()..).unwrap_or_default();
        let quote = if quoted.starts_with('\'') { "'" } else { "\"" };
        let triple = quote.repeat(3);
        let delimiter = if quoted.starts_with(&triple) {
            triple.as_str()
        } else {
            quote
        };
        let is_raw = prefix.contains(['r', 'R']);
        let body = quoted.get(delimiter.len()..).unwrap_or_default();
        let Some(end) = end_of_literal(body, delimiter, is_raw) else {
            self.copy(self.rest.len());
            return Ok(());
        };
        if prefix.is_empty() && delimiter == quote {
            self.adopt(body.get(..end).unwrap_or_default(), quote)?;
        }
        self.copy(prefix.len() + end + 2 * delimiter.len());
        Ok(())
    }

    /// Makes a literal raw if that is how it must have been meant.
    fn adopt(&mut self, body: &str, quote: &str) -> Result<(), Fault> {
        let escapes = Escapes::of(body);
        // With an escaped quote in it the two readings end at different places, so it is left to the parser to refuse.
        if escapes.unknown && !body.contains(&format!("\\{quote}")) {
            self.source.inserted.push(self.source.text.len());
            self.source.text.push('r');
        } else if let Some(escape) = escapes.ambiguous {
            return Err(self.fault(format!(
                "`\\{escape}` means one thing in CEL and another in EMQX; put an `r` before the text to keep the backslash"
            )));
        }
        Ok(())
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the delimiter starts that ends the literal.
fn end_of_literal(body: &str, delimiter: &str, is_raw: bool) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && !is_raw {
            escaped = true;
        } else if body.get(at..).is_some_and(|rest| rest.starts_with(delimiter)) {
            return Some(at);
        }
    }
    None
}

/// What stands behind the backslashes of a literal.
#[derive(Default)]
struct Escapes {
    /// There is one that CEL does not know.
    unknown: bool,
    /// There is one that CEL and EMQX's regular expressions know as different things.
    ambiguous: Option<char>,
}

impl Escapes {
    fn of(body: &str) -> Self {
        let mut found = Self::default();
        let mut rest = body;
        while let Some((_, after)) = rest.split_once('\\') {
            let Some(escape) = after.chars().next() else { break };
            let digits = after.get(escape.len_utf8()..).unwrap_or_default();
            match escape {
                'b' | '?' => found.ambiguous = found.ambiguous.or(Some(escape)),
                'a' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '\'' | '"' | '`' => {}
                'x' | 'X' => found.unknown |= !starts_with_digits(digits, 2, 16),
                'u' => found.unknown |= !starts_with_digits(digits, 4, 16),
                'U' => found.unknown |= !starts_with_digits(digits, 8, 16),
                '0'..='3' => found.unknown |= !starts_with_digits(digits, 2, 8),
                _ => found.unknown = true,
            }
            rest = digits;
        }
        found
    }
}

fn starts_with_digits(text: &str, count: usize, radix: u32) -> bool {
    text.chars().take(count).filter(|c| c.is_digit(radix)).count() == count
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_TEXT, Source};

    fn read(text: &str) -> String {
        Source::read(text).unwrap().text().to_owned()
    }

    fn why(text: &str) -> String {
        Source::read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_literal_that_only_emqx_can_have_meant_becomes_raw() {
        assert_eq!(read(r"regex_match(a, '^\d+$')"), r"regex_match(a, r'^\d+$')");
        assert_eq!(read(r#"f("\w\b", 'x')"#), r#"f(r"\w\b", 'x')"#);
        assert_eq!(
            read(r"regex_replace(a, '(.)', '\1')"),
            r"regex_replace(a, '(.)', r'\1')"
        );
    }

    #[test]
    fn what_cel_can_read_is_left_alone() {
        for text in [
            r"a == '\n\x41\101\u00e9\\'",
            r"a == r'\d'",
            r"a == R'\d' + b'\x'",
            r#"a == """\d""""#,
            r"a // '\d'",
            r"'\d\''",
            r"'unterminated \d",
        ] {
            assert_eq!(read(text), text);
        }
    }

    #[test]
    fn an_escape_with_two_meanings_is_refused() {
        assert!(
            why(r"f(a, '\bx')").contains("line 1, column 6: `\\b`"),
            "{}",
            why(r"f(a, '\bx')")
        );
        assert!(why(r"f(a, '\?')").contains("`\\?`"));
        assert_eq!(read(r"f(a, r'\b\?')"), r"f(a, r'\b\?')");
    }

    #[test]
    fn places_are_those_of_the_given_text() {
        let given = "f('\\d',\n  g('\\dé', h))";
        let source = Source::read(given).unwrap();
        let h = source.place(source.text().find('h').unwrap());
        assert_eq!((h.line, h.column), (2, 12));
        let h = source.place_at(2, 13);
        assert_eq!((h.line, h.column), (2, 12));
        let beyond = source.place_at(9, 9);
        assert_eq!(beyond.line, 2);
    }

    #[test]
    fn what_is_too_long_or_too_deep_never_reaches_the_parser() {
        assert!(why(&"a".repeat(LONGEST_TEXT + 1)).contains("4096 bytes"));
        assert!(why(&"+a".repeat(600)).contains("1000 words"));
        assert!(why(&"(".repeat(33)).contains("deeper than 32"));
        assert_eq!(read(&"(".repeat(32)).len(), 32);
    }
}
