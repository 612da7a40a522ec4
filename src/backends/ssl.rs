//! TLS towards a backend, as EMQX's `ssl` object sets it. The other side is verified unless the settings say otherwise.

mod material;
mod verifiers;

use std::path::Path;

use serde_json::{Value, json};

pub(super) use self::material::Material;
use super::backend::Violation;
use super::fields::Fields;
use super::secrets::{self, SecretSource};
use crate::auth::Secret;

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
#[derive(Clone, Debug, Default)]
pub(super) struct Ssl {
    /// Whether there is TLS at all, where the address does not say so.
    pub(super) is_enabled: bool,
    /// Nobody checks who the other side is.
    pub(super) trusts_anybody: bool,
    /// Authorities, PEM; `None`: the system's.
    authorities: Option<SecretSource>,
    /// Certificate of this side, PEM.
    certificate: Option<SecretSource>,
    /// Its key, PEM.
    key: Option<SecretSource>,
    /// The name that the other side's certificate must bear; empty: the address's.
    pub(super) server_name: String,
}

impl Ssl {
    /// Reads the object that stands at `path`; returns it with its defaults.
    pub(super) fn parse(path: &str, value: &Value) -> Result<(Self, Value), Vec<Violation>> {
        let mut fields = Fields::of(path, value).map_err(|fault| vec![fault])?;
        fields.leave_out(&LEFT_OUT);
        let is_enabled = fields.flag("enable", false);
        let trusts_anybody = fields.word("verify", &[("verify_peer", false), ("verify_none", true)], false);
        let authorities = pem(&mut fields, "cacertfile", "CERTIFICATE");
        let (cert, key) = (
            pem(&mut fields, "certfile", "CERTIFICATE"),
            pem(&mut fields, "keyfile", "PRIVATE KEY"),
        );
        if cert.is_some() != key.is_some() {
            fields.refuse("certfile", "and `keyfile` belong together");
        }
        let server_name = fields.text("server_name_indication").unwrap_or_default();
        // EMQX's word for the address's own name not being sent; the certificate is verified all the same.
        let server_name = if server_name == "disable" { "" } else { server_name };
        let ssl = Self {
            is_enabled,
            trusts_anybody,
            authorities,
            certificate: cert,
            key,
            server_name: server_name.to_owned(),
        };
        if ssl.is_given()
            && let Err(why) = ssl
                .material(Path::new(""))
                .and_then(|material| material.client_config())
        {
            fields.refuse(
                "cacertfile",
                format!("or `certfile` and `keyfile` cannot be used: {why}"),
            );
        }
        fields.finish().map(|filled| (ssl, Value::Object(filled)))
    }

    /// JSON schema of the object.
    pub(super) fn schema() -> Value {
        let text =
            |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
        let lines = |title: &str, description: &str| json!({"title": title, "description": description, "type": "string", "x-lines": true});
        let in_lines = |mut schema: Value| {
            if let Some(members) = schema.as_object_mut() {
                members.insert("x-lines".to_owned(), true.into());
            }
            schema
        };
        let left_out = LEFT_OUT.map(|name| {
            let schema =
                json!({"title": name, "description": "Accepted from EMQX and left to the TLS library; not kept."});
            (name.to_owned(), schema)
        });
        let mut properties: serde_json::Map<String, Value> = [
            ("enable", json!({
                "title": "Enable TLS",
                "description": "Whether the connection is encrypted, for a backend whose address does not say so (https).",
                "type": "boolean",
                "default": false,
            })),
            ("verify", json!({
                "title": "Verify",
                "description": "Whether the other side's certificate is verified. Without that, anybody on the way can take its place.",
                "enum": ["verify_peer", "verify_none"],
                "default": "verify_peer",
            })),
            ("cacertfile", lines("CA certificates", "PEM text of the authorities to trust instead of the system's, or its name as for secrets: `file:NAME`, `env:NAME`.")),
            ("certfile", lines("Client certificate", "PEM text of the certificate to show, or its name as for secrets.")),
            ("keyfile", in_lines(secrets::schema("Client key", "PEM text of the certificate's private key."))),
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

    /// Everything at hand, the named texts as this node has them now. Reads files: not to be called on the async threads.
    pub(super) fn material(&self, secrets_dir: &Path) -> Result<Material, String> {
        let read = |text: &Option<SecretSource>| match text {
            None => Ok(String::new()),
            Some(source) => pem_of(&source.resolve(secrets_dir)?),
        };
        Ok(Material {
            trusts_anybody: self.trusts_anybody,
            server_name: self.server_name.clone(),
            authorities: read(&self.authorities)?,
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }

    /// Whether there is something to be used, and all of it is given.
    fn is_given(&self) -> bool {
        let texts = [&self.authorities, &self.certificate, &self.key];
        let mut texts = texts.into_iter().flatten().peekable();
        texts.peek().is_some() && texts.all(|text| matches!(text, SecretSource::Given(_)))
    }
}

/// PEM text, given or named. The path of any other file would have to be read on each node.
fn pem(fields: &mut Fields<'_>, name: &'static str, kind: &str) -> Option<SecretSource> {
    let source = SecretSource::parse(fields, name)?;
    let is_pem = |secret: &Secret| String::from_utf8_lossy(secret.expose()).contains(&format!("{kind}-----"));
    if matches!(&source, SecretSource::Given(given) if !is_pem(given)) {
        fields.refuse(
            name,
            format!("must be the PEM text itself, with a section `{kind}`, or name it as `file:NAME` or `env:NAME`"),
        );
    }
    Some(source)
}

/// Ends with a line's end, so that it can be put before another one.
fn pem_of(secret: &Secret) -> Result<String, String> {
    let text = std::str::from_utf8(secret.expose()).map_err(|_| "what should be PEM is no text".to_owned())?;
    Ok(format!("{}\n", text.trim_end()))
}
