//! What one has to know to fill a form in: placeholders, preconditions, and every kind of authenticator.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::failure::Failure;
use super::form::{Kind, Spec, specs};
use super::kinds::mechanism_word;
use super::page::{Page, Place};
use super::ui::prose;
use super::visit::Visit;
use crate::admin::{self, BackendInfo};

/// What templates can name, and what it is.
static PLACEHOLDERS: &[(&str, &str)] = &[
    ("${username}", "the user name the client sent"),
    ("${clientid}", "its client identifier"),
    ("${password}", "its password; only where a backend checks it itself"),
    ("${peerhost}", "the address it connects from"),
    ("${peerport}", "its port"),
    ("${cert_common_name}", "the common name of its TLS certificate"),
    ("${cert_subject}", "the subject of its TLS certificate"),
    ("${cert_pem}", "the certificate itself, PEM"),
    ("${listener}", "which listener it came through"),
    ("${zone}", "its MQTT zone"),
    (
        "${client_attrs.NAME}",
        "an attribute that is known of the client already",
    ),
];

static KEYS: &[(&str, &str)] = &[
    ("Ctrl K", "search pages, authenticators and users"),
    ("/", "to the search field of a page"),
    ("g a", "authenticators"),
    ("g u", "users"),
    ("g t", "try a login"),
    ("g c", "cluster"),
    ("g s", "settings"),
    ("?", "this help"),
    ("Esc", "closes what is open"),
];

/// `GET /help`.
pub(super) async fn page(visit: Visit) -> Response {
    let body = html! {
        section.stack {
            h2 id="placeholders" { "Placeholders" }
            p { "Queries, filters, addresses and bodies may name what is known of a client. Values never become a part of a statement." }
            (pairs(PLACEHOLDERS))
        }
        section.stack {
            h2 id="preconditions" { "Preconditions" }
            p {
                "An authenticator is asked only about clients for which its precondition is true. It is an expression over the same names, "
                "without braces: " code { "str_eq(listener, 'tcp:default')" } ", " code { "regex_match(username, '^dev-')" } ". "
                "What cannot be evaluated counts as not concerned, and is told in the trace of a login."
            }
        }
        section.stack {
            h2 { "Settings of each kind" }
            ul { @for kind in admin::kinds() { li { a href=(address(kind)) { (mechanism_word(kind.mechanism)) ": " (kind.title) } } } }
        }
        section.stack { h2 id="keys" { "Keys" } (pairs(KEYS)) p.muted.small { "Single letters do nothing while you type." } }
    };
    visit.page(Page::new(Place::Help, "Help", body))
}

fn pairs(pairs: &[(&str, &str)]) -> Markup {
    html! { dl.pairs { @for (name, what) in pairs { dt { code { (name) } } dd { (what) } } } }
}

/// The page about a kind of authenticator.
pub(super) fn address(kind: &BackendInfo) -> String {
    format!("/help/{}:{}", kind.mechanism, kind.backend)
}

/// `GET /help/{kind}`.
pub(super) async fn kind(visit: Visit, Path(name): Path<String>) -> Result<Response, Failure> {
    let (mechanism, backend) = name.split_once(':').ok_or_else(Failure::no_such_page)?;
    let kind = admin::kind(mechanism, backend).ok_or_else(Failure::no_such_page)?;
    let body = html! {
        p { (prose(kind.schema.get("description").and_then(|text| text.as_str()).unwrap_or_default())) }
        dl.card.flush.settings { @for spec in specs(&kind.schema) { (entries(&spec)) } }
    };
    Ok(visit.page(Page::new(Place::Help, kind.title, body).under(&[("/help", "Help")])))
}

/// A setting, and what is within it.
fn entries(spec: &Spec) -> Markup {
    let default = if spec.default.is_null() || matches!(spec.kind, Kind::Group(_)) {
        String::new()
    } else {
        spec.default.to_string()
    };
    html! {
        div {
            dt {
                code { strong { (spec.path.strip_prefix("settings.").unwrap_or(&spec.path)) } }
                @if !default.is_empty() { span.muted.small { "default " code { (default) } } }
            }
            dd { (spec.title) @if !spec.help.is_empty() { ". " (prose(&spec.help)) } }
        }
        @match &spec.kind {
            Kind::Group(inner) => { @for spec in inner { (entries(spec)) } }
            Kind::OneOf(alternatives) => {
                @for (name, alternative) in alternatives {
                    div { dt { code { (spec.name) " " (name) } } dd { (prose(&alternative.help)) } }
                    @if let Kind::Group(inner) = &alternative.kind { @for spec in inner { (entries(spec)) } }
                }
            }
            _ => {}
        }
    }
}
