//! Addresses of servers as EMQX's settings write them: `host[:port]`, several with commas between them.

use super::fields::Fields;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name or an IP address, the latter without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// The addresses of a field that must be there; none if a fault was noted.
pub(super) fn addresses(fields: &mut Fields<'_>, name: &'static str, default_port: u16) -> Vec<Address> {
    let text = fields.needed_text(name, "`host:port` of the server");
    if text.is_empty() {
        return Vec::new();
    }
    let found: Result<Vec<_>, _> = text.split(',').map(|one| read(one.trim(), default_port)).collect();
    found.unwrap_or_else(|why| {
        fields.refuse(name, why);
        Vec::new()
    })
}

/// The same for a field that holds one.
pub(super) fn address(fields: &mut Fields<'_>, name: &'static str, default_port: u16) -> Option<Address> {
    let mut found = addresses(fields, name, default_port);
    if found.len() > 1 {
        fields.refuse(name, "must name one server only");
    }
    found.pop()
}

fn read(text: &str, default_port: u16) -> Result<Address, String> {
    let wrong = || format!("holds `{text}`, which is no `host` and no `host:port`");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(wrong()),
            };
            host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            (host, port)
        }
        None if text.parse::<std::net::Ipv6Addr>().is_ok() => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_host = |host: &str| {
        let is_fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
        !host.is_empty() && host.len() <= 253 && host.bytes().all(is_fit)
    };
    let port = match port {
        None => default_port,
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
    };
    if is_host(host) {
        Ok(Address {
            host: host.to_owned(),
            port,
        })
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::addresses;
    use crate::backends::fields::Fields;

    fn found(text: &str) -> Result<Vec<String>, String> {
        let given = json!({ "servers": text });
        let mut fields = Fields::of("settings", &given).unwrap();
        let found = addresses(&mut fields, "servers", 3306);
        match fields.finish() {
            Ok(_) => Ok(found.iter().map(ToString::to_string).collect()),
            Err(faults) => Err(faults[0].to_string()),
        }
    }

    #[test]
    fn hosts_with_and_without_ports_are_read() {
        assert_eq!(found("db").unwrap(), ["db:3306"]);
        assert_eq!(
            found("db.example:5, 10.0.0.1").unwrap(),
            ["db.example:5", "10.0.0.1:3306"]
        );
        assert_eq!(
            found("::1,[::2],[::3]:7").unwrap(),
            ["[::1]:3306", "[::2]:3306", "[::3]:7"]
        );
    }

    #[test]
    fn what_is_no_address_is_refused_by_its_name() {
        for text in [
            "db:",
            "db:0",
            "db:70000",
            "a,",
            ":5",
            "mysql://db",
            "/tmp/socket",
            "[::1",
            "[::1]5",
            "[db]:5",
            "a b",
            "u@h",
        ] {
            assert!(found(text).unwrap_err().contains("settings.servers"), "{text}");
        }
    }
}
