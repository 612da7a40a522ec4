//! A DN or a filter with placeholders: its structure is fixed when it is stored, and what clients bring only fills values in.

use std::iter::Peekable;
use std::vec::IntoIter;

use crate::auth::Credentials;
use crate::backends::template::{Part, Placeholder, Template};

/// Bytes of the text.
const LONGEST: usize = 4096;

/// A text whose values may hold placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape(Vec<Stretch>);

/// A stretch of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stretch {
    /// As it stands in the settings.
    Structure(String),
    /// One value, of what stands in the settings and what clients bring.
    Value(Vec<Part>),
}

impl Shape {
    /// Fills it in. `None`: what the client brings makes no value that anybody could have, so there is nobody to be found. An empty
    /// value is none, and would make `(uid=${username}*)` find everybody; one that begins or ends with a space is read by
    /// directories as if it did not, so that one user would have several names.
    pub(super) fn filled(&self, credentials: &Credentials) -> Option<String> {
        let mut text = String::new();
        for stretch in &self.0 {
            match stretch {
                Stretch::Structure(structure) => text.push_str(structure),
                Stretch::Value(parts) => text.push_str(&value(parts, credentials)?),
            }
        }
        Some(text)
    }

    /// What is to be filled in.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        let parts = self.0.iter().flat_map(|stretch| match stretch {
            Stretch::Value(parts) => parts.as_slice(),
            Stretch::Structure(_) => &[],
        });
        parts.filter_map(|part| match part {
            Part::Value(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }
}

fn value(parts: &[Part], credentials: &Credentials) -> Option<String> {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Text(as_it_stands) => text.push_str(as_it_stands),
            Part::Value(placeholder) => {
                let brought = placeholder.value(credentials).unwrap_or_default();
                let begins = index == 0 && brought.starts_with(b" ");
                let ends = index + 1 == parts.len() && brought.ends_with(b" ");
                if begins || ends {
                    return None;
                }
                text.push_str(&escaped(&brought));
            }
        }
    }
    (!text.is_empty()).then_some(text)
}

/// A backslash and two hexadecimal digits stand for a byte in a DN's values (RFC 4514) as in a filter's (RFC 4515).
fn escaped(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            text.push('\\');
            text.push_str(&hex::encode([*byte]));
        }
    }
    text
}

/// One step of a text: a character of the settings, or a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Char(char),
    Value(Placeholder),
}

/// Reads a text step by step, and notes its shape on the way.
pub(super) struct Reader {
    rest: Peekable<IntoIter<Unit>>,
    shape: Vec<Stretch>,
}

impl Reader {
    /// Begins. A password may not stand there, because servers write down what they are asked for.
    pub(super) fn begin(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("has more than {LONGEST} bytes"));
        }
        let template = Template::parse(text, |placeholder| *placeholder != Placeholder::Password)?;
        match template.unknown().first().map(String::as_str) {
            Some("password") => {
                return Err("must not hold `${password}`: directories write down what they are asked for".to_owned());
            }
            Some(unknown) => return Err(format!("has an unknown placeholder `${{{unknown}}}`")),
            None => {}
        }
        let mut units = Vec::new();
        for part in template.parts() {
            match part {
                Part::Text(text) => units.extend(text.chars().map(Unit::Char)),
                Part::Value(placeholder) => units.push(Unit::Value(placeholder.clone())),
            }
        }
        Ok(Self {
            rest: units.into_iter().peekable(),
            shape: Vec::new(),
        })
    }

    pub(super) fn peek(&mut self) -> Option<&Unit> {
        self.rest.peek()
    }

    /// Whether this character is next.
    pub(super) fn is_at(&mut self, mark: char) -> bool {
        self.rest.peek() == Some(&Unit::Char(mark))
    }

    /// Takes this character if it is next.
    pub(super) fn takes(&mut self, mark: char) -> bool {
        let is_next = self.is_at(mark);
        if is_next {
            self.rest.next();
            self.structure(mark);
        }
        is_next
    }

    /// Passes over spaces between things, which mean nothing.
    pub(super) fn skip_spaces(&mut self) {
        while self.is_at(' ') {
            self.rest.next();
        }
    }

    /// The characters that are next and fit; they are part of the structure.
    pub(super) fn word(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(Unit::Char(next)) = self.rest.peek()
            && fits(*next)
        {
            word.push(*next);
            self.rest.next();
        }
        word.chars().for_each(|next| self.structure(next));
        word
    }

    /// A value up to one of these characters; `is_plain` says which characters may stand in it as they are. Returns whether there is
    /// anything.
    pub(super) fn value(
        &mut self,
        ends: &[char],
        is_plain: impl Fn(char) -> bool,
        is_escapable: impl Fn(char) -> bool,
    ) -> Result<bool, String> {
        let (mut parts, mut literal) = (Vec::new(), String::new());
        while let Some(next) = self
            .rest
            .next_if(|next| !matches!(next, Unit::Char(next) if ends.contains(next)))
        {
            match next {
                Unit::Value(placeholder) => {
                    push_text(&mut parts, std::mem::take(&mut literal));
                    parts.push(Part::Value(placeholder));
                }
                Unit::Char('\\') => literal.push_str(&self.escape(&is_escapable)?),
                Unit::Char(next) if is_plain(next) => literal.push(next),
                Unit::Char(next) => return Err(format!("has a `{next}` in a value, which must be escaped")),
            }
        }
        push_text(&mut parts, literal);
        let is_there = !parts.is_empty();
        if is_there {
            self.shape.push(Stretch::Value(parts));
        }
        Ok(is_there)
    }

    /// What stands after a backslash: two hexadecimal digits or, where that is allowed, one character.
    fn escape(&mut self, is_escapable: impl Fn(char) -> bool) -> Result<String, String> {
        let wrong = || "has a backslash that is not followed by two hexadecimal digits".to_owned();
        let Some(Unit::Char(first)) = self.rest.next() else {
            return Err(wrong());
        };
        if is_escapable(first) {
            return Ok(format!("\\{}", hex::encode(first.to_string())));
        }
        match self.rest.next() {
            Some(Unit::Char(second)) if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() => {
                Ok(format!("\\{first}{second}"))
            }
            _ => Err(wrong()),
        }
    }

    fn structure(&mut self, mark: char) {
        match self.shape.last_mut() {
            Some(Stretch::Structure(text)) => text.push(mark),
            _ => self.shape.push(Stretch::Structure(mark.to_string())),
        }
    }

    /// What was not expected, for whoever wrote it.
    pub(super) fn unexpected(&mut self, expected: &str) -> String {
        match self.peek() {
            None => format!("ends where {expected} is expected"),
            Some(Unit::Char(next)) => format!("has `{next}` where {expected} is expected"),
            Some(Unit::Value(placeholder)) => {
                let name = placeholder.name();
                format!("has `${{{name}}}` where {expected} is expected: placeholders stand in values only")
            }
        }
    }

    /// Ends, if everything was read.
    pub(super) fn finish(mut self) -> Result<Shape, String> {
        match self.peek() {
            None => Ok(Shape(self.shape)),
            Some(_) => Err(self.unexpected("the end")),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: String) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}
