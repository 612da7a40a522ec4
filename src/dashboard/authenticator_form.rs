//! The form of an authenticator: what all kinds have in common, and the settings of its own kind.

use maud::{Markup, html};

use super::drafts::{Draft, held};
use super::form::{Filled, Given, draw, miss_typed, places, read, specs};
use super::format;
use super::help;
use super::ui::{Faults, Field, Tone, area, check, node_name, pill, provider_pill, select, text};
use crate::admin::{AuthenticatorDraft, AuthenticatorPatch, BackendInfo, DEFAULT_TIMEOUT, NodeTest};
use crate::auth::{AuthenticatorRecord, OnFailure, default_id};

/// What the form shows.
pub(super) struct AuthenticatorForm<'a> {
    pub(super) kind: &'a BackendInfo,
    pub(super) draft: &'a AuthenticatorDraft,
    pub(super) faults: &'a Faults,
    /// As it is stored; `None`: a new one.
    pub(super) stored: Option<&'a AuthenticatorRecord>,
    pub(super) is_locked: bool,
}

/// What has been stored, as a draft to start from.
pub(super) fn draft_of(record: &AuthenticatorRecord) -> AuthenticatorDraft {
    AuthenticatorDraft {
        chain: record.key.chain.clone(),
        id: record.key.id.clone(),
        mechanism: record.mechanism.clone(),
        backend: record.backend.clone(),
        enabled: Some(record.enabled),
        settings: serde_json::from_str(&record.settings).unwrap_or_default(),
        precondition: record.precondition.clone(),
        on_failure: record.on_failure,
        timeout: Some(record.timeout),
        faults: Vec::new(),
    }
}

/// What makes a stored authenticator into what the draft wants: what the draft leaves open becomes what it is by default.
pub(super) fn patch_of(wanted: &AuthenticatorDraft) -> AuthenticatorPatch {
    AuthenticatorPatch {
        settings: Some(wanted.settings.clone()),
        precondition: Some(wanted.precondition.clone()),
        on_failure: Some(wanted.on_failure),
        timeout: Some(wanted.timeout.unwrap_or(DEFAULT_TIMEOUT)),
        ..AuthenticatorPatch::default()
    }
}

impl AuthenticatorForm<'_> {
    pub(super) fn draw(&self) -> Markup {
        let (draft, specs) = (self.draft, specs(&self.kind.schema));
        let mut places = places(&specs, &draft.settings);
        let common = ["on_failure", "timeout", "precondition"];
        let name = self.stored.is_none().then_some("id");
        places.extend(common.into_iter().chain(name).map(|name| (name.into(), name.into())));
        let faults = &self.faults.placed(&places);
        let filled = Filled {
            settings: &draft.settings,
            stored: &held(None, self.stored),
            faults,
            is_locked: self.is_locked,
        };
        html! {
            @if !self.is_locked { (faults.summary()) }
            p.small { a href=(help::address(self.kind)) { "What these settings mean" } }
            @if self.stored.is_none() { (self.name(faults)) }
            (draw(&specs, &filled))
            (self.common(faults))
        }
    }

    fn name(&self, faults: &Faults) -> Markup {
        let usual = default_id(self.kind.mechanism, self.kind.backend);
        text(
            Field::new("id", "Name")
                .value(&self.draft.id)
                .placeholder(&usual)
                .help("What it is called in the chain; without spaces and slashes. Empty: the name of its kind.")
                .faults(faults),
        )
    }

    fn common(&self, faults: &Faults) -> Markup {
        let draft = self.draft;
        let on_failure = match draft.on_failure {
            OnFailure::Next => "next",
            OnFailure::Deny => "deny",
        };
        let timeout = format::duration(draft.timeout.unwrap_or(DEFAULT_TIMEOUT));
        let timeout = faults.unread("timeout").unwrap_or(&timeout);
        html! {
            fieldset {
                legend { "In the chain" }
                (select(
                    Field::new("on_failure", "When it cannot decide").value(on_failure).faults(faults).disabled(self.is_locked)
                        .help("What becomes of a client while the backend does not answer, or answers with nonsense."),
                    &[("deny", "Deny the client"), ("next", "Ask the next authenticator")],
                ))
                (text(Field::new("timeout", "Longest decision").value(timeout).faults(faults).disabled(self.is_locked)
                    .help("How long one decision may take: `5s`, `500ms`. Empty: `5s`.")))
                (area(Field::new("precondition", "Only if").value(&draft.precondition).faults(faults).disabled(self.is_locked)
                    .help("An expression that says which clients it is asked about, such as str_eq(listener, 'tcp:default'). Empty: about all.")))
                @if self.stored.is_none() {
                    (check(Field::new("off", "Switched off").help("It is added, and asked about nobody until it is switched on."), draft.enabled == Some(false)))
                }
            }
        }
    }
}

/// The draft that a sent form means, and what cannot be read of it. It began with the draft `before`, or with what is stored; if
/// it names a draft that nobody knows any more, the secrets in that one are missed.
pub(super) fn draft_from(
    given: &Given,
    kind: &BackendInfo,
    (chain, id): (&str, &str),
    before: Option<&Draft>,
    stored: Option<&AuthenticatorRecord>,
) -> (AuthenticatorDraft, Faults) {
    let (specs, mut faults) = (specs(&kind.schema), Faults::default());
    if before.is_none() && !given.text("draft").is_empty() {
        miss_typed(&specs, given, &mut faults);
    }
    let settings = read(&specs, given, &held(before, stored), &mut faults);
    let timeout = given.text("timeout").trim();
    let timeout = match (timeout, crate::words::duration(timeout)) {
        ("", _) => None,
        (_, Ok(time)) => Some(time),
        (_, Err(why)) => {
            faults.add_unread("timeout", why, timeout);
            None
        }
    };
    let draft = AuthenticatorDraft {
        chain: chain.to_owned(),
        id: id.to_owned(),
        mechanism: kind.mechanism.to_owned(),
        backend: kind.backend.to_owned(),
        enabled: given.has("off").then_some(false),
        settings,
        precondition: given.text("precondition").trim().to_owned(),
        on_failure: match given.text("on_failure") {
            "next" => OnFailure::Next,
            _ => OnFailure::Deny,
        },
        timeout,
        faults: Vec::new(),
    };
    (draft, faults)
}

/// What came of trying the settings on every node.
pub(super) fn tests(results: &[NodeTest]) -> Markup {
    html! {
        section.card.stack aria-label="Test" id="test" tabindex="-1" data-focus {
            h2 { "Test" }
            ul.tight role="list" {
                @for result in results {
                    li {
                        strong { (node_name(result.node)) " " }
                        @match &result.tried {
                            Ok((health, took)) => {
                                (provider_pill(health.status))
                                " " span.muted { (format::took(*took)) } " "
                                @if !health.error.is_empty() { (health.error) }
                            }
                            Err(why) => { (pill(Tone::Off, "Not tried")) " " (why) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{
        AuthenticatorDraft, AuthenticatorForm, AuthenticatorPatch, Draft, Faults, Given, OnFailure, draft_from,
        patch_of,
    };
    use crate::admin::kind;
    use crate::dashboard::difference::differences;
    use crate::dashboard::form::{Kind, Spec};

    /// What a patch leaves of an authenticator: what it does not name stays as it is.
    fn patched(before: &AuthenticatorDraft, patch: AuthenticatorPatch) -> AuthenticatorDraft {
        // By name, so that no member is forgotten.
        let AuthenticatorPatch {
            mechanism: _,
            backend: _,
            settings,
            precondition,
            on_failure,
            timeout,
            enabled,
            faults: _,
        } = patch;
        let before = before.clone();
        AuthenticatorDraft {
            settings: settings.unwrap_or(before.settings),
            precondition: precondition.unwrap_or(before.precondition),
            on_failure: on_failure.unwrap_or(before.on_failure),
            timeout: timeout.or(before.timeout),
            enabled: enabled.or(before.enabled),
            ..before
        }
    }

    /// The tag with this id.
    fn tag<'a>(page: &'a str, id: &str) -> Option<&'a str> {
        let at = page.find(&format!(" id=\"{id}\""))?;
        let start = page[..at].rfind('<')?;
        page[start..].split('>').next()
    }

    #[test]
    fn every_fault_of_every_setting_is_linked_to_a_field_that_is_marked_and_described_by_it() {
        for kind in crate::admin::kinds() {
            let mut paths = vec!["id".to_owned(), "timeout".to_owned(), "settings.unheard_of".to_owned()];
            collect(&crate::dashboard::form::specs(&kind.schema), &mut paths);
            for path in paths {
                let faults = Faults::one(&path, "is wrong");
                let form = AuthenticatorForm {
                    kind,
                    draft: &AuthenticatorDraft::default(),
                    faults: &faults,
                    stored: None,
                    is_locked: false,
                };
                let page = form.draw().into_string();
                assert!(page.contains("is wrong"), "{path}");
                let Some((_, link)) = page.split_once("<a href=\"#") else {
                    assert_eq!(path, "settings.unheard_of");
                    continue;
                };
                let id = link.split('"').next().unwrap();
                let field = tag(&page, id).unwrap_or_else(|| panic!("{path}: no #{id}"));
                assert!(field.contains("aria-invalid=\"true\""), "{path}: {field}");
                assert!(field.contains(&format!("{id}-error")), "{path}: {field}");
                assert!(tag(&page, &format!("{id}-error")).is_some(), "{path}");
                assert_eq!(page.matches("✕ ").count(), 1, "{path} is told at other fields too");
            }
        }
    }

    fn collect(specs: &[Spec], paths: &mut Vec<String>) {
        for spec in specs {
            paths.push(spec.path.clone());
            match &spec.kind {
                Kind::Group(inner) => collect(inner, paths),
                Kind::OneOf(alternatives) => alternatives.iter().for_each(|(_, alternative)| {
                    if let Kind::Group(inner) = &alternative.kind {
                        collect(inner, paths);
                    }
                }),
                Kind::Map | Kind::SecretMap { .. } | Kind::List | Kind::Json => {
                    paths.push(format!("{}.x.y", spec.path));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_the_review_shows_is_what_is_applied_in_every_member() {
        let before = AuthenticatorDraft {
            mechanism: "password_based".into(),
            backend: "redis".into(),
            enabled: Some(false),
            settings: json!({"server": "a:1", "cmd": "GET user:${username}", "database": 3})
                .as_object()
                .cloned()
                .unwrap(),
            precondition: "str_eq(username, 'a')".into(),
            on_failure: OnFailure::Next,
            timeout: Some(Duration::from_secs(8)),
            ..AuthenticatorDraft::default()
        };
        type Change = fn(&mut AuthenticatorDraft);
        let changes: [(&str, Change); 6] = [
            ("settings.server", |draft| draft.settings["server"] = json!("b:2")),
            ("settings.database", |draft| {
                drop(draft.settings.shift_remove("database"))
            }),
            ("precondition", |draft| draft.precondition.clear()),
            ("on_failure", |draft| draft.on_failure = OnFailure::Deny),
            ("timeout", |draft| draft.timeout = None),
            ("timeout", |draft| draft.timeout = Some(Duration::from_secs(9))),
        ];
        for (name, change) in changes {
            let mut wanted = before.clone();
            change(&mut wanted);
            let shown = differences(&before, &wanted);
            let names: Vec<_> = shown.iter().map(|change| change.name.as_str()).collect();
            assert_eq!(names, [name]);
            let after = patched(&before, patch_of(&wanted));
            assert_eq!(differences(&before, &after), shown);
            assert_eq!(after.enabled, before.enabled);
        }
    }

    #[test]
    fn a_draft_that_is_lost_does_not_take_its_secrets_along_without_a_word() {
        let redis = kind("password_based", "redis").unwrap();
        let sent = [
            ("draft", "known no more"),
            ("settings.server", "127.0.0.1:6379"),
            ("settings.password", ""),
            ("settings.password.typed", "on"),
        ];
        let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = Given::of(sent.to_vec());
        let (wanted, faults) = draft_from(&given, redis, ("global", "cache"), None, None);
        assert!(faults.of_field("settings.password").is_some());
        assert_eq!(wanted.settings["server"], "127.0.0.1:6379", "what was typed is lost");
        let known = Draft {
            wanted: AuthenticatorDraft {
                settings: json!({"password": "hunter2"}).as_object().cloned().unwrap(),
                ..AuthenticatorDraft::default()
            },
            base: None,
        };
        let (wanted, faults) = draft_from(&given, redis, ("global", "cache"), Some(&known), None);
        assert!(faults.is_empty());
        assert_eq!(wanted.settings["password"], "hunter2");
    }
}
