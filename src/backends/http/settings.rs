//! The settings of an HTTP server that is asked about clients: EMQX's names and defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::client::{self, NamedHeader};
use super::oauth2::Grant;
use super::place::{Named, leads_elsewhere};
use crate::auth::Credentials;
use crate::backends::Violation;
use crate::backends::fields::Fields;
use crate::backends::reach::ReachSettings;
use crate::backends::secrets;
use crate::backends::ssl::Ssl;
use crate::backends::template::Template;

/// What the time for a question is called.
pub(in crate::backends) const ASK: &str = "request_timeout";
const IDLE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const DEFAULT_IDLE: Duration = Duration::from_secs(10);
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Headers, and how they say that the body is written.
struct Headers {
    given: Vec<Named>,
    named: Vec<NamedHeader>,
    body_kind: BodyKind,
}

/// How the server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// How the body of a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    Json,
    Form,
}

/// A server and what it is sent.
#[derive(Clone)]
pub(in crate::backends) struct Server {
    pub(super) method: Method,
    /// Scheme, host and port, which no client has a say in.
    pub(super) base: Url,
    pub(super) path: Template,
    pub(super) query: Option<Template>,
    pub(super) headers: Vec<Named>,
    /// Those whose whole value is a secret that is only named.
    pub(super) named_headers: Vec<NamedHeader>,
    pub(super) body: Vec<Named>,
    pub(super) body_kind: BodyKind,
    pub(super) idle: Duration,
    pub(super) ssl: Ssl,
    pub(super) grant: Option<Grant>,
}

/// Everything an HTTP backend is set up by.
pub(in crate::backends) struct HttpSettings {
    pub(in crate::backends) server: Server,
    pub(in crate::backends) reach: ReachSettings,
}

impl HttpSettings {
    /// Reads them; `None` if a fault was noted.
    pub(in crate::backends) fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.leave_out(&["enable_pipelining", "allowed_hosts"]);
        fields.word("hostname_resolution", &[("static", ())], ());
        let method = method(fields);
        let address = address(fields);
        let headers = headers(fields, method);
        let body = named(fields, "body");
        let idle = fields.duration_or("max_inactive", IDLE, DEFAULT_IDLE);
        let ssl = fields.within("ssl", Ssl::parse);
        let grant = fields.within("oauth2", Grant::parse);
        let reach = ReachSettings::parse(fields, ASK);
        let (base, path, query) = address?;
        let Headers {
            given: headers,
            named: named_headers,
            body_kind,
        } = headers?;
        let grant = grant?;
        let mut named = named_headers.iter().map(|(name, _)| name.as_str());
        let mut names = headers.iter().map(|(name, _)| name.as_str());
        if grant.is_some() && (names.any(is_authorization) || named.any(is_authorization)) {
            fields.refuse("headers.authorization", "and `oauth2` exclude each other");
        }
        Some(Self {
            server: Server {
                method,
                base,
                path,
                query,
                headers,
                named_headers,
                body: body?,
                body_kind,
                idle,
                ssl: ssl?,
                grant,
            },
            reach: reach?,
        })
    }
}

fn is_authorization(header: &str) -> bool {
    header == "authorization"
}

fn method(fields: &mut Fields<'_>) -> Method {
    if fields.get("method").is_none() {
        fields.refuse("method", "is required: `get` or `post`");
    }
    fields.word("method", &[("post", Method::Post), ("get", Method::Get)], Method::Post)
}

/// The address: its server, its path and its query.
fn address(fields: &mut Fields<'_>) -> Option<(Url, Template, Option<Template>)> {
    let text = fields.needed_text("url", "the address of the server");
    if text.is_empty() {
        return None;
    }
    split(text).map_err(|why| fields.refuse("url", why)).ok()
}

fn split(text: &str) -> Result<(Url, Template, Option<Template>), String> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| "must begin with https:// or http://".to_owned())?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.contains("${") {
        return Err("has a placeholder in its host: no client may choose the server".to_owned());
    }
    if rest.contains('#') {
        return Err("must not have a fragment (`#`)".to_owned());
    }
    let base = client::address(&format!("{scheme}://{authority}"))?;
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let path = Template::parse_strictly(if path.is_empty() { "/" } else { path })?;
    let harmless = path.filled::<String>(&Credentials::default(), |_, _| Ok("x".to_owned()))?;
    if leads_elsewhere(&harmless) {
        return Err("has a segment `.` or `..` in its path".to_owned());
    }
    base.join(&harmless).map_err(|why| format!("is no address: {why}"))?;
    Ok((base, path, query.map(Template::parse_strictly).transpose()?))
}

/// An object of texts with placeholders.
fn named(fields: &mut Fields<'_>, field: &'static str) -> Option<Vec<Named>> {
    let empty = Value::Object(Map::new());
    let given = fields.get(field).unwrap_or(&empty);
    fields.fill(field, given.clone());
    let Value::Object(given) = given else {
        fields.refuse(field, "must be an object of texts");
        return None;
    };
    let mut found = Vec::new();
    for (name, value) in given {
        match value
            .as_str()
            .ok_or_else(|| "must be text".to_owned())
            .and_then(Template::parse_strictly)
        {
            Ok(template) => found.push((name.clone(), template)),
            Err(why) => {
                let path = format!("{}.{name}", fields.path_of(field));
                fields.add_faults([Violation::new(path, why)]);
            }
        }
    }
    Some(found)
}

/// The headers in lower case, so that a secret that is sent back as it was shown finds its value, with EMQX's own ones where they
/// are not set; and how the body is written.
fn headers(fields: &mut Fields<'_>, method: Method) -> Option<Headers> {
    let given = named(fields, "headers")?;
    let mut headers: Vec<Named> = Vec::new();
    for (name, template) in given {
        match client::header_name(&name) {
            // It speaks of a body, and a GET has none.
            Ok(name) if name == "content-type" && method == Method::Get => {}
            Ok(name) => headers.push((name.as_str().to_owned(), template)),
            Err(why) => {
                let path = format!("{}.{name}", fields.path_of("headers"));
                fields.add_faults([Violation::new(path, why)]);
            }
        }
    }
    let mut defaults = vec![("accept", JSON), ("cache-control", "no-cache")];
    if method == Method::Post {
        defaults.push(("content-type", JSON));
    }
    for (name, value) in defaults {
        if !headers.iter().any(|(other, _)| other == name)
            && let Ok(value) = Template::parse_strictly(value)
        {
            headers.push((name.to_owned(), value));
        }
    }
    let shown: Map<_, _> = headers
        .iter()
        .map(|(name, template)| (name.clone(), Value::from(template.text())))
        .collect();
    fields.fill("headers", shown);
    let kind = headers.iter().find(|(name, _)| name == "content-type");
    let kind = kind.map(|(_, template)| template.text().to_ascii_lowercase());
    let body_kind = match kind
        .as_deref()
        .map(|kind| kind.split(';').next().unwrap_or_default().trim())
    {
        None | Some(JSON) => BodyKind::Json,
        Some(FORM) => BodyKind::Form,
        Some(_) => {
            let path = format!("{}.content-type", fields.path_of("headers"));
            let why = format!("must be `{JSON}` or `{FORM}`");
            fields.add_faults([Violation::new(path, why)]);
            BodyKind::Json
        }
    };
    let (mut given, mut named) = (Vec::new(), Vec::new());
    for (name, template) in headers {
        match (client::secret_named(template.text()), client::header_name(&name)) {
            (Ok(Some(source)), Ok(name)) => named.push((name, source)),
            (Err(why), _) => {
                let path = format!("{}.{name}", fields.path_of("headers"));
                fields.add_faults([Violation::new(path, why)]);
            }
            _ => given.push((name, template)),
        }
    }
    Some(Headers {
        given,
        named,
        body_kind,
    })
}

/// JSON schema of the fields that are HTTP's own.
pub(in crate::backends) fn schemas() -> Value {
    let plain = |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
    json!({
        "method": {
            "title": "Method",
            "description": "How the server is asked. With `get` the body's members become parameters of the address.",
            "enum": ["post", "get"],
        },
        "url": plain("URL", "Address of the server. Placeholders like `${username}` may stand in path and query, each value being encoded once, but not in the host."),
        "headers": {
            "title": "Headers",
            "description": "Headers of the request, with placeholders. Their values are hidden when they are shown, but for the harmless ones named here.",
            "type": "object",
            "properties": {
                "accept": plain("Accept", "Which kinds of answer are wanted."),
                "cache-control": plain("Cache-Control", "What caches on the way may do."),
                "content-type": plain("Content-Type", "How the body is written: `application/json` or `application/x-www-form-urlencoded`."),
                "user-agent": plain("User-Agent", "Who asks, for the logs of the server."),
            },
            "additionalProperties": secrets::schema("Header", "The value, which may hold placeholders. One that is named is the whole value."),
            "default": {},
        },
        "body": {
            "title": "Body",
            "description": "What the server is sent: names with texts, which may hold placeholders.",
            "type": "object",
            "additionalProperties": {"type": "string"},
            "default": {},
        },
        "max_inactive": {
            "title": "Longest idle time",
            "description": "How long a connection is kept that nobody uses. A number of seconds, or a time like `1m30s`.",
            "anyOf": [{"type": "number"}, {"type": "string"}],
            "default": DEFAULT_IDLE.as_secs(),
        },
        "hostname_resolution": {
            "title": "Host name resolution",
            "description": "Only EMQX's `static`: the host stands in the settings.",
            "enum": ["static"],
            "default": "static",
        },
        "oauth2": Grant::schema(),
        "enable_pipelining": {
            "title": "Pipelining",
            "description": "Accepted from EMQX and not kept: HTTP/2 is used where the server offers it.",
        },
        "allowed_hosts": {
            "title": "Allowed hosts",
            "description": "Accepted from EMQX and not kept: no client has a say in the host.",
        },
    })
}
