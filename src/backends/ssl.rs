//! TLS towards a backend, as EMQX's `ssl` object sets it. The other side is verified unless the settings say otherwise.

mod verifiers;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use self::verifiers::{Anybody, Named};

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
    /// Whether there is TLS at all, where the address does not say so.
    pub(super) is_enabled: bool,
    /// Nobody checks who the other side is.
    pub(super) trusts_anybody: bool,
    /// Authorities, PEM; empty: the system's.
    pub(super) authorities: String,
    /// Certificate of this side, PEM; empty: none.
    pub(super) certificate: String,
    /// Its key, PEM.
    pub(super) key: String,
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
        if cert.is_empty() != key.is_empty() {
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
        if ssl.has_material()
            && let Err(why) = ssl.client_config()
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
            ("cacertfile", lines("CA certificates", "PEM text of the authorities to trust instead of the system's.")),
            ("certfile", lines("Client certificate", "PEM text of the certificate to show.")),
            ("keyfile", json!({
                "title": "Client key",
                "description": "PEM text of the certificate's private key.",
                "type": "string",
                "x-secret": true,
                "x-lines": true,
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
        !self.authorities.is_empty() || !self.certificate.is_empty()
    }

    /// As drivers take it that speak TLS through rustls. Reads the system's authorities where no others are given, so it is not
    /// to be called on the async threads.
    pub(super) fn client_config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if self.trusts_anybody {
            Arc::new(Anybody(Arc::clone(&provider)))
        } else {
            let roots = Arc::new(self.roots()?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            let verifier = verifier.map_err(|why| why.to_string())?;
            match self.server_name.as_str() {
                "" => verifier,
                name => Arc::new(Named {
                    name: ServerName::try_from(name.to_owned()).map_err(|why| why.to_string())?,
                    verifier,
                }),
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        if self.certificate.is_empty() {
            return Ok(config.with_no_client_auth());
        }
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|why| why.to_string())?;
        config.with_client_auth_cert(chain, key).map_err(|why| why.to_string())
    }

    /// The authorities that are trusted as PEM, for drivers that take nothing else. Not to be called on the async threads.
    pub(super) fn trusted_pem(&self) -> Result<String, String> {
        let mut pem = String::new();
        for certificate in self.trusted()? {
            let text = STANDARD.encode(certificate);
            pem.push_str(&["-----BEGIN CERTIFICATE-----\n", &text, "\n-----END CERTIFICATE-----\n"].concat());
        }
        Ok(pem)
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        for certificate in self.trusted()? {
            roots.add(certificate).map_err(|why| why.to_string())?;
        }
        Ok(roots)
    }

    /// The authorities that are trusted, for drivers that make something of them by themselves. Not to be called on the async
    /// threads either.
    pub(super) fn trusted(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        if !self.authorities.is_empty() {
            return certificates(&self.authorities);
        }
        // Among the system's there may be some that nothing can be done with.
        let mut found = rustls_native_certs::load_native_certs().certs;
        found.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        Ok(found)
    }

    /// Sets a client up so.
    pub(super) fn apply(&self, client: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let mut client = client.tls_danger_accept_invalid_certs(self.trusts_anybody);
        if !self.authorities.is_empty() {
            client = client.tls_certs_only(Certificate::from_pem_bundle(self.authorities.as_bytes())?);
        }
        if !self.certificate.is_empty() {
            let both = [self.certificate.as_str(), &self.key].concat();
            client = client.identity(Identity::from_pem(both.as_bytes())?);
        }
        Ok(client)
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|why| why.to_string())
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
