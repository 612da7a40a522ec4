//! Trying a login: what each authenticator says to it, on this node or on all of them, with what is stored or with a draft.

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses;
use super::drafts::Draft;
use super::failure::Failure;
use super::form::{Given, texts_by_name};
use super::format;
use super::page::{Page, Place};
use super::ui::{Button, Faults, Field, Tone, area, banner, hidden, node_name, password, pill, select, text};
use super::visit::Visit;
use super::wizard;
use crate::admin::{AdminError, NodeTrial, Role};
use crate::auth::{Attempt, GLOBAL_CHAIN, Identity, Reason, Step, StepVerdict, Trial, default_id};

/// How the password is used.
const WAYS: &[(&str, &str)] = &[
    ("", "It is sent (password or token)"),
    ("SCRAM-SHA-256", "It is proven by SCRAM-SHA-256"),
    ("SCRAM-SHA-512", "It is proven by SCRAM-SHA-512"),
];

/// The fields of the form that can be at fault.
const FIELDS: [&str; 8] = [
    "username",
    "client_id",
    "password",
    "listener",
    "peer_host",
    "cert_common_name",
    "cert_subject",
    "client_attrs",
];

/// Said before anything is tried without the draft that is meant.
const LOST: &str = "The draft is not kept any more, and was not tried. What you try from here on is what is stored.";

/// What may stand in the address.
#[derive(Default, Deserialize)]
pub(super) struct Preset {
    #[serde(default)]
    username: String,
    #[serde(default)]
    draft: String,
}

/// What the form holds, without the password.
#[derive(Default)]
struct Sheet {
    username: String,
    client_id: String,
    way: String,
    node: String,
    listener: String,
    peer_host: String,
    cert_common_name: String,
    cert_subject: String,
    client_attrs: String,
    draft: String,
}

impl Sheet {
    fn given(given: &Given) -> Self {
        let text = |name: &str| given.text(name).to_owned();
        Self {
            username: text("username"),
            client_id: text("client_id"),
            way: text("way"),
            node: text("node"),
            listener: text("listener"),
            peer_host: text("peer_host"),
            cert_common_name: text("cert_common_name"),
            cert_subject: text("cert_subject"),
            client_attrs: text("client_attrs").replace("\r\n", "\n"),
            draft: text("draft"),
        }
    }

    fn has_more(&self) -> bool {
        [
            &self.listener,
            &self.peer_host,
            &self.cert_common_name,
            &self.cert_subject,
            &self.client_attrs,
        ]
        .iter()
        .any(|text| !text.is_empty())
    }

    fn attempt(&self, given: &Given, faults: &mut Faults) -> Attempt {
        let client_attrs = texts_by_name(&self.client_attrs, "client_attrs", faults);
        let sent = given.text("password");
        let has_password = !sent.is_empty() || given.has("empty_password");
        Attempt {
            listener: self.listener.clone(),
            username: self.username.clone(),
            client_id: self.client_id.clone(),
            password: has_password.then(|| sent.as_bytes().to_vec()),
            mechanism: self.way.clone(),
            peer_host: self.peer_host.clone(),
            cert_common_name: self.cert_common_name.clone(),
            cert_subject: self.cert_subject.clone(),
            client_attrs,
            draft: None,
        }
    }
}

/// `GET /try`.
pub(super) async fn form(visit: Visit, Query(preset): Query<Preset>) -> Result<Response, Failure> {
    let draft = visit.draft(&preset.draft).await?;
    let faults = if draft.is_none() && !preset.draft.is_empty() {
        Faults::whole(LOST)
    } else {
        Faults::default()
    };
    let chain = draft.as_ref().map_or("", |draft| &draft.wanted.chain);
    let sheet = Sheet {
        username: preset.username,
        draft: preset.draft,
        node: "all".to_owned(),
        listener: Some(chain)
            .filter(|chain| *chain != GLOBAL_CHAIN)
            .unwrap_or_default()
            .to_owned(),
        ..Sheet::default()
    };
    Ok(page(&visit, &sheet, draft.as_ref(), &faults, &[]))
}

/// `POST /try`: nothing is stored, logged or counted, and the password is not in the answer.
pub(super) async fn submit(visit: Visit, given: Given) -> Result<Response, Failure> {
    let (sheet, mut faults) = (Sheet::given(&given), Faults::default());
    let attempt = sheet.attempt(&given, &mut faults);
    let draft = match sheet.draft.as_str() {
        "" => None,
        id => {
            visit.demand(Role::Editor)?;
            visit.draft(id).await?
        }
    };
    match &draft {
        None if !sheet.draft.is_empty() => faults = Faults::whole(LOST),
        Some(Draft { wanted, .. }) if wanted.chain != GLOBAL_CHAIN && wanted.chain != sheet.listener => {
            let why = format!(
                "must be `{}`: the draft is of the chain of that listener alone",
                wanted.chain
            );
            faults.add("listener", why);
        }
        _ => {}
    }
    let (mut trials, mut status) = (Vec::new(), StatusCode::UNPROCESSABLE_ENTITY);
    if faults.is_empty() {
        let on = match sheet.node.as_str() {
            "all" => None,
            node => Some(node.parse().unwrap_or(visit.standing.node)),
        };
        let by = &visit.signed.account.name;
        let wanted = draft.as_ref().map(|draft| draft.wanted.clone());
        match visit.site().admin().try_login(by, attempt, wanted, on).await {
            Ok(tried) => (trials, status) = (tried, StatusCode::OK),
            Err(AdminError::Unavailable { why, retry_after, .. }) => {
                let seconds = retry_after.as_secs_f64().ceil();
                faults = Faults::whole(format!("Not tried: {why}. Try again in {seconds} s."));
                status = StatusCode::TOO_MANY_REQUESTS;
            }
            Err(error) => faults = Faults::of(&error),
        }
    }
    let page = page(&visit, &sheet, draft.as_ref(), &faults, &trials);
    Ok((status, page).into_response())
}

/// Says that a draft is tried, with the ways out.
fn with_draft(draft: &Draft, draft_id: &str) -> Markup {
    let wanted = &draft.wanted;
    let name = match wanted.id.as_str() {
        "" => default_id(&wanted.mechanism, &wanted.backend),
        id => id.to_owned(),
    };
    let back = match &draft.base {
        Some(base) => Some(addresses::with(
            &addresses::authenticator(&base.key, "/settings"),
            &[("draft", draft_id)],
        )),
        None => wizard::address_of(wanted, draft_id),
    };
    let what = html! {
        "With the draft of " strong { (name) } ", which is not stored."
        @if draft.base.is_none() { " It is asked at the end of its chain." }
    };
    let ways = html! {
        @if let Some(back) = back { a.button href=(back) { "Back to the draft" } " " }
        a.button href="/try" { "Without it" }
    };
    html! { (hidden("draft", draft_id)) (banner(Tone::Info, &what, Some(ways))) }
}

fn page(visit: &Visit, sheet: &Sheet, draft: Option<&Draft>, faults: &Faults, trials: &[NodeTrial]) -> Response {
    let faults = &faults.placed(&FIELDS.map(|field| (field, field)));
    let body = html! {
        (faults.summary())
        (results(trials))
        form.form method="post" action="/try" {
            @if let Some(draft) = draft { (with_draft(draft, &sheet.draft)) }
            (text(Field::new("username", "Username").value(&sheet.username).faults(faults)))
            (text(Field::new("client_id", "Client ID").value(&sheet.client_id).faults(faults)))
            (password(Field::new("password", "Password or token").faults(faults).help("Not stored, not logged, not counted, and not shown again.")))
            (select(Field::new("way", "How it is used").value(&sheet.way), WAYS))
            (nodes(visit, &sheet.node))
            details open[sheet.has_more() || !faults.is_empty()] {
                summary { "More about the client" }
                div.stack {
                    (text(Field::new("listener", "Listener").value(&sheet.listener).help("Decides the chain; empty: the global one.").faults(faults)))
                    (text(Field::new("peer_host", "Address").value(&sheet.peer_host).faults(faults)))
                    (text(Field::new("cert_common_name", "Common name of its certificate").value(&sheet.cert_common_name).faults(faults)))
                    (text(Field::new("cert_subject", "Subject of its certificate").value(&sheet.cert_subject).faults(faults)))
                    (area(Field::new("client_attrs", "Attributes").value(&sheet.client_attrs).help("One `name: value` a line.").faults(faults)))
                }
            }
            div.foot { (Button::primary("Try").draw()) }
        }
    };
    let lead = html! { "What each authenticator would say to a client." };
    visit.page(
        Page::new(Place::Try, "Try a login", body)
            .lead(lead)
            .refused(!faults.is_empty()),
    )
}

fn nodes(visit: &Visit, chosen: &str) -> Markup {
    let list = visit.site().admin().list_nodes();
    let here = visit.standing.node;
    let named: Vec<_> = list
        .nodes
        .iter()
        .map(|node| {
            let this = if node.id == here { " (this one)" } else { "" };
            (node.id.to_string(), format!("{}{this}", node_name(node.id)))
        })
        .collect();
    let mut choices = vec![("all", "All nodes")];
    choices.extend(named.iter().map(|(id, name)| (id.as_str(), name.as_str())));
    select(Field::new("node", "On").value(chosen), &choices)
}

/// All nodes say the same, or the one that differs stands out.
fn results(trials: &[NodeTrial]) -> Markup {
    let Some(first) = trials.first() else {
        return html! {};
    };
    let word = |trial: &NodeTrial| trial.trial.as_ref().map(verdicts).ok();
    let differ = trials.iter().any(|trial| word(trial) != word(first));
    html! {
        section.stack aria-label="Result" id="result" tabindex="-1" data-focus {
            @if differ { (banner(Tone::Warn, &html! { strong { "The nodes differ. " } "They should not: look at the cluster page." }, None)) }
            @for trial in trials {
                @if differ || trial.node == first.node { (result(trial, if differ || trials.len() == 1 { None } else { Some(trials) })) }
            }
        }
    }
}

/// What of a trial must be the same everywhere.
fn verdicts(trial: &Trial) -> (Option<Reason>, Vec<(StepVerdict, Option<Reason>)>) {
    let steps = trial.steps.iter().map(|step| (step.verdict, step.reason));
    (trial.outcome.as_ref().err().copied(), steps.collect())
}

fn result(trial: &NodeTrial, all: Option<&[NodeTrial]>) -> Markup {
    let on = match all {
        Some(all) => all.iter().map(|one| node_name(one.node)).collect::<Vec<_>>().join(", "),
        None => node_name(trial.node),
    };
    let tried = match &trial.trial {
        Ok(tried) => tried,
        Err(why) => return banner(Tone::Warn, &html! { strong { (on) } " did not try: " (why) }, None),
    };
    let who = if tried.authenticator.is_empty() {
        "the end of the chain"
    } else {
        &tried.authenticator
    };
    html! {
        div.card.stack {
            div.head {
                p.verdict {
                    @match &tried.outcome {
                        Ok(_) => { (pill(Tone::Ok, "Allowed")) " by " (who) }
                        Err(reason) => { (pill(Tone::Down, "Denied")) " by " (who) " " span.small { code { (reason) } } }
                    }
                }
                p.muted { (format::took(tried.took)) " on " (on) }
            }
            @if !tried.remark.is_empty() { (banner(Tone::Warn, &html! { (tried.remark) }, None)) }
            (steps(&tried.steps))
            @if let Ok(identity) = &tried.outcome { (known(identity)) }
        }
    }
}

fn steps(steps: &[Step]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Steps" {
            table.data.trace {
                thead { tr { th scope="col" { span.unseen { "Step" } } th scope="col" { "Authenticator" } th scope="col" { "Verdict" } th scope="col" { "Why" } th.num scope="col" { "Time" } } }
                tbody {
                    @for (at, step) in steps.iter().enumerate() {
                        tr {
                            td { (at + 1) }
                            th scope="row" { (step.authenticator) }
                            td { (verdict(step.verdict)) }
                            td { @if let Some(reason) = step.reason { code { (reason) } " " } (step.detail) }
                            td.num { (format::took(step.took)) }
                        }
                    }
                }
            }
        }
    }
}

fn verdict(verdict: StepVerdict) -> Markup {
    match verdict {
        StepVerdict::Allowed => pill(Tone::Ok, "Allowed"),
        StepVerdict::Denied => pill(Tone::Down, "Denied"),
        StepVerdict::NotFound => pill(Tone::Info, "Not found"),
        StepVerdict::Skipped => pill(Tone::Off, "Skipped"),
        StepVerdict::Failed => pill(Tone::Warn, "Error"),
        StepVerdict::Continues => pill(Tone::Info, "Continues"),
        StepVerdict::NotReached => pill(Tone::Off, "Not reached"),
    }
}

/// What whoever asks is told of the client.
fn known(identity: &Identity) -> Markup {
    html! {
        dl.pairs {
            dt { "Superuser" } dd { @if identity.is_superuser { "Yes" } @else { "No" } }
            @if let Some(end) = identity.expire_at { dt { "Until" } dd { (format::exact(end)) } }
            @if !identity.client_id_override.is_empty() { dt { "Client ID" } dd { (identity.client_id_override) } }
            @for (name, value) in &identity.client_attrs { dt { (name) } dd { (value) } }
            @for rule in &identity.acl { dt { (rule.permission) " " (rule.action) } dd { code { (rule.topic) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{NodeTrial, Reason, Step, StepVerdict, Trial, results};

    fn trial(node: u64, reason: Reason) -> NodeTrial {
        let step = Step {
            authenticator: "db".into(),
            verdict: StepVerdict::Denied,
            reason: Some(reason),
            detail: "<b>".into(),
            took: Duration::from_millis(3),
        };
        let trial = Trial {
            outcome: Err(reason),
            authenticator: "db".into(),
            steps: vec![step],
            took: Duration::from_millis(4),
            remark: String::new(),
        };
        NodeTrial { node, trial: Ok(trial) }
    }

    #[test]
    fn nodes_that_agree_are_shown_as_one() {
        let same = Reason::BadUsernameOrPassword;
        let shown = results(&[trial(1, same), trial(2, same)]).into_string();
        assert_eq!(shown.matches("class=\"card").count(), 1, "{shown}");
        assert!(shown.contains("n1, n2") && shown.contains("&lt;b&gt;"), "{shown}");
    }

    #[test]
    fn a_node_that_differs_stands_out() {
        let shown = results(&[trial(1, Reason::BadUsernameOrPassword), trial(2, Reason::UserDisabled)]).into_string();
        assert!(
            shown.contains("The nodes differ") && shown.matches("class=\"card").count() == 2,
            "{shown}"
        );
    }
}
