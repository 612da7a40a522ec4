//! Reads the fields of a JSON object and gathers everything wrong with it, so that one answer names every fault.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::error::Invalid;
use crate::words::unknown;

/// The fields of an object, the ones asked for so far, and the faults found so far.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<Invalid>,
}

impl<'a> Fields<'a> {
    /// Begins with an object; `name` is known already.
    pub(super) fn of(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            known: vec!["name"],
            faults: Vec::new(),
        }
    }

    /// Begins with an object that names nothing.
    pub(super) fn without_name(object: &'a Map<String, Value>) -> Self {
        Self {
            known: Vec::new(),
            ..Self::of(object)
        }
    }

    /// Whether the field is given at all.
    pub(super) fn has(&mut self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    /// A whole number within `range`. With `fallback` it may be absent. A faulty field yields a number of the range, which
    /// nobody sees, because [`Fields::finish`] refuses the object.
    pub(super) fn number(&mut self, name: &'static str, range: RangeInclusive<u32>, fallback: Option<u32>) -> u32 {
        let (least, most) = (*range.start(), *range.end());
        match self.get(name) {
            None => fallback.unwrap_or_else(|| {
                self.refuse(name, format!("is required: a whole number from {least} to {most}"));
                least
            }),
            Some(value) => match whole(value) {
                Some(number) if range.contains(&number) => number,
                _ => {
                    self.refuse(name, format!("must be a whole number from {least} to {most}"));
                    least
                }
            },
        }
    }

    /// One of a list of words, `None` if it is absent or faulty.
    pub(super) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let value = self.get(name)?;
        let found = words
            .iter()
            .find(|(word, _)| value.as_str() == Some(word))
            .map(|(_, meaning)| *meaning);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.refuse(name, format!("must be one of {}", names.join(", ")));
        }
        found
    }

    /// Notes a fault.
    pub(super) fn refuse(&mut self, name: &str, why: impl Into<String>) {
        self.faults.push(Invalid::new(name, why));
    }

    /// Fails if anything was wrong, fields that nobody asked for included.
    pub(super) fn finish(mut self) -> Result<(), Vec<Invalid>> {
        for name in self.object.keys().filter(|name| !self.known.contains(&name.as_str())) {
            self.faults.push(Invalid::new(name, unknown(name, &self.known)));
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(self.faults)
        }
    }

    /// `null` counts as absent, as in EMQX's own files.
    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.object.get(name).filter(|value| !value.is_null())
    }
}

/// The JSON schema of the field that tells an algorithm from the others.
pub(super) fn name_schema(name: &str) -> Value {
    json!({ "title": "Algorithm", "description": "Which algorithm this is.", "const": name, "default": name })
}

/// Accepts `4096.0` too: numbers that came through a `google.protobuf.Struct` are all floating.
fn whole(value: &Value) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok();
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and within u32"
    )]
    (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
}
