//! Reads the fields of an authenticator's settings: fills defaults in, and gathers everything wrong with them, so that one
//! answer names every fault.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::backend::Violation;
use crate::words;

/// The fields of an object, what they are with defaults filled in, and the faults found so far.
pub(super) struct Fields<'a> {
    path: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
    filled: Map<String, Value>,
    faults: Vec<Violation>,
}

impl<'a> Fields<'a> {
    /// Begins with what stands at `path`, which must be an object.
    pub(super) fn of(path: impl Into<String>, value: &'a Value) -> Result<Self, Violation> {
        let path = path.into();
        match value.as_object() {
            Some(object) => Ok(Self {
                path,
                object,
                known: Vec::new(),
                filled: Map::new(),
                faults: Vec::new(),
            }),
            None => Err(Violation::new(path, "must be an object")),
        }
    }

    /// Where a field of this object stands.
    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// A field as it was given; `null` counts as absent, as in EMQX's own files.
    pub(super) fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// What a field is once everything is filled in.
    pub(super) fn fill(&mut self, name: &'static str, value: impl Into<Value>) {
        self.filled.insert(name.to_owned(), value.into());
    }

    /// What stands within a field that holds an object, read by `read` at its own path; `None` if a fault was noted. An absent
    /// object is an empty one.
    pub(super) fn within<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str, &Value) -> Result<(T, Value), Vec<Violation>>,
    ) -> Option<T> {
        let nothing = Value::Object(Map::new());
        let given = self.get(name).unwrap_or(&nothing);
        match read(&self.path_of(name), given) {
            Ok((read, filled)) => {
                self.fill(name, filled);
                Some(read)
            }
            Err(faults) => {
                self.add_faults(faults);
                None
            }
        }
    }

    /// Fields of EMQX that mean nothing here: taken, whatever they hold, and left out of what is kept.
    pub(super) fn leave_out(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    /// A field that has a meaning only together with others, which are not there.
    pub(super) fn refuse_given(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.get(name).is_some() {
                self.refuse(name, why);
            }
        }
    }

    /// A text, `None` if it is absent or faulty.
    pub(super) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.get(name)?;
        let text = value.as_str();
        match text {
            Some(text) => self.fill(name, text),
            None => self.refuse(name, "must be text"),
        }
        text
    }

    /// A text that must be there and not be empty. A faulty one yields an empty text, which nobody sees, because
    /// [`Fields::finish`] refuses the object.
    pub(super) fn needed_text(&mut self, name: &'static str, what: &str) -> &'a str {
        let given = self.get(name).is_some();
        match self.text(name) {
            Some("") => self.refuse(name, "must not be empty"),
            None if !given => self.refuse(name, format!("is required: {what}")),
            Some(text) => return text,
            None => {}
        }
        ""
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        let flag = match self.get(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.refuse(name, "must be true or false");
                default
            }
        };
        self.fill(name, flag);
        flag
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let number = match self.get(name).map(read_number) {
            None => default,
            Some(Some(number)) if range.contains(&number) => number,
            Some(_) => {
                let (least, most) = range.into_inner();
                self.refuse(name, format!("must be a whole number from {least} to {most}"));
                default
            }
        };
        self.fill(name, number);
        number
    }

    /// One of a list of words, the first of which is the default.
    pub(super) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)], default: T) -> T {
        let given = self.get(name);
        let found = given.and_then(|value| words.iter().find(|(word, _)| value.as_str() == Some(word)));
        match (given, found) {
            (_, Some((word, meaning))) => {
                self.fill(name, *word);
                *meaning
            }
            (Some(_), None) => {
                let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                self.refuse(name, format!("must be one of {}", names.join(", ")));
                default
            }
            (None, None) => {
                if let Some((word, _)) = words.first() {
                    self.fill(name, *word);
                }
                default
            }
        }
    }

    /// A time as a number of seconds, or as EMQX writes them (`1m30s`, `500ms`); `None` if it is absent or faulty.
    pub(super) fn duration(&mut self, name: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let value = self.get(name)?;
        let found = read_duration(value).filter(|time| range.contains(time));
        match found {
            Some(time) => self.fill_duration(name, time),
            None => self.refuse(
                name,
                format!(
                    "must be a number of seconds or a time like `1m30s`, from {:?} to {:?}",
                    range.start(),
                    range.end()
                ),
            ),
        }
        found
    }

    /// The same with a default.
    pub(super) fn duration_or(
        &mut self,
        name: &'static str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        if self.get(name).is_none() {
            self.fill_duration(name, default);
        }
        self.duration(name, range).unwrap_or(default)
    }

    fn fill_duration(&mut self, name: &'static str, time: Duration) {
        if time.subsec_nanos() == 0 {
            self.fill(name, time.as_secs());
        } else {
            self.fill(name, format!("{}ms", time.as_millis()));
        }
    }

    /// A text or a list of them; only an absent field is the empty list.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<&'a str> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let texts: Option<Vec<_>> = match value {
            Value::String(text) => Some(vec![text.as_str()]),
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        };
        // An empty list could be meant as "nobody", and would be taken for "anybody".
        match texts.filter(|texts| !texts.is_empty() && texts.iter().all(|text| !text.is_empty())) {
            Some(texts) => {
                self.fill(name, value.clone());
                texts
            }
            None => {
                self.refuse(name, "must be a text or a list of texts, and nothing of it empty");
                Vec::new()
            }
        }
    }

    /// Notes a fault of a field.
    pub(super) fn refuse(&mut self, name: &str, why: impl Into<String>) {
        self.faults.push(Violation::new(self.path_of(name), why));
    }

    /// Notes faults that were found elsewhere.
    pub(super) fn add_faults(&mut self, faults: impl IntoIterator<Item = Violation>) {
        self.faults.extend(faults);
    }

    /// The object with its defaults; fails if anything was wrong, fields that nobody asked for included.
    pub(super) fn finish(mut self) -> Result<Map<String, Value>, Vec<Violation>> {
        let unknown: Vec<_> = self
            .object
            .keys()
            .filter(|name| !self.known.contains(&name.as_str()))
            .collect();
        for name in unknown {
            let why = words::unknown(name, &self.known);
            self.faults.push(Violation::new(self.path_of(name), why));
        }
        if self.faults.is_empty() {
            Ok(self.filled)
        } else {
            Err(self.faults)
        }
    }
}

fn read_duration(value: &Value) -> Option<Duration> {
    match value {
        // Numbers that came through a `google.protobuf.Struct` are all floating.
        Value::Number(seconds) => Duration::try_from_secs_f64(seconds.as_f64()?).ok(),
        Value::String(text) => words::duration(text).ok(),
        _ => None,
    }
}

/// Whole numbers, those that came through a `google.protobuf.Struct` included.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is whole and within the bounds of a u32"
)]
fn read_number(value: &Value) -> Option<u32> {
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::Fields;

    #[test]
    fn every_fault_is_named_with_its_path_and_defaults_are_filled_in() {
        let given = json!({"on": 1, "time": "5x", "colour": "red", "who": [1], "size": 0.5, "deep": {"x": 1}});
        let mut fields = Fields::of("settings", &given).unwrap();
        let range = Duration::ZERO..=Duration::from_secs(10);
        assert!(fields.flag("on", true));
        fields.duration_or("time", range.clone(), Duration::from_secs(1));
        fields.texts("who");
        fields.number("size", 1..=8, 4);
        fields.within("deep", |path, given| {
            Ok((
                (),
                Fields::of(path, given).map_err(|fault| vec![fault])?.finish()?.into(),
            ))
        });
        fields.needed_text("name", "a name");
        let faults = fields.finish().unwrap_err();
        let named: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            named,
            [
                "settings.on",
                "settings.time",
                "settings.who",
                "settings.size",
                "settings.deep.x",
                "settings.name",
                "settings.colour"
            ]
        );

        let given = json!({"time": 2.5, "size": 8.0});
        let mut fields = Fields::of("settings", &given).unwrap();
        assert_eq!(
            fields.duration_or("time", range.clone(), Duration::ZERO),
            Duration::from_millis(2500)
        );
        fields.duration_or("wait", range, Duration::from_secs(3));
        fields.word("who", &[("me", 1), ("you", 2)], 1);
        assert_eq!(fields.number("size", 1..=8, 4), 8);
        let filled = fields.finish().unwrap();
        assert_eq!(
            serde_json::Value::Object(filled),
            json!({"time": "2500ms", "wait": 3, "who": "me", "size": 8})
        );
    }
}
