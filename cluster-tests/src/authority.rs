//! Certificates that are made for one run: an authority that only a test trusts, and what it signs for servers and clients.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Who signs.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate, PEM: what is to be trusted.
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one under that name, which nobody trusts yet.
    pub fn new(name: &str) -> io::Result<Self> {
        let mut params = named(name, Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = new_key()?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// For a client of that name.
    pub fn client(&self, name: &str) -> io::Result<Pair> {
        self.sign(name, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// For a server that is called so, or has these addresses.
    pub fn server(&self, names: &[&str]) -> io::Result<Pair> {
        let name = names.first().copied().unwrap_or_default();
        let names = names.iter().map(ToString::to_string).collect();
        self.sign(name, names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A server of that name or address; with `clients` it lets in only those whose certificate is of that authority.
    pub fn acceptor(&self, name: &str, clients: Option<&Self>) -> io::Result<TlsAcceptor> {
        let Pair { certificate, key } = self.server(&[name])?;
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(trusted) => {
                let mut roots = RootCertStore::empty();
                roots.add(der(&trusted.certificate)?).map_err(io::Error::other)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
        let config = config
            .with_single_cert(vec![der(&certificate)?], key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn sign(&self, name: &str, names: Vec<String>, purpose: ExtendedKeyUsagePurpose) -> io::Result<Pair> {
        let mut params = named(name, names)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = new_key()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        Ok(Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn named(who: &str, names: Vec<String>) -> io::Result<CertificateParams> {
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, who);
    Ok(params)
}

fn new_key() -> io::Result<KeyPair> {
    KeyPair::generate().map_err(io::Error::other)
}

fn der(pem: &str) -> io::Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)
}
