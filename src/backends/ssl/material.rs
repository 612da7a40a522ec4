//! TLS with everything that it needs at hand.

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

use super::verifiers::{Anybody, Named};

/// How the other side is verified, and what this one shows, as this node has read it.
#[derive(Clone)]
pub(in crate::backends) struct Material {
    /// Nobody checks who the other side is.
    pub(in crate::backends) trusts_anybody: bool,
    /// The name that the other side's certificate must bear; empty: the address's.
    pub(in crate::backends) server_name: String,
    /// Authorities, PEM; empty: the system's.
    pub(super) authorities: String,
    /// Certificate of this side, PEM; empty: none.
    pub(in crate::backends) certificate: String,
    /// Its key, PEM.
    pub(in crate::backends) key: String,
}

impl Material {
    /// As drivers take it that speak TLS through rustls. Reads the system's authorities where no others are given, so it is not
    /// to be called on the async threads.
    pub(in crate::backends) fn client_config(&self) -> Result<ClientConfig, String> {
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
    pub(in crate::backends) fn trusted_pem(&self) -> Result<String, String> {
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
    pub(in crate::backends) fn trusted(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        if !self.authorities.is_empty() {
            return certificates(&self.authorities);
        }
        // Among the system's there may be some that nothing can be done with.
        let mut found = rustls_native_certs::load_native_certs().certs;
        found.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        Ok(found)
    }

    /// Sets a client up so.
    pub(in crate::backends) fn apply(&self, client: ClientBuilder) -> reqwest::Result<ClientBuilder> {
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
