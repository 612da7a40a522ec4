//! Where a directory is.

use std::net::Ipv6Addr;

use rustls::pki_types::ServerName;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// Reads `host[:port]`; an IPv6 address stands in brackets if there is a port.
    pub(super) fn parse(text: &str, port: u16) -> Result<Self, String> {
        if text.contains("://") {
            return Err("must be `host[:port]`; whether there is TLS is said by `ssl` and `starttls`".to_owned());
        }
        let (host, given) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("has a bracket that is not closed")?;
                host.parse::<Ipv6Addr>()
                    .map_err(|_| "has no IPv6 address in its brackets")?;
                let port = (!rest.is_empty()).then(|| rest.strip_prefix(':').unwrap_or_default());
                (host, port)
            }
            None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if ServerName::try_from(host).is_err() {
            return Err("must be `host[:port]`: the host is no name and no address".to_owned());
        }
        let port = match given {
            None => port,
            Some(given) => match given.parse() {
                Ok(port) if port != 0 && given.bytes().all(|digit| digit.is_ascii_digit()) => port,
                _ => return Err("must be `host[:port]`, the port from 1 to 65535".to_owned()),
            },
        };
        let host = host.to_owned();
        Ok(Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        for (text, host, port) in [
            ("ldap.example.org", "ldap.example.org", 389),
            ("ldap.example.org:3389", "ldap.example.org", 3389),
            ("10.0.0.1", "10.0.0.1", 389),
            ("10.0.0.1:636", "10.0.0.1", 636),
            ("::1", "::1", 389),
            ("[::1]", "::1", 389),
            ("[::1]:636", "::1", 636),
        ] {
            let host = host.to_owned();
            assert_eq!(Address::parse(text, 389), Ok(Address { host, port }), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "ldap://ldap.example.org",
            "a b",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:1:2",
            ":389",
            "[::1",
            "[::1]389",
            "[a]:389",
            "${username}.example.org",
            "a,b",
        ] {
            assert!(Address::parse(text, 389).is_err(), "{text}");
        }
    }
}
