//! Regular expressions: compiled with the expression that they stand in, never at a login, and priced by their size.

use regex::{Captures, Regex, RegexBuilder};

use super::budget::{Budget, LONGEST_VALUE};
use super::trouble::Trouble;
use super::value::Value;

/// Sizes of a compiled pattern in bytes. The smallest that is enough is its price, the last is the limit.
const SIZES: [usize; 7] = [1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
/// The least that one state of a compiled pattern takes. A search visits each state at most once per byte of text.
const BYTES_PER_STATE: usize = 24;
/// What a thread keeps to make repeated searches fast.
const CACHE_BYTES: usize = 256 << 10;
/// Groups within groups.
const DEEPEST_NESTING: u32 = 32;

/// What is done with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Match,
    Replace,
    Extract,
}

impl Use {
    /// The function's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Match => "regex_match",
            Self::Replace => "regex_replace",
            Self::Extract => "regex_extract",
        }
    }
}

/// A compiled pattern.
pub(super) struct Pattern {
    regex: Regex,
    steps_per_byte: usize,
}

impl Pattern {
    /// Compiles a pattern, or says what is wrong with it.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let text = with_ascii_classes(text);
        for size in SIZES {
            let built = RegexBuilder::new(&text)
                .size_limit(size)
                .dfa_size_limit(CACHE_BYTES)
                .nest_limit(DEEPEST_NESTING)
                .build();
            match built {
                Ok(regex) => {
                    let steps_per_byte = size / BYTES_PER_STATE;
                    return Ok(Self { regex, steps_per_byte });
                }
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => return Err(reason(&error)),
            }
        }
        Err("is too big: repeat less".to_owned())
    }

    /// Whether it matches somewhere.
    pub(super) fn matches(&self, text: &str, budget: &Budget) -> Result<bool, Trouble> {
        self.pay(text, 1, budget)?;
        Ok(self.regex.is_match(text))
    }

    /// The groups of the first match; none without one.
    pub(super) fn extract<'a>(&self, text: &str, budget: &Budget) -> Result<Value<'a>, Trouble> {
        self.pay(text, self.regex.captures_len(), budget)?;
        let Some(found) = self.regex.captures(text) else {
            return Ok(Value::List(Vec::new()));
        };
        budget.spend_list(found.len())?;
        let group = |group: Option<regex::Match<'_>>| Value::owned(group.map_or("", |group| group.as_str()).to_owned());
        Ok(Value::List(found.iter().skip(1).map(group).collect()))
    }

    /// Every match replaced by a template as EMQX has them: `\1` is a group, `&` the whole match, `\&` and `\\` are themselves.
    pub(super) fn replace(&self, text: &str, template: &str, budget: &Budget) -> Result<String, Trouble> {
        let mut made = String::new();
        let (mut copied, mut at) = (0, 0);
        while at <= text.len() {
            // Each search may run to the end although its match ends early, so each is paid in full.
            self.pay(text.get(at..).unwrap_or_default(), self.regex.captures_len(), budget)?;
            let Some(found) = self.regex.captures_at(text, at) else {
                break;
            };
            let Some(whole) = found.get(0) else { break };
            made.push_str(text.get(copied..whole.start()).unwrap_or_default());
            fill_in(template, &found, &mut made, budget)?;
            copied = whole.end();
            at = if whole.is_empty() {
                next_char(text, copied)
            } else {
                copied
            };
        }
        made.push_str(text.get(copied..).unwrap_or_default());
        Ok(made)
    }

    fn pay(&self, text: &str, groups: usize, budget: &Budget) -> Result<(), Trouble> {
        budget.spend(
            (text.len() + 1)
                .saturating_mul(self.steps_per_byte)
                .saturating_mul(groups),
        )
    }
}

/// The place after the character at `at`, or past the end.
fn next_char(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.chars().next().map_or(1, char::len_utf8)
}

fn fill_in(template: &str, found: &Captures<'_>, made: &mut String, budget: &Budget) -> Result<(), Trouble> {
    budget.spend(template.len())?;
    let group = |number: usize| found.get(number).map_or("", |group| group.as_str());
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let before = made.len();
        rest = match (first, reference(after)) {
            ('&', _) => {
                made.push_str(group(0));
                after
            }
            ('\\', Some((number, after))) => {
                made.push_str(group(number));
                after
            }
            ('\\', None) if after.starts_with(['\\', '&']) => {
                let (itself, after) = after.split_at(1);
                made.push_str(itself);
                after
            }
            _ => {
                made.push(first);
                after
            }
        };
        budget.spend(made.len() - before)?;
        if made.len() > LONGEST_VALUE {
            return budget.spend_text(made.len());
        }
    }
    Ok(())
}

/// The number of a group as it stands behind a backslash: `1`, `g1`, `g{1}`.
fn reference(text: &str) -> Option<(usize, &str)> {
    let (text, braced) = match text.strip_prefix("g{") {
        Some(text) => (text, true),
        None => (text.strip_prefix('g').unwrap_or(text), false),
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, after) = text.split_at(digits);
    let after = if braced { after.strip_prefix('}')? } else { after };
    Some((number.parse().ok()?, after))
}

/// The same pattern with `\d`, `\w`, `\s` and `\b` as CEL and EMQX have them: ASCII. (The engine's own would also take the digits
/// and letters of every script, and make patterns a hundred times as big.)
fn with_ascii_classes(pattern: &str) -> String {
    let mut made = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            made.push(c);
            continue;
        }
        let escaped = characters.next();
        match escaped {
            Some('d') => made.push_str("[0-9]"),
            Some('D') => made.push_str("[^0-9]"),
            Some('w') => made.push_str("[0-9A-Za-z_]"),
            Some('W') => made.push_str("[^0-9A-Za-z_]"),
            Some('s') => made.push_str(r"[\t\n\v\f\r ]"),
            Some('S') => made.push_str(r"[^\t\n\v\f\r ]"),
            Some('b') => made.push_str(r"(?-u:\b)"),
            Some('B') => made.push_str(r"(?-u:\B)"),
            other => {
                made.push('\\');
                made.extend(other);
            }
        }
    }
    made
}

/// The engine draws the pattern with a caret; only its last sentence fits into one line.
fn reason(error: &regex::Error) -> String {
    let told = error.to_string();
    let last = told.rsplit("error: ").next().unwrap_or_default();
    format!("cannot be read: {}", last.trim())
}

#[cfg(test)]
mod tests {
    use super::Pattern;
    use crate::backends::expression::budget::Budget;
    use crate::backends::expression::trouble::Trouble;

    fn pattern(text: &str) -> Pattern {
        Pattern::compile(text).unwrap_or_else(|why| panic!("{text} {why}"))
    }

    fn matches(text: &str, subject: &str) -> bool {
        pattern(text).matches(subject, &Budget::new()).unwrap()
    }

    #[test]
    fn classes_are_ascii_as_in_cel_and_emqx() {
        assert!(matches(r"^\d{3}-[\w-]+\s\S$", "123-ab_c- x"));
        assert!(!matches(r"^\d$", "٣") && !matches(r"^\w$", "é") && matches(r"^\W$", "é"));
        assert!(matches(r"\bb\b", "a b c") && !matches(r"\bb\b", "abc") && matches(r"a\\d", r"a\d"));
        assert!(matches("^.$", "é"));
    }

    #[test]
    fn replacements_are_written_as_in_emqx() {
        let replaced = |with: &str| {
            pattern(r"(\w+)@(\w+)")
                .replace("x a@b y c@d", with, &Budget::new())
                .unwrap()
        };
        assert_eq!(replaced(r"\2 at \g{1}"), "x b at a y d at c");
        assert_eq!(replaced(r"<&>\&\\$1"), r"x <a@b>&\$1 y <c@d>&\$1");
        assert_eq!(replaced(r"\9"), "x  y ");
        assert_eq!(pattern("x*").replace("aé", "-", &Budget::new()).unwrap(), "-a-é-");
    }

    #[test]
    fn a_pattern_that_is_too_big_or_wrong_is_refused() {
        assert!(Pattern::compile("(a{1000}){1000}").err().unwrap().contains("too big"));
        assert_eq!(Pattern::compile("(").err().unwrap(), "cannot be read: unclosed group");
        assert!(Pattern::compile(&"(".repeat(1000)).is_err());
    }

    #[test]
    fn a_search_is_paid_before_it_is_made() {
        let big = pattern("(?:a|aa){100}b");
        let budget = Budget::new();
        assert!(matches!(
            big.matches(&"a".repeat(60_000), &budget),
            Err(Trouble::TooMuch(_))
        ));
        // Each of its searches runs to the end of the text.
        let quadratic = pattern("[A-Z]*[^A-Z]|[A-Z]");
        let answer = quadratic.replace(&"A".repeat(60_000), "", &Budget::new());
        assert!(matches!(answer, Err(Trouble::TooMuch(_))));
    }
}
