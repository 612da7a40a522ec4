//! What can be set about a directory, for people and forms.

use serde_json::{Value, json};

use super::settings::{ASK, BIND_PASSWORD, CLIENT_ID_OVERRIDE, FILTER, IS_SUPERUSER, PASSWORD, PORT, TLS_PORT};
use crate::backends::passwords::PasswordSettings;
use crate::backends::{remote, secrets};

pub(super) fn schema() -> Value {
    let text = |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
    let own = json!({
        "server": text("Server", &format!("Host of the directory, with a port if that is not {PORT}, or {TLS_PORT} with TLS from the first byte.")),
        "username": text("Username", "DN of the user that searches for the entries of clients."),
        "password": secrets::schema("Password", "Password of the user that searches."),
        "starttls": {
            "title": "StartTLS",
            "description": "Whether the connection begins in the clear and is encrypted before anything is asked, as `ssl` says. A directory that does not agree is not asked.",
            "type": "boolean",
            "default": false,
        },
        "base_dn": text("Base DN", "Where the entries of clients lie, in the form of RFC 4514; everything below is searched. Placeholders may stand in values."),
        "filter": {
            "title": "Filter",
            "description": "Which entry is the client's, in the form of RFC 4515. Placeholders may stand in values. Nobody is found by a value that is empty, or begins or ends with a space; more than one entry is a failure.",
            "type": "string",
            "default": FILTER,
        },
        "method": method(),
        "allow_legacy_hashes": PasswordSettings::legacy_schema(true),
        "publish_attribute": text("Publish attribute", "Attribute whose values are topics that the client may publish to, before the broker's own rules."),
        "subscribe_attribute": text("Subscribe attribute", "Attribute whose values are topics that the client may subscribe to, before the broker's own rules."),
        "all_attribute": text("Publish and subscribe attribute", "Attribute whose values are topics for both."),
        "acl_rule_attribute": text("Rule attribute", "Attribute whose values are JSON: a rule or a list of rules, with `permission`, `action`, `topic` or `topics`, `qos`, `retain`."),
        "acl_ttl_attribute": text("Attribute of the rules' time", "Attribute with a time like `1h30m`, after which a client that has got rules must come again."),
        "request_timeout": {
            "title": "Request timeout",
            "description": format!("Accepted from EMQX and not kept: `{ASK}` is the time for everything."),
        },
    });
    remote::schema(
        "LDAP directory",
        "A directory that is searched for the client's entry. The password is compared with the hash in the entry, or the directory is asked to bind as the entry. An entry whose `isEnabled` is not true lets nobody in.",
        own,
        ASK,
        false,
    )
}

fn method() -> Value {
    let attribute = |title: &str, description: &str, default: &str| json!({"title": title, "description": description, "type": "string", "default": default});
    let kind = |word: &str| json!({"title": "Type", "description": "How the password is checked.", "const": word});
    let is_superuser = attribute(
        "Superuser attribute",
        "Attribute that says whether the client bypasses authorization.",
        IS_SUPERUSER,
    );
    let client_id_override = attribute(
        "Client ID attribute",
        "Attribute with the client identifier to use instead of the client's own.",
        CLIENT_ID_OVERRIDE,
    );
    json!({
        "title": "Method",
        "description": "How the password is checked: by its hash in the entry, or by the directory itself.",
        "oneOf": [
            {
                "title": "hash",
                "description": "The entry holds hashes that say what they are, as `{SSHA}…` or a crypt string. Any of several will do.",
                "type": "object",
                "properties": {
                    "type": kind("hash"),
                    "password_attribute": attribute("Password attribute", "Attribute that holds the hashes.", PASSWORD),
                    "is_superuser_attribute": is_superuser,
                    "clientid_override_attribute": client_id_override,
                },
                "additionalProperties": false,
            },
            {
                "title": "bind",
                "description": "The directory is asked to bind as the entry. Empty passwords are refused without asking it.",
                "type": "object",
                "properties": {
                    "type": kind("bind"),
                    "bind_password": attribute("Bind password", "What of the client is the password.", BIND_PASSWORD),
                    "is_superuser_attribute": is_superuser,
                    "clientid_override_attribute": client_id_override,
                },
                "required": ["type"],
                "additionalProperties": false,
            },
        ],
        "default": {"type": "hash"},
    })
}
