//! What is different between two states of an authenticator, in words, without secrets.

use serde_json::{Map, Value};

use super::format::counted;
use super::ui::Tone;
use crate::admin::{AuthenticatorDraft, AuthenticatorView, DEFAULT_TIMEOUT, kind};
use crate::auth::OnFailure;

/// What is not shown.
const HIDDEN: &str = "(secret)";
const CHANGED: &str = "(another secret)";
const NONE: &str = "–";

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) name: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// Everything that differs.
pub(super) fn differences(before: &AuthenticatorDraft, after: &AuthenticatorDraft) -> Vec<Change> {
    let (old, new) = (flat(before), flat(after));
    names(&[&old, &new])
        .into_iter()
        .filter(|name| old.get(name) != new.get(name))
        .map(|name| Change {
            before: shown(&name, old.get(&name), before, NONE),
            after: match shown(&name, new.get(&name), after, NONE) {
                text if text == HIDDEN => CHANGED.to_owned(),
                text => text,
            },
            name,
        })
        .collect()
}

/// What applying means for those who log in.
pub(super) fn effects(changes: &[Change], view: &AuthenticatorView, users: u64) -> Vec<(Tone, String)> {
    let changed = |name: &str| changes.iter().any(|change| change.name.starts_with(name));
    let mut effects = Vec::new();
    if changes.iter().any(|change| change.name.starts_with("settings.")) {
        effects.push((
            Tone::Info,
            "Every node opens it anew with these settings; logins in between are decided by the old ones.".to_owned(),
        ));
    }
    if view.keeps_users && users > 0 && changed("settings.password_hash_algorithm") {
        let users = counted(users, "user");
        effects.push((
            Tone::Warn,
            format!("{users} keep the hash they have; each is hashed anew at its next login."),
        ));
    }
    if view.keeps_users && users > 0 && changed("settings.user_id_type") {
        let users = counted(users, "user");
        effects.push((
            Tone::Down,
            format!("{users} are looked up by another name from then on: most of them will not be found."),
        ));
    }
    effects
}

/// A setting that one side or both have changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) base: String,
    pub(super) theirs: String,
    pub(super) mine: String,
    changed_by_them: bool,
    changed_by_me: bool,
}

impl Choice {
    /// Both have changed it.
    pub(super) const fn is_contested(&self) -> bool {
        self.changed_by_them && self.changed_by_me
    }

    pub(super) const fn prefers_mine(&self) -> bool {
        self.changed_by_me && !self.changed_by_them
    }

    /// Puts my side of it into the draft.
    pub(super) fn take_mine(&self, mine: &AuthenticatorDraft, wanted: &mut AuthenticatorDraft) {
        match self.name.strip_prefix("settings.") {
            Some(path) => put(&mut wanted.settings, path, at(&mine.settings, path).cloned()),
            None => match self.name.as_str() {
                "precondition" => wanted.precondition.clone_from(&mine.precondition),
                "on_failure" => wanted.on_failure = mine.on_failure,
                _ => wanted.timeout = mine.timeout,
            },
        }
    }
}

/// Everything that they or I have changed since the base.
pub(super) fn merged(base: &AuthenticatorDraft, theirs: &AuthenticatorDraft, mine: &AuthenticatorDraft) -> Vec<Choice> {
    let (was, them, me) = (flat(base), flat(theirs), flat(mine));
    names(&[&was, &them, &me])
        .into_iter()
        .filter(|name| them.get(name) != me.get(name))
        .map(|name| Choice {
            base: shown(&name, was.get(&name), base, NONE),
            theirs: shown(&name, them.get(&name), theirs, NONE),
            mine: shown(&name, me.get(&name), mine, NONE),
            changed_by_them: was.get(&name) != them.get(&name),
            changed_by_me: was.get(&name) != me.get(&name),
            name,
        })
        .collect()
}

/// Every setting by its path. What settings leave out is what their kind fills in.
fn flat(draft: &AuthenticatorDraft) -> Map<String, Value> {
    let filled = crate::admin::filled_in(&draft.mechanism, &draft.backend, &draft.settings);
    let mut flat = Map::new();
    flatten("settings", &Value::Object(filled), &mut flat);
    let on_failure = match draft.on_failure {
        OnFailure::Next => "next",
        OnFailure::Deny => "deny",
    };
    flat.insert("on_failure".to_owned(), on_failure.into());
    flat.insert("precondition".to_owned(), draft.precondition.as_str().into());
    let timeout = draft.timeout.unwrap_or(DEFAULT_TIMEOUT);
    flat.insert("timeout".to_owned(), format!("{timeout:?}").into());
    flat
}

fn flatten(path: &str, value: &Value, flat: &mut Map<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(&format!("{path}.{name}"), value, flat);
            }
        }
        value => {
            flat.insert(path.to_owned(), value.clone());
        }
    }
}

fn names(states: &[&Map<String, Value>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in states.iter().flat_map(|state| state.keys()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn shown(name: &str, value: Option<&Value>, draft: &AuthenticatorDraft, none: &str) -> String {
    match value {
        None | Some(Value::Null) => none.to_owned(),
        Some(_) if is_secret(name, draft) => HIDDEN.to_owned(),
        Some(Value::String(text)) if text.is_empty() => none.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// Whether the schema says that it is one; what the schema does not know could be anything.
fn is_secret(name: &str, draft: &AuthenticatorDraft) -> bool {
    let Some(path) = name.strip_prefix("settings.") else {
        return false;
    };
    let Some(kind) = kind(&draft.mechanism, &draft.backend) else {
        return true;
    };
    let marked = |schema: &Value| schema.get("x-secret").and_then(Value::as_bool) == Some(true);
    let mut schema = &kind.schema;
    for step in path.split('.') {
        let named = schema.get("properties").and_then(|properties| properties.get(step));
        let other = schema.get("additionalProperties").filter(|other| other.is_object());
        match named.or(other) {
            // The name of a header may have dots too.
            Some(inner) if marked(inner) => return true,
            Some(inner) => schema = inner,
            // A form of `oneOf` or the like: hash parameters, which are no secrets.
            None => return false,
        }
    }
    false
}

fn at<'a>(settings: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => settings.get(path),
        Some((first, rest)) => at(settings.get(first)?.as_object()?, rest),
    }
}

fn put(settings: &mut Map<String, Value>, path: &str, value: Option<Value>) {
    match (path.split_once('.'), value) {
        (None, Some(value)) => {
            settings.insert(path.to_owned(), value);
        }
        (None, None) => {
            settings.shift_remove(path);
        }
        (Some((first, rest)), value) => {
            let inner = settings.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{AuthenticatorDraft, differences, merged};

    fn draft(settings: serde_json::Value) -> AuthenticatorDraft {
        AuthenticatorDraft {
            mechanism: "password_based".into(),
            backend: "postgresql".into(),
            settings: settings.as_object().cloned().unwrap(),
            ..AuthenticatorDraft::default()
        }
    }

    #[test]
    fn a_difference_shows_both_sides_and_no_secret() {
        let before = draft(json!({"server": "a", "database": "mqtt", "query": "SELECT 1", "password": "******"}));
        let after = draft(json!({"server": "b", "database": "mqtt", "query": "SELECT 1", "password": "new secret"}));
        let changes = differences(&before, &after);
        let names: Vec<_> = changes.iter().map(|change| change.name.as_str()).collect();
        assert_eq!(names, ["settings.server", "settings.password"]);
        let all = format!("{changes:?}");
        assert!(!all.contains("new secret") && all.contains("another secret"), "{all}");
    }

    #[test]
    fn the_value_of_a_header_is_a_secret_whatever_its_name() {
        let headers = |value: &str| AuthenticatorDraft {
            backend: "http".into(),
            ..draft(json!({"headers": {"x.api.key": value, "authorization": value}}))
        };
        let changes = differences(&headers("******"), &headers("Bearer hunter2"));
        let all = format!("{changes:?}");
        assert!(changes.len() == 2 && !all.contains("hunter2"), "{all}");
    }

    #[test]
    fn what_only_one_side_changed_needs_no_choice() {
        let base = draft(json!({"server": "a", "database": "x", "query": "q"}));
        let theirs = draft(json!({"server": "b", "database": "x", "query": "theirs"}));
        let mine = draft(json!({"server": "a", "database": "y", "query": "mine"}));
        let choices = merged(&base, &theirs, &mine);
        let by_name = |name: &str| choices.iter().find(|choice| choice.name == name).unwrap();
        assert!(!by_name("settings.server").prefers_mine());
        assert!(by_name("settings.database").prefers_mine());
        assert!(by_name("settings.query").is_contested());
        let mut wanted = theirs.clone();
        by_name("settings.database").take_mine(&mine, &mut wanted);
        assert_eq!(
            (wanted.settings["server"].as_str(), wanted.settings["database"].as_str()),
            (Some("b"), Some("y"))
        );
    }
}
