//! The ways to the cluster: does somebody answer there, is the way private, and is the key good for something?

use std::time::Duration;

use futures_util::future::join_all;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::checkup::Checkup;
use crate::cli::args::Global;
use crate::cli::connect::Session;
use crate::cli::failure;
use crate::wire::pb::v1::{GetNodeStatusRequest, ListNodesResponse, ListOperatorsRequest, Node, Role};

/// Whoever takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// A way that leads somewhere.
pub(super) struct Way {
    pub(super) session: Session,
    /// `http` or `https`.
    scheme: &'static str,
}

/// What comes of asking at an address.
enum Met {
    /// A node that tells how it fares.
    Node(Session, Box<Node>),
    /// Somebody who does not.
    Refusal(Status),
    /// Nobody.
    Nobody(String),
}

/// Tries every endpoint that was given. Returns the first whose node tells how it fares.
pub(super) async fn endpoints(global: &Global, checkup: &mut Checkup) -> Option<Way> {
    let (mut way, mut refusal) = (None, None);
    for endpoint in &global.endpoint {
        match met(global, endpoint).await {
            Met::Node(session, node) => {
                checkup.ok("endpoint", endpoint, format!("node {} answers", node.id));
                privacy(endpoint, global.ca.is_some(), checkup);
                let scheme = if is_encrypted(endpoint) { "https" } else { "http" };
                way = way.or(Some(Way { session, scheme }));
            }
            Met::Refusal(status) => {
                let is_key = matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied);
                if is_key {
                    checkup.ok("endpoint", endpoint, "a node answers");
                    privacy(endpoint, global.ca.is_some(), checkup);
                    refusal = refusal.or(Some(status));
                } else {
                    let advice = "see that node's log; one that starts or stops says so in its answer";
                    checkup.fail("endpoint", endpoint, told(&status), advice);
                }
            }
            Met::Nobody(why) => {
                let advice =
                    "see whether the node runs, the address is that of `api.listen`, and http or https is right";
                checkup.fail("endpoint", endpoint, why, advice);
            }
        }
    }
    match (&way, refusal) {
        (Some(way), _) => key(&way.session, checkup).await,
        (None, Some(status)) => refused(global, &status, checkup),
        (None, None) => {}
    }
    way
}

/// Every member by itself: what others hear of a node is not what its callers meet.
pub(super) async fn members(global: &Global, way: &Way, found: &ListNodesResponse, checkup: &mut Checkup) {
    let looks = found.nodes.iter().map(|node| async move {
        let address = format!("{}://{}", way.scheme, node.api_address);
        (node, met(global, &address).await)
    });
    for (node, met) in join_all(looks).await {
        let about = format!("node {} at {}", node.id, node.api_address);
        match met {
            Met::Node(_, other) if other.id != node.id => {
                let found = format!("node {} answers there", other.id);
                checkup.fail(
                    "address",
                    about,
                    found,
                    "set `api.advertise` of both to their own addresses",
                );
            }
            Met::Node(..) if is_everywhere(&node.api_address) => {
                let found = "answers from here, but the address means every machine to itself";
                checkup.warn(
                    "address",
                    about,
                    found,
                    "set `api.advertise` to an address that callers can reach",
                );
            }
            Met::Node(..) => checkup.ok("address", about, "answers"),
            Met::Refusal(status) => {
                checkup.fail("address", about, told(&status), "see its log");
            }
            Met::Nobody(why) => {
                let advice = if node.answered {
                    "the others hear of it: see whether `api.advertise` is right, and what is between here and there"
                } else {
                    "see whether it runs"
                };
                checkup.fail("address", about, why, advice);
            }
        }
    }
}

async fn met(global: &Global, endpoint: &str) -> Met {
    let session = match Session::at(global, PATIENCE, endpoint).await {
        Ok(session) => session,
        Err(error) => return Met::Nobody(failure::describe(&error)),
    };
    let asked = session
        .client
        .nodes()
        .get_node_status(GetNodeStatusRequest { id: 0 })
        .await;
    match asked {
        Ok(node) => Met::Node(session, Box::new(node.into_inner())),
        // Nobody has said that: the answer did not come.
        Err(status) if matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) => {
            Met::Nobody(format!("no answer within {PATIENCE:?}"))
        }
        Err(status) => Met::Refusal(status),
    }
}

/// What is said on the way may be read there.
fn privacy(endpoint: &str, has_authority: bool, checkup: &mut Checkup) {
    if is_encrypted(endpoint) {
        let by = if has_authority {
            "the one of `--ca`"
        } else {
            "the system's"
        };
        let found = format!("encrypted, and the certificate is of an authority that is trusted ({by})");
        checkup.ok("tls", endpoint, found);
    } else if is_local(endpoint) {
        checkup.ok("tls", endpoint, "not encrypted, but within this machine");
    } else {
        let found = "not encrypted: passwords and the API key can be read on the way";
        checkup.warn(
            "tls",
            endpoint,
            found,
            "set `api.tls` of each node, and call it by https://",
        );
    }
}

/// What the key may do.
async fn key(session: &Session, checkup: &mut Checkup) {
    let request = ListOperatorsRequest {
        page_size: 1,
        ..ListOperatorsRequest::default()
    };
    let role = match session.client.operators().list(request).await {
        Ok(_) => Some(Role::Admin),
        Err(status) => role_of(&status),
    };
    let found = match role {
        Some(Role::Admin) => "valid, of an admin",
        Some(Role::Editor) => "valid, of an editor: it may change users and authenticators",
        Some(Role::Viewer) => "valid, of a viewer: it may look, and change nothing",
        _ => "valid, at least of a viewer; without a quorum more cannot be told",
    };
    checkup.ok("key", "the API key", found);
}

/// Why the key is not enough to look at anything.
fn refused(global: &Global, status: &Status, checkup: &mut Checkup) {
    let about = "the API key";
    let is_given = global.api_key.as_ref().is_some_and(|key| !key.is_empty());
    if !is_given {
        checkup.fail(
            "key",
            about,
            "none is given",
            "set PORTCULLIS_API_KEY to a viewer's, editor's or admin's",
        );
    } else if role_of(status) == Some(Role::Client) {
        let found = "valid, but of a client: it may log clients in, and look at nothing";
        checkup.fail("key", about, found, "take the key of a viewer, an editor or an admin");
    } else {
        let advice = "ask an admin for another one: `portcullis operator create`";
        checkup.fail("key", about, told(status), advice);
    }
}

/// The caller's role, where that is what a refusal is about.
fn role_of(status: &Status) -> Option<Role> {
    let details = status.get_error_details();
    Role::from_str_name(details.error_info()?.metadata.get("role")?)
}

fn told(status: &Status) -> String {
    status.message().to_owned()
}

fn is_encrypted(endpoint: &str) -> bool {
    endpoint.starts_with("https://")
}

fn is_local(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    ["localhost", "127.", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local))
}

fn is_everywhere(address: &str) -> bool {
    address.starts_with("0.0.0.0:") || address.starts_with("[::]:")
}

#[cfg(test)]
mod tests {
    use super::{Checkup, privacy};
    use crate::cli::doctor::checkup::State;

    #[test]
    fn what_can_be_read_on_the_way_is_warned_of_unless_it_stays_on_the_machine() {
        for (endpoint, state) in [
            ("https://node1:7600", State::Ok),
            ("http://127.0.0.1:7600", State::Ok),
            ("http://[::1]:7600", State::Ok),
            ("http://localhost:7600", State::Ok),
            ("http://node1:7600", State::Warn),
            ("http://10.0.0.1:7600", State::Warn),
        ] {
            let mut checkup = Checkup::default();
            privacy(endpoint, false, &mut checkup);
            assert_eq!(checkup.findings[0].state, state, "{endpoint}");
        }
    }
}
