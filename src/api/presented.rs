//! What a client presented, from the wire into the domain, within limits.

use crate::admin::Violation;
use crate::auth::{Credentials, Notes, Secret};
use crate::cluster::ReadRequirement;
use crate::wire::pb::v1;

use super::undecided::Undecided;

/// Client identifier and other names.
const NAME_BYTES: usize = 1024;
/// User names and passwords: either may be a token. Names that users can have and passwords that can be set are shorter.
const TOKEN_BYTES: usize = 16 << 10;
/// Messages and sealed state of an exchange.
const EXCHANGE_BYTES: usize = 8 << 10;
/// A distinguished name.
const SUBJECT_BYTES: usize = 4 << 10;
/// A certificate with its chain.
const CERTIFICATE_BYTES: usize = 64 << 10;
/// Attributes, and their names and values together.
const ATTRIBUTES: usize = 64;
const ATTRIBUTES_BYTES: usize = 16 << 10;

/// What the answer must respect.
pub(super) fn requirement(request: &v1::AuthenticateRequest) -> ReadRequirement {
    ReadRequirement {
        linearizable: request.consistency == v1::Consistency::Linearizable as i32,
        min_revision: request.min_revision,
    }
}

/// The credentials of a request; every violation at once.
pub(super) fn credentials(request: v1::AuthenticateRequest) -> Result<Credentials, Undecided> {
    let violations = violations(&request);
    if !violations.is_empty() {
        return Err(Undecided::Malformed(violations));
    }
    Ok(Credentials {
        listener: request.listener,
        client_id: request.client_id,
        username: request.username,
        password: request.password.map(Secret::new),
        auth_method: request.auth_method,
        auth_data: request.auth_data.into(),
        exchange: request.exchange.into(),
        peer_host: request.peer_host,
        peer_port: u16::try_from(request.peer_port).unwrap_or(0),
        cert_common_name: request.cert_common_name,
        cert_subject: request.cert_subject,
        cert_pem: request.cert_pem.into(),
        zone: request.zone,
        client_attrs: request.client_attrs,
        notes: Notes::default(),
    })
}

fn violations(request: &v1::AuthenticateRequest) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut at_most = |field: &'static str, bytes: usize, limit: usize| {
        if bytes > limit {
            found.push(Violation {
                field: field.to_owned(),
                why: format!("has {bytes} bytes, the limit is {limit}"),
            });
        }
    };
    at_most("listener", request.listener.len(), NAME_BYTES);
    at_most("client_id", request.client_id.len(), NAME_BYTES);
    at_most("username", request.username.len(), TOKEN_BYTES);
    at_most(
        "password",
        request.password.as_ref().map_or(0, |p| p.len()),
        TOKEN_BYTES,
    );
    at_most("auth_method", request.auth_method.len(), NAME_BYTES);
    at_most("auth_data", request.auth_data.len(), EXCHANGE_BYTES);
    at_most("exchange", request.exchange.len(), EXCHANGE_BYTES);
    at_most("peer_host", request.peer_host.len(), NAME_BYTES);
    at_most("cert_common_name", request.cert_common_name.len(), NAME_BYTES);
    at_most("cert_subject", request.cert_subject.len(), SUBJECT_BYTES);
    at_most("cert_pem", request.cert_pem.len(), CERTIFICATE_BYTES);
    at_most("zone", request.zone.len(), NAME_BYTES);
    let attributes: usize = request
        .client_attrs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    at_most("client_attrs", attributes, ATTRIBUTES_BYTES);

    if request.client_attrs.len() > ATTRIBUTES {
        let why = format!("has {} entries, the limit is {ATTRIBUTES}", request.client_attrs.len());
        found.push(Violation {
            field: "client_attrs".into(),
            why,
        });
    }
    if request.peer_port > u32::from(u16::MAX) {
        found.push(Violation {
            field: "peer_port".into(),
            why: format!("must be at most {}", u16::MAX),
        });
    }
    if v1::Consistency::try_from(request.consistency).is_err() {
        found.push(Violation {
            field: "consistency".into(),
            why: "must be LOCAL or LINEARIZABLE".into(),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_password_is_not_an_empty_one() {
        let absent = credentials(v1::AuthenticateRequest::default()).unwrap();
        assert!(absent.password.is_none());
        let empty = v1::AuthenticateRequest {
            password: Some(bytes::Bytes::new()),
            ..Default::default()
        };
        assert_eq!(credentials(empty).unwrap().password.unwrap().expose(), b"");
    }

    #[test]
    fn every_field_over_its_limit_is_named_at_once() {
        let request = v1::AuthenticateRequest {
            username: "u".repeat(TOKEN_BYTES + 1),
            password: Some(vec![0; TOKEN_BYTES + 1].into()),
            peer_port: 70_000,
            consistency: 9,
            ..Default::default()
        };
        let Err(Undecided::Malformed(violations)) = credentials(request) else {
            panic!("accepted")
        };
        let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["username", "password", "peer_port", "consistency"]);
    }

    #[test]
    fn what_is_as_long_as_it_may_be_is_accepted() {
        let request = v1::AuthenticateRequest {
            client_id: "c".repeat(NAME_BYTES),
            username: "u".repeat(TOKEN_BYTES),
            password: Some(vec![0; TOKEN_BYTES].into()),
            ..Default::default()
        };
        let credentials = credentials(request).unwrap();
        assert_eq!(credentials.client_id.len(), NAME_BYTES);
        assert_eq!(credentials.username.len(), TOKEN_BYTES);
        assert_eq!(credentials.password.unwrap().expose().len(), TOKEN_BYTES);
    }
}
