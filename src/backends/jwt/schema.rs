//! JSON schema of the settings.

use serde_json::{Value, json};

use super::settings::{DEFAULT_INTERVAL, DEFAULT_LEEWAY, DEFAULT_MAX_STALE};
use crate::backends::secrets;
use crate::backends::ssl::Ssl;

/// Schema of the whole object.
pub(super) fn schema() -> Value {
    let mut properties = keys();
    for more in [key_set(), checks(), outcome()] {
        if let (Value::Object(properties), Value::Object(more)) = (&mut properties, more) {
            properties.extend(more);
        }
    }
    json!({
        "title": "JWT",
        "description": "Tokens signed by a shared secret, by one of several public keys, or by a key of a set that the issuer publishes.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn texts(title: &str, description: &str) -> Value {
    json!({
        "title": title,
        "description": description,
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    })
}

fn time(title: &str, description: &str, default: Option<u64>) -> Value {
    let mut schema = json!({
        "title": title,
        "description": format!("{description} A number of seconds, or a time like `1m30s`."),
        "anyOf": [{"type": "number"}, {"type": "string"}],
    });
    if let (Some(default), Some(members)) = (default, schema.as_object_mut()) {
        members.insert("default".to_owned(), default.into());
    }
    schema
}

fn keys() -> Value {
    json!({
        "from": {
            "title": "JWT from",
            "description": "Which text of the client is the token.",
            "enum": ["password", "username"],
            "default": "password",
        },
        "use_jwks": {
            "title": "Use a key set",
            "description": "Whether the keys are fetched from the issuer (JWKS) instead of being given here.",
            "type": "boolean",
            "default": false,
        },
        "algorithm": {
            "title": "Algorithm",
            "description": "`hmac-based`: HS256, HS384, HS512 by a shared secret. `public-key`: RS, PS, ES and EdDSA by public keys. A key serves only the algorithms of its own kind.",
            "enum": ["hmac-based", "public-key"],
        },
        "secret": secrets::schema(
            "Secret",
            "The shared secret. It should have at least 32 bytes for HS256, 48 for HS384, 64 for HS512: a shorter one is taken, because stores that come over have them, and warned of in the log.",
        ),
        "secret_base64_encoded": {
            "title": "Secret is base64",
            "description": "Whether the secret is written in base64.",
            "type": "boolean",
            "default": false,
        },
        "public_key": texts(
            "Public key",
            "PEM text with one public key or several (PUBLIC KEY or RSA PUBLIC KEY), or a list of such texts: RSA of 2048 bits and more, EC P-256, P-384 and P-521, Ed25519. A text may also be named as secrets are: `file:NAME`, `env:NAME`.",
        ),
    })
}

fn key_set() -> Value {
    json!({
        "endpoint": {
            "title": "JWKS endpoint",
            "description": "Address of the key set. Each node fetches it. Redirects to another host are not followed.",
            "type": "string",
        },
        "headers": {
            "title": "Headers",
            "description": "Headers of the request. Their values are hidden when they are shown, but for the harmless ones named here.",
            "type": "object",
            "properties": {
                "accept": {
                    "title": "Accept",
                    "description": "Which kinds of answer are wanted.",
                    "type": "string",
                    "default": "application/json",
                },
                "cache-control": {
                    "title": "Cache-Control",
                    "description": "What caches on the way may do.",
                    "type": "string",
                },
                "user-agent": {
                    "title": "User-Agent",
                    "description": "Who asks, for the logs of the endpoint.",
                    "type": "string",
                },
            },
            "additionalProperties": secrets::schema("Header", "The value."),
        },
        "refresh_interval": time("Refresh interval", "How often the set is fetched.", Some(DEFAULT_INTERVAL.as_secs())),
        "max_stale": time(
            "Longest use without the endpoint",
            "How old the last good keys may be while the endpoint fails, over a restart of the node too. At least twice the refresh interval unless it is set.",
            Some(DEFAULT_MAX_STALE.as_secs()),
        ),
        "ssl": Ssl::schema(),
        "pool_size": {
            "title": "Pool size",
            "description": "Accepted from EMQX, without effect and not kept: one task per node fetches the set.",
            "type": "number",
        },
        "max_fail_count": {
            "title": "Failures allowed",
            "description": "Accepted from EMQX, without effect and not kept: `max_stale` says how long a failing endpoint is borne.",
            "type": "number",
        },
    })
}

fn checks() -> Value {
    json!({
        "verify_claims": {
            "title": "Payload",
            "description": "What claims must be: a map of names to values, or a list of {name, value}. A name may be a path with dots. Text is compared with text (and may hold placeholders like `${username}`), numbers, true, false and lists as what they are: the text \"1\" is not the number 1, and a placeholder makes text. `aud` also fits as one of a list.",
            "anyOf": [
                {"type": "object"},
                {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}, "value": {}}}},
            ],
            "default": {},
        },
        "issuer": texts("Issuer", "Who must have issued the token (`iss`), or a list of which one must."),
        "audience": texts("Audience", "Whom the token must be for (`aud`, a text or a list), or a list of which one must be named."),
        "required_claims": texts("Required claims", "Claims that must be there, such as `exp`; paths with dots are understood."),
        "leeway": time(
            "Leeway",
            "How far the clocks of issuer and node may be apart when `exp`, `nbf` and `iat` are checked.",
            Some(DEFAULT_LEEWAY.as_secs()),
        ),
        "max_age": time("Longest age", "How long ago the token may have been issued; asks for `iat`.", None),
    })
}

fn outcome() -> Value {
    json!({
        "acl_claim_name": {
            "title": "ACL claim name",
            "description": "The claim with the access rules: {pub, sub, all} with topics, beside which nothing is allowed, or a list of rules.",
            "type": "string",
            "default": "acl",
        },
        "disconnect_after_expire": {
            "title": "Disconnect after expire",
            "description": "Whether the connection must end with the token (`exp`).",
            "type": "boolean",
            "default": true,
        },
        "on_missing_jwt": {
            "title": "Without a token",
            "description": "What becomes of a client that sends none, or something that is none: the next authenticator is asked, or it is denied.",
            "enum": ["ignore", "deny"],
            "default": "ignore",
        },
        "on_bad_signature": {
            "title": "With a foreign token",
            "description": "What becomes of a client whose token none of the keys has signed: the next authenticator is asked, or it is denied.",
            "enum": ["ignore", "deny"],
            "default": "ignore",
        },
    })
}
