//! The settings of a directory: EMQX's names and defaults.

use serde_json::{Map, Value};

use super::shape::Shape;
use super::{dn, filter};
use crate::backends::Violation;
use crate::backends::address::{Address, address};
use crate::backends::fields::Fields;
use crate::backends::passwords::PasswordSettings;
use crate::backends::reach::ReachSettings;
use crate::backends::secrets::SecretSource;
use crate::backends::ssl::Ssl;
use crate::backends::template::{Placeholder, Template};

/// What the time for a question is called.
pub(super) const ASK: &str = "query_timeout";
pub(super) const PORT: u16 = 389;
pub(super) const TLS_PORT: u16 = 636;
pub(super) const FILTER: &str = "(objectClass=mqttUser)";
pub(super) const PASSWORD: &str = "userPassword";
pub(super) const IS_SUPERUSER: &str = "isSuperuser";
pub(super) const CLIENT_ID_OVERRIDE: &str = "clientIdOverride";
pub(super) const BIND_PASSWORD: &str = "${password}";
const LONGEST_NAME: usize = 256;

/// Everything a directory is set up by.
pub(super) struct Settings {
    pub(super) server: Server,
    pub(super) search: Search,
    pub(super) method: Method,
    pub(super) reach: ReachSettings,
}

/// Where it is, and as whom it is searched.
pub(super) struct Server {
    pub(super) address: Address,
    pub(super) ssl: Ssl,
    pub(super) starttls: bool,
    pub(super) username: String,
    pub(super) password: SecretSource,
}

/// How the entry of a client is found, and what of it is wanted.
pub(super) struct Search {
    pub(super) base: Shape,
    pub(super) filter: Shape,
    pub(super) attributes: Attributes,
}

/// Names of attributes.
pub(super) struct Attributes {
    /// Where hashes are compared here.
    pub(super) password: Option<String>,
    pub(super) is_superuser: String,
    pub(super) client_id_override: String,
    pub(super) publish: Option<String>,
    pub(super) subscribe: Option<String>,
    pub(super) all: Option<String>,
    pub(super) acl_rule: Option<String>,
    pub(super) acl_ttl: Option<String>,
}

/// How a password is checked.
pub(super) enum Method {
    /// Against the hash in the entry.
    Hash(PasswordSettings),
    /// By the directory, with the text that this makes.
    Bind(Template),
}

impl Settings {
    /// Reads them; returns them with their defaults.
    pub(super) fn parse(settings: &Value) -> Result<(Self, Map<String, Value>), Vec<Violation>> {
        let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
        fields.leave_out(&["request_timeout"]);
        let server = server(&mut fields);
        let base = shape(&mut fields, "base_dn", None, dn::parse);
        let filter = shape(&mut fields, "filter", Some(FILTER), filter::parse);
        let mut attribute = |name| optional_attribute(&mut fields, name);
        let [publish, subscribe, all, acl_rule, acl_ttl] = [
            "publish_attribute",
            "subscribe_attribute",
            "all_attribute",
            "acl_rule_attribute",
            "acl_ttl_attribute",
        ]
        .map(&mut attribute);
        let method = fields.within("method", method);
        let passwords = match method {
            Some(MethodFields { bind: Some(_), .. }) => {
                let why = "belongs to the method `hash`: the directory judges by itself what it lets in";
                fields.refuse_given(&["allow_legacy_hashes"], why);
                None
            }
            _ => Some(PasswordSettings::of_others(&mut fields)),
        };
        let reach = ReachSettings::parse(&mut fields, ASK);
        let filled = fields.finish()?;
        let incomplete = || vec![Violation::new("settings", "are incomplete")];
        let method = method.ok_or_else(incomplete)?;
        let settings = Self {
            server: server.ok_or_else(incomplete)?,
            search: Search {
                base: base.ok_or_else(incomplete)?,
                filter: filter.ok_or_else(incomplete)?,
                attributes: Attributes {
                    password: method.password,
                    is_superuser: method.is_superuser,
                    client_id_override: method.client_id_override,
                    publish,
                    subscribe,
                    all,
                    acl_rule,
                    acl_ttl,
                },
            },
            method: match (method.bind, passwords) {
                (Some(template), _) => Method::Bind(template),
                (None, Some(passwords)) => Method::Hash(passwords),
                (None, None) => return Err(incomplete()),
            },
            reach: reach.ok_or_else(incomplete)?,
        };
        Ok((settings, filled))
    }

    /// What of a client its answers depend on.
    pub(super) fn inputs(&self) -> Vec<Placeholder> {
        let Search { base, filter, .. } = &self.search;
        let bind = match &self.method {
            Method::Bind(template) => Some(template),
            Method::Hash(_) => None,
        };
        let mut inputs: Vec<Placeholder> = Vec::new();
        let all = base.placeholders().chain(filter.placeholders());
        for input in all.chain(bind.into_iter().flat_map(Template::placeholders)) {
            if !inputs.contains(input) {
                inputs.push(input.clone());
            }
        }
        inputs
    }
}

fn server(fields: &mut Fields<'_>) -> Option<Server> {
    let ssl = fields.within("ssl", Ssl::parse);
    let starttls = fields.flag("starttls", false);
    let is_encrypted = ssl.as_ref().is_some_and(|ssl| ssl.is_enabled);
    if starttls && is_encrypted {
        fields.refuse(
            "starttls",
            "and `ssl.enable` exclude each other: LDAPS is encrypted from its first byte",
        );
    }
    let address = address(fields, "server", if is_encrypted { TLS_PORT } else { PORT });
    let username = fields
        .needed_text("username", "the DN of the user that searches")
        .to_owned();
    if fields.get("password").is_none_or(|given| given == "") {
        fields.refuse(
            "password",
            "is required: a directory takes a user without one for nobody",
        );
    }
    let password = SecretSource::parse(fields, "password");
    Some(Server {
        address: address?,
        ssl: ssl?,
        starttls,
        username,
        password: password?,
    })
}

/// A DN or a filter. A blank one counts as its default, if it has one.
fn shape(
    fields: &mut Fields<'_>,
    name: &'static str,
    default: Option<&str>,
    parse: impl Fn(&str) -> Result<Shape, String>,
) -> Option<Shape> {
    let text = match default {
        None => fields.needed_text(name, "the DN below which the entries of clients lie"),
        Some(default) => match fields.get(name) {
            Some(Value::String(given)) if !given.trim().is_empty() => given,
            None | Some(Value::String(_)) => default,
            Some(_) => {
                fields.refuse(name, "must be text");
                return None;
            }
        },
    };
    fields.fill(name, text);
    if text.is_empty() {
        return None;
    }
    parse(text).map_err(|why| fields.refuse(name, why)).ok()
}

fn optional_attribute(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    let text = fields.text(name).filter(|text| !text.is_empty())?;
    if let Err(why) = check_attribute(text) {
        fields.refuse(name, why);
    }
    Some(text.to_owned())
}

fn attribute(fields: &mut Fields<'_>, name: &'static str, default: &str) -> String {
    let found = optional_attribute(fields, name).unwrap_or_else(|| default.to_owned());
    fields.fill(name, found.as_str());
    found
}

fn check_attribute(name: &str) -> Result<(), String> {
    let fits = |next: u8| next.is_ascii_alphanumeric() || matches!(next, b'-' | b'.' | b';');
    if name.len() <= LONGEST_NAME && name.bytes().all(fits) {
        Ok(())
    } else {
        Err("is no name of an attribute: letters, digits, `-`, `.` and `;`".to_owned())
    }
}

/// What stands in `method`.
struct MethodFields {
    bind: Option<Template>,
    password: Option<String>,
    is_superuser: String,
    client_id_override: String,
}

fn method(path: &str, given: &Value) -> Result<(MethodFields, Value), Vec<Violation>> {
    let mut fields = Fields::of(path, given).map_err(|fault| vec![fault])?;
    let binds = fields.word("type", &[("hash", false), ("bind", true)], false);
    let (mut bind, mut password) = (None, None);
    if binds {
        fields.refuse_given(&["password_attribute"], "belongs to the type `hash`");
        bind = bind_password(&mut fields);
    } else {
        fields.refuse_given(&["bind_password"], "belongs to the type `bind`");
        password = Some(attribute(&mut fields, "password_attribute", PASSWORD));
    }
    let is_superuser = attribute(&mut fields, "is_superuser_attribute", IS_SUPERUSER);
    let client_id_override = attribute(&mut fields, "clientid_override_attribute", CLIENT_ID_OVERRIDE);
    let filled = fields.finish()?;
    let method = MethodFields {
        bind,
        password,
        is_superuser,
        client_id_override,
    };
    Ok((method, filled.into()))
}

fn bind_password(fields: &mut Fields<'_>) -> Option<Template> {
    let text = fields.text("bind_password").unwrap_or(BIND_PASSWORD);
    fields.fill("bind_password", text);
    let template = Template::parse(text, |_| true)
        .map_err(|why| fields.refuse("bind_password", why))
        .ok()?;
    if let Some(unknown) = template.unknown().first() {
        fields.refuse("bind_password", format!("has an unknown placeholder `${{{unknown}}}`"));
    } else if template.placeholders().next().is_none() {
        let why = "must hold a placeholder, like `${password}`: otherwise one password lets in whoever has it, unasked";
        fields.refuse("bind_password", why);
    }
    Some(template)
}
