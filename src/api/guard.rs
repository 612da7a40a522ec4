//! Who may call what: one table over every public method, asked before any service sees the call.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::convert::role;
use super::status::{forbidden, refused};
use crate::admin::{Caller, Role};

/// What a method asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// No key.
    Public,
    /// A key of at least this role: `Client < Viewer < Editor < Admin`.
    AtLeast(Role),
}

use Role::{Admin, Client, Editor, Viewer};
use Rule::{AtLeast, Public};

/// Every public method, logins first because they are looked up most. What is not here does not exist.
const RULES: &[(&str, Rule)] = &[
    ("/portcullis.v1.Login/Authenticate", AtLeast(Client)),
    ("/portcullis.v1.Login/AuthenticateStream", AtLeast(Client)),
    ("/portcullis.v1.Login/Explain", AtLeast(Viewer)),
    ("/portcullis.v1.Users/List", AtLeast(Viewer)),
    ("/portcullis.v1.Users/Get", AtLeast(Viewer)),
    ("/portcullis.v1.Users/Create", AtLeast(Editor)),
    ("/portcullis.v1.Users/Update", AtLeast(Editor)),
    ("/portcullis.v1.Users/Delete", AtLeast(Editor)),
    ("/portcullis.v1.Users/BatchDelete", AtLeast(Editor)),
    ("/portcullis.v1.Users/Import", AtLeast(Editor)),
    // What it sends holds the hashes.
    ("/portcullis.v1.Users/Export", AtLeast(Admin)),
    ("/portcullis.v1.Users/GetImportTemplate", AtLeast(Viewer)),
    ("/portcullis.v1.Authenticators/List", AtLeast(Viewer)),
    ("/portcullis.v1.Authenticators/Get", AtLeast(Viewer)),
    ("/portcullis.v1.Authenticators/GetStatus", AtLeast(Viewer)),
    ("/portcullis.v1.Authenticators/ListBackends", AtLeast(Viewer)),
    // It makes every node connect to where the caller says.
    ("/portcullis.v1.Authenticators/Test", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/ResetMetrics", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/PurgeCache", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/Create", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/Update", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/Delete", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/SetEnabled", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/Move", AtLeast(Editor)),
    ("/portcullis.v1.Authenticators/Reorder", AtLeast(Editor)),
    ("/portcullis.v1.Operators/List", AtLeast(Admin)),
    ("/portcullis.v1.Operators/Create", AtLeast(Admin)),
    ("/portcullis.v1.Operators/Delete", AtLeast(Admin)),
    ("/portcullis.v1.Operators/ListAccounts", AtLeast(Admin)),
    ("/portcullis.v1.Operators/CreateAccount", AtLeast(Admin)),
    ("/portcullis.v1.Operators/UpdateAccount", AtLeast(Admin)),
    ("/portcullis.v1.Operators/DeleteAccount", AtLeast(Admin)),
    ("/portcullis.v1.Operators/CreateSetupToken", AtLeast(Admin)),
    // There is no key before the first cluster, and the call is refused once there is one.
    ("/portcullis.v1.Nodes/InitCluster", Public),
    ("/portcullis.v1.Nodes/ListNodes", AtLeast(Viewer)),
    ("/portcullis.v1.Nodes/GetNodeStatus", AtLeast(Viewer)),
    ("/portcullis.v1.Nodes/AddNode", AtLeast(Admin)),
    ("/portcullis.v1.Nodes/PromoteNode", AtLeast(Admin)),
    ("/portcullis.v1.Nodes/RemoveNode", AtLeast(Admin)),
    ("/portcullis.v1.Nodes/TransferLeadership", AtLeast(Admin)),
    ("/portcullis.v1.Nodes/TakeSnapshot", AtLeast(Admin)),
    ("/portcullis.v1.Nodes/GetSettings", AtLeast(Viewer)),
    ("/portcullis.v1.Nodes/UpdateSettings", AtLeast(Admin)),
    ("/grpc.health.v1.Health/Check", Public),
    ("/grpc.health.v1.Health/Watch", Public),
    ("/grpc.health.v1.Health/List", Public),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Public),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Public),
];

fn rule(path: &str) -> Option<Rule> {
    RULES.iter().find(|(known, _)| *known == path).map(|(_, rule)| *rule)
}

type CallerOf = dyn Fn(&str) -> Option<Caller> + Send + Sync;
type NotReady = dyn Fn() -> Option<String> + Send + Sync;

/// What the guard asks of the rest of the house.
#[derive(Clone)]
pub(super) struct Guard {
    /// Whose key this is.
    caller_of: Arc<CallerOf>,
    /// Why this node cannot know yet who its operators are; `None` once it does.
    not_ready: Arc<NotReady>,
}

impl Guard {
    pub(super) fn new(
        caller_of: impl Fn(&str) -> Option<Caller> + Send + Sync + 'static,
        not_ready: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            caller_of: Arc::new(caller_of),
            not_ready: Arc::new(not_ready),
        }
    }

    /// `Ok(None)`: a public method, and nobody in particular.
    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
        let minimum = match rule(path) {
            None => {
                return Err(refused(
                    Code::Unimplemented,
                    "UNKNOWN_METHOD",
                    format!("no such method: `{path}`"),
                ));
            }
            Some(Rule::Public) => return Ok(None),
            Some(Rule::AtLeast(role)) => role,
        };
        let Some(key) = bearer(headers) else {
            return Err(unauthenticated("an API key is needed: `authorization: Bearer pck_…`"));
        };
        let caller = (self.caller_of)(key).ok_or_else(|| self.unknown_key())?;
        if caller.role < minimum {
            let message = format!(
                "operator `{}` has role {:?}, `{path}` needs {minimum:?}",
                caller.id, caller.role
            );
            return Err(forbidden(role(caller.role).as_str_name(), message));
        }
        Ok(Some(caller))
    }

    /// A node that has not caught up may just not have heard of the operator: then the caller should ask another node,
    /// not throw its key away.
    fn unknown_key(&self) -> Status {
        match (self.not_ready)() {
            Some(why) => refused(Code::Unavailable, "NOT_READY", why),
            None => unauthenticated("the API key is not valid"),
        }
    }
}

/// Nobody known calls.
pub(super) fn unauthenticated(message: &str) -> Status {
    refused(Code::Unauthenticated, "UNAUTHENTICATED", message)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            guard: self.clone(),
            inner,
        }
    }
}

/// A service behind the guard.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.guard.admit(request.uri().path(), request.headers()) {
            Ok(caller) => {
                // The key goes no further than this.
                request.headers_mut().remove(AUTHORIZATION);
                if let Some(caller) = caller {
                    request.extensions_mut().insert(caller);
                }
                Either::Left(self.inner.call(request))
            }
            Err(status) => {
                tracing::debug!(path = request.uri().path(), code = ?status.code(), "call refused");
                Either::Right(ready(Ok(status.into_http())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost_reflect::DescriptorPool;
    use tonic_types::StatusExt;

    use super::*;
    use crate::wire::pb::DESCRIPTORS;

    fn guard(ready: bool) -> Guard {
        let caller_of = |key: &str| {
            let role = match key {
                "pck_c_x" => Client,
                "pck_v_x" => Viewer,
                "pck_e_x" => Editor,
                "pck_a_x" => Admin,
                _ => return None,
            };
            Some(Caller { id: key.into(), role })
        };
        Guard::new(caller_of, move || (!ready).then(|| "starting".into()))
    }

    fn call(guard: &Guard, path: &str, authorization: Option<&str>) -> Result<Option<Caller>, Code> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        guard.admit(path, &headers).map_err(|status| {
            assert!(status.get_error_details().error_info().is_some(), "{status:?}");
            status.code()
        })
    }

    #[test]
    fn every_public_method_has_a_rule_and_every_rule_a_method() {
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
        let methods: BTreeSet<String> = pool
            .services()
            .filter(|service| service.full_name().starts_with("portcullis.v1."))
            .flat_map(|service| {
                let name = service.full_name().to_owned();
                service
                    .methods()
                    .map(move |m| format!("/{name}/{}", m.name()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let rules: BTreeSet<String> = RULES
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .filter(|p| p.starts_with("/portcullis."))
            .collect();
        assert_eq!(methods, rules);
    }

    #[test]
    fn roles_are_a_ladder_and_a_client_may_only_log_in() {
        let guard = guard(true);
        for (path, rule) in RULES {
            for (key, role) in [
                ("pck_c_x", Client),
                ("pck_v_x", Viewer),
                ("pck_e_x", Editor),
                ("pck_a_x", Admin),
            ] {
                let expected = match rule {
                    Public => Ok(None),
                    AtLeast(minimum) if role >= *minimum => Ok(Some(Caller { id: key.into(), role })),
                    AtLeast(_) => Err(Code::PermissionDenied),
                };
                assert_eq!(
                    call(&guard, path, Some(&format!("Bearer {key}"))),
                    expected,
                    "{path} {role:?}"
                );
            }
        }
        let open: Vec<_> = RULES.iter().filter(|(_, rule)| *rule == AtLeast(Client)).collect();
        assert!(
            open.iter()
                .all(|(path, _)| path.starts_with("/portcullis.v1.Login/Authenticate"))
        );
    }

    #[test]
    fn a_call_without_a_valid_key_is_unauthenticated() {
        let guard = guard(true);
        for authorization in [
            None,
            Some("Bearer pck_nobody_x"),
            Some("pck_a_x"),
            Some("Basic pck_a_x"),
            Some("Bearer"),
        ] {
            let answer = call(&guard, "/portcullis.v1.Login/Authenticate", authorization);
            assert_eq!(answer, Err(Code::Unauthenticated), "{authorization:?}");
        }
    }

    #[test]
    fn a_node_that_is_not_ready_does_not_call_a_key_invalid() {
        let answer = call(&guard(false), "/portcullis.v1.Users/List", Some("Bearer pck_new_x"));
        assert_eq!(answer, Err(Code::Unavailable));
    }

    #[test]
    fn an_unknown_method_is_refused_even_to_an_admin() {
        let answer = call(&guard(true), "/portcullis.v1.Users/Steal", Some("Bearer pck_a_x"));
        assert_eq!(answer, Err(Code::Unimplemented));
    }
}
