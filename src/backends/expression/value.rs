//! What an expression computes with. Texts are borrowed from the credentials and from the expression until something new is made.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::trouble::Trouble;

/// A value. CEL's two kinds of whole numbers are one here, so that `peer_port > 1024` needs no thought.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Attributes(&'a BTreeMap<String, String>),
}

impl<'a> Value<'a> {
    /// A text that is borrowed.
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A text that was made.
    pub(super) fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// The same without a copy of its text.
    pub(super) fn borrowed(&'a self) -> Self {
        match self {
            Self::Text(text) => Self::text(text),
            other => other.clone(),
        }
    }

    /// What it is, for people.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Attributes(_) => "a map",
        }
    }

    /// What it costs to look at all of it.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => 1 + text.len(),
            Self::List(items) => items.iter().map(Self::weight).sum::<usize>() + 1,
            Self::Attributes(attributes) => {
                1 + attributes
                    .iter()
                    .map(|(key, value)| key.len() + value.len())
                    .sum::<usize>()
            }
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Double(_) => 1,
        }
    }

    /// What EMQX calls empty where it asks for the first value that is not.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// The text of a plain value, as EMQX writes it where it wants one.
    pub(super) fn to_text(&self) -> Result<Cow<'_, str>, Trouble> {
        match self {
            Self::Text(text) => Ok(Cow::Borrowed(text)),
            Self::Bool(value) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Int(value) => Ok(Cow::Owned(value.to_string())),
            Self::Double(value) => Ok(Cow::Owned(format!("{value:?}"))),
            Self::Null => Ok(Cow::Borrowed("")),
            Self::List(_) | Self::Attributes(_) => Err(Trouble::senseless(format!("{} has no text", self.kind()))),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
