//! Where the servers of a backend are: `host` or `host:port`, one or a list.

use std::fmt;
use std::net::Ipv6Addr;

use super::fields::Fields;

/// More than anybody's cluster has to be named of.
const MOST: usize = 64;

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    /// A name or an IP address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// Reads `host`, `host:port`, `[::1]` or `[::1]:port`.
    pub(super) fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        let text = text.trim();
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest
                    .split_once(']')
                    .ok_or_else(|| format!("`{text}` has no closing `]`"))?;
                let port = rest.strip_prefix(':');
                // What follows the bracket and is no port makes none.
                (host, port.or((!rest.is_empty()).then_some("")))
            }
            // More than one colon is an IPv6 address without a port.
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0),
            None => Some(default_port),
        };
        let is_host = if host.contains(':') {
            host.split('%')
                .next()
                .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        } else {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        };
        match port {
            Some(port) if is_host => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(format!("`{text}` is no `host` or `host:port`")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A field that names one server; `None` if a fault was noted.
pub(super) fn server(fields: &mut Fields<'_>, name: &'static str, default_port: u16) -> Option<Address> {
    let text = fields.needed_text(name, "`host` or `host:port`");
    if text.is_empty() {
        return None;
    }
    Address::parse(text, default_port)
        .map_err(|why| fields.refuse(name, why))
        .ok()
}

/// A field that names some, as a list or in one text with commas; `None` if a fault was noted.
pub(super) fn servers(fields: &mut Fields<'_>, name: &'static str, default_port: u16) -> Option<Vec<Address>> {
    if fields.get(name).is_none() {
        fields.refuse(name, "is required: a list of `host` or `host:port`");
        return None;
    }
    let texts = fields.texts(name);
    let texts: Vec<_> = texts.iter().flat_map(|text| text.split(',')).collect();
    if texts.len() > MOST {
        fields.refuse(name, format!("names more than {MOST} servers"));
        return None;
    }
    let parsed: Result<Vec<_>, _> = texts.iter().map(|text| Address::parse(text, default_port)).collect();
    parsed
        .map_err(|why| fields.refuse(name, why))
        .ok()
        .filter(|parsed| !parsed.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Address, Fields, servers};

    #[test]
    fn a_server_is_a_host_with_or_without_a_port() {
        for (text, shown) in [
            ("redis", "redis:6379"),
            (" 10.0.0.1:7000 ", "10.0.0.1:7000"),
            ("::1", "[::1]:6379"),
            ("[::1]:7000", "[::1]:7000"),
            ("[fe80::1%eth0]", "[fe80::1%eth0]:6379"),
        ] {
            assert_eq!(Address::parse(text, 6379).unwrap().to_string(), shown);
        }
        for text in [
            "", ":1", "a:", "a:0", "a:70000", "a b", "[::1", "[::1]7", "u@h", "a/b", "a:b:1",
        ] {
            assert!(Address::parse(text, 6379).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_may_come_in_one_text() {
        for given in [json!({"servers": "a:1, b"}), json!({"servers": ["a:1", "b"]})] {
            let mut fields = Fields::of("settings", &given).unwrap();
            let found = servers(&mut fields, "servers", 2).unwrap();
            let shown: Vec<_> = found.iter().map(Address::to_string).collect();
            assert_eq!(shown, ["a:1", "b:2"]);
            assert!(fields.finish().is_ok());
        }
    }
}
