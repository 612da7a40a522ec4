//! One call of a function: its arguments, what they must be, and what its result may cost.

use std::borrow::Cow;

use crate::backends::expression::budget::Budget;
use crate::backends::expression::trouble::Trouble;
use crate::backends::expression::value::Value;

/// What a function answers.
pub(in crate::backends::expression) type Answer<'a> = Result<Value<'a>, Trouble>;

/// One call. The number of arguments has been checked when the expression was compiled.
pub(in crate::backends::expression) struct Call<'c, 'a> {
    pub(in crate::backends::expression) name: &'static str,
    pub(in crate::backends::expression) values: &'c [Value<'a>],
    pub(in crate::backends::expression) budget: &'c Budget,
}

impl<'c, 'a> Call<'c, 'a> {
    pub(super) fn value(&self, index: usize) -> Result<&'c Value<'a>, Trouble> {
        self.values
            .get(index)
            .ok_or_else(|| self.senseless(format!("needs {} arguments", index + 1)))
    }

    /// A text, or a truth value, which is a word in EMQX.
    pub(in crate::backends::expression) fn text(&self, index: usize) -> Result<&'c str, Trouble> {
        match self.value(index)? {
            Value::Text(text) => Ok(text),
            Value::Bool(value) => Ok(if *value { "true" } else { "false" }),
            other => Err(self.unfit(index, "a text", other)),
        }
    }

    /// The text of any plain value.
    pub(super) fn any_text(&self, index: usize) -> Result<Cow<'c, str>, Trouble> {
        let value = self.value(index)?;
        value
            .to_text()
            .map_err(|_| self.unfit(index, "a text or a number", value))
    }

    pub(super) fn integer(&self, index: usize) -> Result<i64, Trouble> {
        match self.value(index)? {
            Value::Int(value) => Ok(*value),
            other => Err(self.unfit(index, "a whole number", other)),
        }
    }

    /// A whole number that cannot be negative: a length or a place.
    pub(super) fn size(&self, index: usize) -> Result<usize, Trouble> {
        usize::try_from(self.integer(index)?)
            .map_err(|_| self.senseless(format!("needs a number of 0 or more as argument {}", index + 1)))
    }

    pub(super) fn list(&self, index: usize) -> Result<&'c [Value<'a>], Trouble> {
        match self.value(index)? {
            Value::List(items) => Ok(items),
            other => Err(self.unfit(index, "a list", other)),
        }
    }

    /// The text at `index` if there are so many arguments.
    pub(super) fn option(&self, index: usize) -> Result<Option<&'c str>, Trouble> {
        if index < self.values.len() {
            self.text(index).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A text as the result.
    pub(in crate::backends::expression) fn give(&self, text: impl Into<String>) -> Answer<'a> {
        let text = text.into();
        self.budget.spend_text(text.len())?;
        Ok(Value::owned(text))
    }

    /// Texts as the result; no more are taken than fit.
    pub(super) fn give_list<T: Into<String>>(&self, items: impl Iterator<Item = T>) -> Answer<'a> {
        let mut list = Vec::new();
        for item in items {
            self.budget.spend_item(list.len())?;
            list.push(self.give(item)?);
        }
        Ok(Value::List(list))
    }

    /// Bytes as the result, which must be text.
    pub(super) fn give_bytes(&self, bytes: Vec<u8>) -> Answer<'a> {
        let text = String::from_utf8(bytes).map_err(|_| self.senseless("would give bytes that are no text"))?;
        self.give(text)
    }

    pub(super) fn senseless(&self, why: impl AsRef<str>) -> Trouble {
        Trouble::senseless(format!("{}() {}", self.name, why.as_ref()))
    }

    pub(super) fn unfit(&self, index: usize, wanted: &str, given: &Value<'_>) -> Trouble {
        self.senseless(format!(
            "needs {wanted} as argument {} and got {}",
            index + 1,
            given.kind()
        ))
    }
}
