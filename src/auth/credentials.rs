//! What a client presents.

use std::collections::BTreeMap;

use super::notes::Notes;
use super::secret::Secret;

/// Everything known about a client that wants to connect. Empty text means absent, but for the password, where absent and empty differ.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Which listener it came through; decides the chain.
    pub listener: String,
    /// MQTT client identifier.
    pub client_id: String,
    /// User name.
    pub username: String,
    /// Password; `None` when the client sent none.
    pub password: Option<Secret>,
    /// MQTT 5 authentication method; empty when none.
    pub auth_method: String,
    /// MQTT 5 authentication data.
    pub auth_data: Vec<u8>,
    /// Sealed state of an exchange, from the last `Continue`.
    pub exchange: Vec<u8>,
    /// Where it connects from.
    pub peer_host: String,
    /// Its port, 0 when unknown.
    pub peer_port: u16,
    /// Common name of its TLS certificate.
    pub cert_common_name: String,
    /// Subject of its TLS certificate.
    pub cert_subject: String,
    /// The certificate itself, PEM.
    pub cert_pem: Vec<u8>,
    /// MQTT zone.
    pub zone: String,
    /// What the caller already knows of the client.
    pub client_attrs: BTreeMap<String, String>,
    /// Where is noted what becomes of them on the way, if an operator wants to know. No client has a part in it.
    pub notes: Notes,
}
