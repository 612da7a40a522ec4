//! TLS from PEM files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};

use super::cause::deepest_cause;

/// A client that connects and then says nothing does not keep a socket for longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The two versions of HTTP, as TLS names them.
pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// TLS of one listener and of the clients that call it. All paths are PEM files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// Certificate chain; empty: no TLS.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authority of the other side's certificates. On a server: clients must present one. On the peer port it is required.
    pub ca: PathBuf,
}

/// TLS material that cannot be used: which file, and why.
#[derive(Debug, thiserror::Error)]
#[error("`{file}`: {why}")]
pub struct TlsError {
    /// Which file.
    pub file: String,
    /// Why.
    pub why: String,
}

impl TlsSettings {
    /// For a gRPC server; `None` when no certificate is given.
    pub fn server(&self) -> Result<Option<ServerTlsConfig>, TlsError> {
        let Some(identity) = self.identity()? else {
            return Ok(None);
        };
        let config = ServerTlsConfig::new()
            .identity(identity.into())
            .timeout(HANDSHAKE_TIMEOUT);
        check_server(&config, &self.cert)?;
        let Some(authority) = self.authority()? else {
            return Ok(Some(config));
        };
        let config = config.client_ca_root(Certificate::from_pem(authority));
        check_server(&config, &self.ca)?;
        Ok(Some(config))
    }

    /// For a client of such a server; `None` when no certificate is given.
    pub fn client(&self) -> Result<Option<ClientTlsConfig>, TlsError> {
        let Some(identity) = self.identity()? else {
            return Ok(None);
        };
        let config = ClientTlsConfig::new()
            .identity(identity.into())
            .timeout(HANDSHAKE_TIMEOUT);
        check_client(&config, &self.cert)?;
        trusting(config, &self.ca).map(Some)
    }

    /// For an HTTP server, which offers HTTP/2 and HTTP/1.1; `None` when no certificate is given.
    pub(super) fn http_server(&self) -> Result<Option<Arc<ServerConfig>>, TlsError> {
        let Some(identity) = self.identity()? else {
            return Ok(None);
        };
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| error(&self.cert, e))?;
        let config = match self.authority()? {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(roots(&authority, &self.ca)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                config.with_client_cert_verifier(verifier.map_err(|e| error(&self.ca, e))?)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(|e| error(&self.key, e))?;
        let chain = certificates(&identity.cert, &self.cert)?;
        let mut config = config.with_single_cert(chain, key).map_err(|e| error(&self.cert, e))?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Some(Arc::new(config)))
    }

    /// Certificate and key; one without the other is a mistake that must not end in plain text.
    fn identity(&self) -> Result<Option<Pair>, TlsError> {
        let (cert, key, ca) = (is_given(&self.cert), is_given(&self.key), is_given(&self.ca));
        match (cert, key) {
            (true, true) => {}
            (true, false) => return Err(error(&self.cert, "is given without its key")),
            (false, true) => return Err(error(&self.key, "is given without its certificate")),
            (false, false) if ca => return Err(error(&self.ca, "is given without a certificate and key")),
            (false, false) => return Ok(None),
        }
        let cert = read_pem(&self.cert, "CERTIFICATE")?;
        let key = read_pem(&self.key, "PRIVATE KEY")?;
        Ok(Some(Pair { cert, key }))
    }

    fn authority(&self) -> Result<Option<String>, TlsError> {
        if !is_given(&self.ca) {
            return Ok(None);
        }
        read_pem(&self.ca, "CERTIFICATE").map(Some)
    }
}

/// A client that shows no certificate, and trusts that authority (PEM file) or, if the path is empty, those of the system.
pub fn trusting_client(ca: &Path) -> Result<ClientTlsConfig, TlsError> {
    trusting(ClientTlsConfig::new().timeout(HANDSHAKE_TIMEOUT), ca)
}

fn trusting(config: ClientTlsConfig, ca: &Path) -> Result<ClientTlsConfig, TlsError> {
    let config = if is_given(ca) {
        config.ca_certificate(Certificate::from_pem(read_pem(ca, "CERTIFICATE")?))
    } else {
        config.with_native_roots()
    };
    check_client(&config, ca)?;
    Ok(config)
}

/// Certificate chain and private key, PEM.
struct Pair {
    cert: String,
    key: String,
}

impl From<Pair> for Identity {
    fn from(pair: Pair) -> Self {
        Self::from_pem(pair.cert, pair.key)
    }
}

fn certificates(pem: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| error(file, e))
}

fn roots(pem: &str, file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem, file)? {
        roots.add(authority).map_err(|e| error(file, e))?;
    }
    Ok(roots)
}

fn is_given(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

/// Reads a file and checks that it holds a section of that kind, so that swapped files are named, not guessed at.
fn read_pem(path: &Path, kind: &str) -> Result<String, TlsError> {
    let text = fs::read_to_string(path).map_err(|e| error(path, e))?;
    let holds = text
        .lines()
        .any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{kind}-----")));
    if holds {
        Ok(text)
    } else {
        Err(error(path, format!("holds no PEM section `{kind}`")))
    }
}

/// Tonic parses the material when a server takes it: doing that here makes a bad file an error at start.
fn check_server(config: &ServerTlsConfig, file: &Path) -> Result<(), TlsError> {
    Server::builder()
        .tls_config(config.clone())
        .map(drop)
        .map_err(|e| error(file, deepest_cause(&e)))
}

fn check_client(config: &ClientTlsConfig, file: &Path) -> Result<(), TlsError> {
    Endpoint::from_static("https://localhost")
        .tls_config(config.clone())
        .map(drop)
        .map_err(|e| error(file, deepest_cause(&e)))
}

fn error(file: &Path, why: impl ToString) -> TlsError {
    TlsError {
        file: file.display().to_string(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::TlsSettings;

    #[test]
    fn without_a_certificate_there_is_no_tls() {
        let settings = TlsSettings::default();
        assert!(settings.server().unwrap().is_none());
        assert!(settings.client().unwrap().is_none());
    }

    #[test]
    fn a_missing_file_is_named() {
        let settings = TlsSettings {
            cert: "/no/such/cert.pem".into(),
            key: "/no/such/key.pem".into(),
            ca: PathBuf::new(),
        };
        assert!(
            settings
                .server()
                .unwrap_err()
                .to_string()
                .starts_with("`/no/such/cert.pem`: ")
        );
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let settings = TlsSettings {
            cert: "cert.pem".into(),
            ..TlsSettings::default()
        };
        assert_eq!(settings.server().unwrap_err().file, "cert.pem");
    }

    #[test]
    fn an_authority_alone_does_not_end_in_plain_text() {
        let settings = TlsSettings {
            ca: "ca.pem".into(),
            ..TlsSettings::default()
        };
        assert_eq!(settings.client().unwrap_err().file, "ca.pem");
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        let settings = TlsSettings {
            cert: path.clone(),
            key: path.clone(),
            ca: PathBuf::new(),
        };
        let error = settings.server().unwrap_err();
        assert_eq!(error.file, path.display().to_string());
        assert!(error.why.contains("CERTIFICATE"), "{error}");
    }
}
