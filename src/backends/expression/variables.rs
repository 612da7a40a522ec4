//! What an expression may ask of a client. What proves who it is (password, authentication data) is not among it.

use crate::auth::Credentials;

use super::value::Value;

/// Something about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Username,
    ClientId,
    Listener,
    Zone,
    PeerHost,
    PeerPort,
    CertCommonName,
    CertSubject,
    AuthMethod,
    ClientAttrs,
}

/// By our names, and by EMQX's where they differ.
const NAMES: [(&str, Variable); 13] = [
    ("username", Variable::Username),
    ("client_id", Variable::ClientId),
    ("clientid", Variable::ClientId),
    ("listener", Variable::Listener),
    ("zone", Variable::Zone),
    ("peer_host", Variable::PeerHost),
    ("peerhost", Variable::PeerHost),
    ("peer_port", Variable::PeerPort),
    ("peerport", Variable::PeerPort),
    ("cert_common_name", Variable::CertCommonName),
    ("cert_subject", Variable::CertSubject),
    ("auth_method", Variable::AuthMethod),
    ("client_attrs", Variable::ClientAttrs),
];

/// Names that somebody may try, and why there is nothing under them.
const WITHHELD: [(&str, &str); 6] = [
    ("password", "is a secret and not available in an expression"),
    ("auth_data", "is a secret and not available in an expression"),
    ("exchange", "is a secret and not available in an expression"),
    ("cn", "is called `cert_common_name` here, as in EMQX's preconditions"),
    ("dn", "is called `cert_subject` here, as in EMQX's preconditions"),
    ("cert_pem", "is not available in an expression"),
];

impl Variable {
    /// The variable of that name, or why there is none.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if let Some((_, variable)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*variable);
        }
        if let Some((_, why)) = WITHHELD.iter().find(|(withheld, _)| *withheld == name) {
            return Err(format!("`{name}` {why}"));
        }
        let known: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        Err(format!("there is no variable `{name}`; there are {}", known.join(", ")))
    }

    /// Its value. Text that is absent is empty.
    pub(super) fn of(self, credentials: &Credentials) -> Value<'_> {
        match self {
            Self::Username => Value::text(&credentials.username),
            Self::ClientId => Value::text(&credentials.client_id),
            Self::Listener => Value::text(&credentials.listener),
            Self::Zone => Value::text(&credentials.zone),
            Self::PeerHost => Value::text(&credentials.peer_host),
            Self::PeerPort => Value::Int(credentials.peer_port.into()),
            Self::CertCommonName => Value::text(&credentials.cert_common_name),
            Self::CertSubject => Value::text(&credentials.cert_subject),
            Self::AuthMethod => Value::text(&credentials.auth_method),
            Self::ClientAttrs => Value::Attributes(&credentials.client_attrs),
        }
    }
}
