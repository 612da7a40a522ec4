//! Texts with placeholders (`${username}`), as EMQX's settings have them: read once, filled in for each client.
//!
//! Values and the text around them stay apart until the very end, so that each backend can escape by what the place is (a query
//! string, JSON, a DN) or bind values as parameters. `${name}` and `${.name}` are placeholders, `${$}` is a dollar sign. Whatever
//! else has a dollar in it, and a placeholder that is not allowed in its place, stands for itself, as in EMQX; the latter is listed,
//! so that whoever stores the template can be told.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::auth::Credentials;

/// Bytes of a template.
const LONGEST_TEXT: usize = 64 << 10;
/// Placeholders of a template; each may be filled with as much as a client may send.
const MOST_PLACEHOLDERS: usize = 64;

/// Something of a client that can be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    Username,
    ClientId,
    Password,
    PeerHost,
    PeerPort,
    CertSubject,
    CertCommonName,
    /// The certificate, in base64.
    CertPem,
    Zone,
    Listener,
    ClientAttr(String),
}

impl Placeholder {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "username" => Self::Username,
            "clientid" | "client_id" => Self::ClientId,
            "password" => Self::Password,
            "peerhost" | "peer_host" => Self::PeerHost,
            "peerport" | "peer_port" => Self::PeerPort,
            "cert_subject" => Self::CertSubject,
            "cert_common_name" => Self::CertCommonName,
            "cert_pem" => Self::CertPem,
            "zone" => Self::Zone,
            "listener" => Self::Listener,
            _ => {
                let attribute = name
                    .strip_prefix("client_attrs.")
                    .filter(|attribute| !attribute.is_empty());
                Self::ClientAttr(attribute?.to_owned())
            }
        })
    }

    /// As it is written in a template.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Username => "username".to_owned(),
            Self::ClientId => "clientid".to_owned(),
            Self::Password => "password".to_owned(),
            Self::PeerHost => "peerhost".to_owned(),
            Self::PeerPort => "peerport".to_owned(),
            Self::CertSubject => "cert_subject".to_owned(),
            Self::CertCommonName => "cert_common_name".to_owned(),
            Self::CertPem => "cert_pem".to_owned(),
            Self::Zone => "zone".to_owned(),
            Self::Listener => "listener".to_owned(),
            Self::ClientAttr(name) => format!("client_attrs.{name}"),
        }
    }

    /// What a client has of it; nothing if it is absent. A password and an attribute may be there and empty.
    pub(super) fn value<'c>(&self, credentials: &'c Credentials) -> Option<Cow<'c, [u8]>> {
        let text = |text: &'c str| (!text.is_empty()).then_some(Cow::Borrowed(text.as_bytes()));
        match self {
            Self::Username => text(&credentials.username),
            Self::ClientId => text(&credentials.client_id),
            Self::Password => credentials
                .password
                .as_ref()
                .map(|password| Cow::Borrowed(password.expose())),
            Self::PeerHost => text(&credentials.peer_host),
            Self::PeerPort => {
                let port = credentials.peer_port;
                (port != 0).then(|| Cow::Owned(port.to_string().into_bytes()))
            }
            Self::CertSubject => text(&credentials.cert_subject),
            Self::CertCommonName => text(&credentials.cert_common_name),
            Self::CertPem => {
                let pem = &credentials.cert_pem;
                (!pem.is_empty()).then(|| Cow::Owned(STANDARD.encode(pem).into_bytes()))
            }
            Self::Zone => text(&credentials.zone),
            Self::Listener => text(&credentials.listener),
            Self::ClientAttr(name) => {
                let attribute = credentials.client_attrs.get(name)?;
                Some(Cow::Borrowed(attribute.as_bytes()))
            }
        }
    }
}

/// A stretch of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it stands in the settings.
    Text(String),
    /// To be filled in.
    Value(Placeholder),
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    text: String,
    parts: Vec<Part>,
    unknown: Vec<String>,
}

impl Template {
    /// Reads a template in a place where these placeholders are allowed. Fails only if it is too big.
    pub(super) fn parse(text: &str, is_allowed: impl Fn(&Placeholder) -> bool) -> Result<Self, String> {
        if text.len() > LONGEST_TEXT {
            return Err(format!("has more than {LONGEST_TEXT} bytes"));
        }
        let (mut parts, mut unknown) = (Vec::new(), Vec::new());
        let (mut literal, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            literal.push_str(before);
            let Some((name, after)) = name_before_brace(after) else {
                literal.push_str("${");
                rest = after;
                continue;
            };
            rest = after;
            match Placeholder::named(name).filter(&is_allowed) {
                Some(placeholder) => {
                    push_text(&mut parts, std::mem::take(&mut literal));
                    parts.push(Part::Value(placeholder));
                }
                None if name == "$" => literal.push('$'),
                None => {
                    literal.push_str(&["${", name, "}"].concat());
                    unknown.push(name.to_owned());
                }
            }
        }
        literal.push_str(rest);
        push_text(&mut parts, literal);
        let text = text.to_owned();
        let template = Self { text, parts, unknown };
        if template.placeholders().count() > MOST_PLACEHOLDERS {
            return Err(format!("has more than {MOST_PLACEHOLDERS} placeholders"));
        }
        Ok(template)
    }

    /// Reads a template where any placeholder may stand, and where what is none is a mistake, and not the operator's wish.
    pub(super) fn parse_strictly(text: &str) -> Result<Self, String> {
        let template = Self::parse(text, |_| true)?;
        match template.unknown.first() {
            Some(unknown) => Err(format!("has an unknown placeholder `${{{unknown}}}`")),
            None => Ok(template),
        }
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its parts, in their order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What is to be filled in, in its order.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }

    /// Fills it in, as it is.
    pub(super) fn bytes(&self, credentials: &Credentials) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Part::Value(placeholder) => {
                    bytes.extend_from_slice(&placeholder.value(credentials).unwrap_or_default())
                }
            }
        }
        bytes
    }

    /// Fills it in. `encode` makes a value fit its place, or refuses it; a missing one is an empty one.
    pub(super) fn filled<E>(
        &self,
        credentials: &Credentials,
        encode: impl Fn(&Placeholder, &[u8]) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(as_it_stands) => text.push_str(as_it_stands),
                Part::Value(placeholder) => {
                    let value = placeholder.value(credentials).unwrap_or_default();
                    text.push_str(&encode(placeholder, &value)?);
                }
            }
        }
        Ok(text)
    }

    /// Names that look like placeholders and stand for themselves.
    pub(super) fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

/// Each of them once.
pub(super) fn distinct<'t>(placeholders: impl Iterator<Item = &'t Placeholder>) -> Vec<Placeholder> {
    let mut found: Vec<Placeholder> = Vec::new();
    for placeholder in placeholders {
        if !found.contains(placeholder) {
            found.push(placeholder.clone());
        }
    }
    found
}

fn push_text(parts: &mut Vec<Part>, text: String) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// The name that stands before the closing brace, without the dot it may begin with, and what follows the brace. Other characters
/// than those of a name make it no placeholder.
fn name_before_brace(text: &str) -> Option<(&str, &str)> {
    if let Some(after) = text.strip_prefix("$}") {
        return Some(("$", after));
    }
    let (name, after) = text.split_once('}')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    is_name.then(|| (name.strip_prefix('.').unwrap_or(name), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Part, Placeholder, Template};
    use crate::auth::{Credentials, Secret};

    fn ada() -> Credentials {
        Credentials {
            username: "ada".to_owned(),
            password: Some(Secret::new("p'w")),
            peer_port: 1883,
            cert_pem: b"pem".to_vec(),
            client_attrs: [("tns".to_owned(), "acme".to_owned())].into(),
            ..Credentials::default()
        }
    }

    fn parse(text: &str) -> Template {
        Template::parse(text, |_| true).unwrap()
    }

    fn render(text: &str) -> String {
        let as_it_is = |_: &Placeholder, value: &[u8]| String::from_utf8(value.to_vec());
        parse(text).filled(&ada(), as_it_is).unwrap()
    }

    #[test]
    fn placeholders_are_filled_in() {
        assert_eq!(render("mqtt:${username}:${.client_attrs.tns}"), "mqtt:ada:acme");
        assert_eq!(render("${password}${peerport}${cert_pem}"), "p'w1883cGVt");
        assert_eq!(render("[${clientid}${client_attrs.x}${zone}]"), "[]");
    }

    #[test]
    fn what_is_no_placeholder_stands_for_itself() {
        for text in ["$", "a$b", "${", "${username", "${user name}", "$username", "${us${er}"] {
            assert_eq!(render(text), text);
        }
        assert_eq!(render("${$}{username} ${$}5"), "${username} $5");
        assert_eq!(render("${ ${username}"), "${ ada");
    }

    #[test]
    fn what_is_not_allowed_stands_for_itself_and_is_listed() {
        let only_names =
            |placeholder: &Placeholder| matches!(placeholder, Placeholder::Username | Placeholder::ClientId);
        let template = Template::parse("${username} ${password} ${peername} ${client_attrs.} ${}", only_names).unwrap();
        assert_eq!(template.unknown(), ["password", "peername", "client_attrs.", ""]);
        let text = " ${password} ${peername} ${client_attrs.} ${}";
        assert_eq!(
            template.parts(),
            [Part::Value(Placeholder::Username), Part::Text(text.to_owned())]
        );
    }

    #[test]
    fn an_empty_password_is_there_and_a_missing_one_is_not() {
        let empty = Credentials {
            password: Some(Secret::new("")),
            ..Credentials::default()
        };
        assert_eq!(Placeholder::Password.value(&empty).as_deref(), Some(&b""[..]));
        assert_eq!(Placeholder::Password.value(&Credentials::default()), None);
        assert_eq!(Placeholder::PeerPort.value(&empty), None);
    }

    #[test]
    fn a_template_is_bounded() {
        let refused = |text: String| Template::parse(&text, |_| true).unwrap_err();
        assert!(refused("a".repeat(70_000)).contains("65536 bytes"));
        assert!(refused("${zone}".repeat(65)).contains("64 placeholders"));
    }

    proptest! {
        #[test]
        fn any_text_without_a_dollar_stands_for_itself(text in "[^$]{0,60}", any in any::<String>()) {
            assert_eq!(render(&text), text);
            render(&any);
        }
    }
}
