//! A certificate authority of a test's own, for servers and clients that nobody else knows.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both as PEM.
pub struct Certified {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// One more that nobody trusts yet.
    pub fn new() -> io::Result<Self> {
        let mut params = named("an authority", &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, new_key()?).map_err(io::Error::other)?;
        Ok(Self(issuer))
    }

    /// Its own certificate, as PEM: what is to be trusted.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a client.
    pub fn client(&self) -> io::Result<Certified> {
        let key = new_key()?;
        let params = named("a client", &[])?;
        let cert = params.signed_by(&key, &self.0).map_err(io::Error::other)?;
        Ok(Certified {
            cert: cert.pem(),
            key: key.serialize_pem(),
        })
    }

    /// A server of that name or address; with `clients` it lets in only those whose certificate is of that authority.
    pub fn server(&self, name: &str, clients: Option<&Self>) -> io::Result<TlsAcceptor> {
        let key = new_key()?;
        let cert = named("a server", &[name])?
            .signed_by(&key, &self.0)
            .map_err(io::Error::other)?;
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(Self(trusted)) => {
                let mut roots = RootCertStore::empty();
                roots.add(trusted.der().clone()).map_err(io::Error::other)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
            }
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = config
            .with_single_cert(vec![cert.der().clone()], key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn named(who: &str, names: &[&str]) -> io::Result<CertificateParams> {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, who);
    Ok(params)
}

fn new_key() -> io::Result<KeyPair> {
    KeyPair::generate().map_err(io::Error::other)
}
