//! TLS towards a backend, as EMQX's `ssl` object sets it. The other side is verified unless the settings say otherwise.

use reqwest::{Certificate, ClientBuilder, Identity};
use serde_json::{Value, json};

use super::backend::Violation;
use super::fields::Fields;

/// Fields of EMQX's object that are left to the TLS library here.
const LEFT_OUT: [&str; 11] = [
    "ciphers",
    "depth",
    "hibernate_after",
    "log_level",
    "middlebox_comp_mode",
    "partial_chain",
    "password",
    "reuse_sessions",
    "secure_renegotiate",
    "verify_peer_ext_key_usage",
    "versions",
];

/// How the other side is verified, and how this one shows itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ssl {
    /// Nobody checks who the other side is.
    pub(super) trusts_anybody: bool,
    /// Authorities, PEM; empty: the system's.
    authorities: String,
    /// Certificate and key of this side, PEM; empty: none.
    identity: String,
    /// The name that the other side's certificate must bear; empty: the address's.
    pub(super) server_name: String,
}

impl Ssl {
    /// Reads the object that stands at `path`; returns it with its defaults.
    pub(super) fn parse(path: &str, value: &Value) -> Result<(Self, Value), Vec<Violation>> {
        let mut fields = Fields::of(path, value).map_err(|fault| vec![fault])?;
        fields.leave_out(&LEFT_OUT);
        fields.flag("enable", true);
        let trusts_anybody = fields.word("verify", &[("verify_peer", false), ("verify_none", true)], false);
        let authorities = pem(&mut fields, "cacertfile", "CERTIFICATE");
        let (cert, key) = (
            pem(&mut fields, "certfile", "CERTIFICATE"),
            pem(&mut fields, "keyfile", "PRIVATE KEY"),
        );
        if cert.is_empty() != key.is_empty() {
            fields.refuse("certfile", "and `keyfile` belong together");
        }
        let server_name = fields.text("server_name_indication").unwrap_or_default();
        // EMQX's word for the address's own name not being sent; the certificate is verified all the same.
        let server_name = if server_name == "disable" { "" } else { server_name };
        let ssl = Self {
            trusts_anybody,
            authorities,
            identity: cert + &key,
            server_name: server_name.to_owned(),
        };
        if ssl.has_material()
            && ssl
                .apply(reqwest::Client::builder())
                .and_then(|client| client.build().map(drop))
                .is_err()
        {
            fields.refuse(
                "cacertfile",
                "or certificate and key cannot be used: they are damaged or do not fit each other",
            );
        }
        fields.finish().map(|filled| (ssl, Value::Object(filled)))
    }

    /// JSON schema of the object.
    pub(super) fn schema() -> Value {
        let text =
            |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
        let left_out = LEFT_OUT.map(|name| {
            let schema =
                json!({"title": name, "description": "Accepted from EMQX and left to the TLS library; not kept."});
            (name.to_owned(), schema)
        });
        let mut properties: serde_json::Map<String, Value> = [
            ("enable", json!({
                "title": "Enable TLS",
                "description": "Accepted from EMQX; whether TLS is used says the address (https).",
                "type": "boolean",
                "default": true,
            })),
            ("verify", json!({
                "title": "Verify",
                "description": "Whether the other side's certificate is verified. Without that, anybody on the way can take its place.",
                "enum": ["verify_peer", "verify_none"],
                "default": "verify_peer",
            })),
            ("cacertfile", text("CA certificates", "PEM text of the authorities to trust instead of the system's.")),
            ("certfile", text("Client certificate", "PEM text of the certificate to show.")),
            ("keyfile", json!({
                "title": "Client key",
                "description": "PEM text of the certificate's private key.",
                "type": "string",
                "x-secret": true,
            })),
            ("server_name_indication", text("Server name", "The name to ask for and to verify, if it is not the address's.")),
        ]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect();
        properties.extend(left_out);
        json!({
            "title": "TLS",
            "description": "How the other side is verified, and how this one shows itself.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }

    fn has_material(&self) -> bool {
        !self.authorities.is_empty() || !self.identity.is_empty()
    }

    /// Sets a client up so.
    pub(super) fn apply(&self, client: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let mut client = client.tls_danger_accept_invalid_certs(self.trusts_anybody);
        if !self.authorities.is_empty() {
            client = client.tls_certs_only(Certificate::from_pem_bundle(self.authorities.as_bytes())?);
        }
        if !self.identity.is_empty() {
            client = client.identity(Identity::from_pem(self.identity.as_bytes())?);
        }
        Ok(client)
    }
}

/// PEM text; the path of a file would have to be read on each node.
fn pem(fields: &mut Fields<'_>, name: &'static str, kind: &str) -> String {
    let text = fields.text(name).unwrap_or_default();
    if !text.is_empty() && !text.contains(&format!("{kind}-----")) {
        fields.refuse(
            name,
            format!("must be the PEM text itself, with a section `{kind}`; files are not read"),
        );
    }
    if text.is_empty() {
        String::new()
    } else {
        format!("{}\n", text.trim_end())
    }
}
