//! The addresses of pages about something with a name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::auth::{AuthenticatorKey, GLOBAL_CHAIN};

/// What may stand in a segment or a value as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':');

/// Which chain a page is about.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ChainQuery {
    #[serde(default)]
    pub(super) chain: String,
}

impl ChainQuery {
    pub(super) fn name(&self) -> &str {
        if self.chain.is_empty() {
            GLOBAL_CHAIN
        } else {
            &self.chain
        }
    }

    pub(super) fn key(&self, id: String) -> AuthenticatorKey {
        AuthenticatorKey {
            chain: self.name().to_owned(),
            id,
        }
    }
}

/// As it may stand in an address.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The list of a chain.
pub(super) fn chain(name: &str) -> String {
    format!("/authenticators{}", of_chain(name))
}

/// The wizard of a chain, at one of its steps.
pub(super) fn wizard(chain: &str, step: &str) -> String {
    format!("/authenticators/new{step}{}", of_chain(chain))
}

/// A page of an authenticator; `page` is empty or begins with a slash.
pub(super) fn authenticator(key: &AuthenticatorKey, page: &str) -> String {
    format!("/authenticators/{}{page}{}", encoded(&key.id), of_chain(&key.chain))
}

/// A page of a user.
pub(super) fn user(owner: &AuthenticatorKey, user_id: &str, page: &str) -> String {
    authenticator(owner, &format!("/users/{}{page}", encoded(user_id)))
}

/// The same address with more in its query.
pub(super) fn with(address: &str, query: &[(&str, &str)]) -> String {
    let mut address = address.to_owned();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(&format!("{name}={}", encoded(value)));
    }
    address
}

fn of_chain(chain: &str) -> String {
    if chain == GLOBAL_CHAIN {
        String::new()
    } else {
        format!("?chain={}", encoded(chain))
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthenticatorKey, authenticator, user, with};

    fn key(chain: &str, id: &str) -> AuthenticatorKey {
        AuthenticatorKey {
            chain: chain.into(),
            id: id.into(),
        }
    }

    #[test]
    fn addresses_name_the_chain_only_if_it_is_not_the_global_one() {
        let address = authenticator(&key("global", "password_based:mysql"), "/settings");
        assert_eq!(address, "/authenticators/password_based:mysql/settings");
        let address = authenticator(&key("tcp:a b", "jwt"), "");
        assert_eq!(address, "/authenticators/jwt?chain=tcp:a%20b");
    }

    #[test]
    fn any_name_can_stand_in_an_address() {
        let address = user(&key("global", "db"), "a/b?c=d&é", "");
        assert_eq!(address, "/authenticators/db/users/a%2Fb%3Fc%3Dd%26%C3%A9");
        assert_eq!(with("/a?b=c", &[("q", "x y"), ("none", "")]), "/a?b=c&q=x%20y");
    }
}
