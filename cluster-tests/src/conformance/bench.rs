//! One node, and chains on it: each has an authenticator that asks the server, and behind it one that knows a single user.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::{Value, json};
use tonic::Code;

use super::Server;
use crate::calls::{BUILT_IN, create_user_of, declare, explain, message};
use crate::{Cluster, PATIENCE, wait_for};

/// The one user whom only the second authenticator of a chain knows; the password is the same.
pub(super) const ELSEWHERE: &str = "known elsewhere";

/// The node.
pub struct Bench {
    cluster: Cluster,
    /// Speaks to it as an admin.
    pub client: Client,
    chains: AtomicU32,
}

/// An authenticator in a chain of its own.
#[derive(Clone, Debug)]
pub struct Link {
    /// The listener whose chain it is.
    pub chain: String,
    /// Its id.
    pub id: String,
}

impl Bench {
    /// One node of that program.
    pub async fn start(binary: impl AsRef<Path>) -> Result<Self> {
        let cluster = Cluster::start(binary, 1).await?;
        let client = cluster.patient_client(1).await?;
        Ok(Self {
            cluster,
            client,
            chains: AtomicU32::new(0),
        })
    }

    /// Declares an authenticator of that backend, and whatever else the JSON says of it, and waits until it is in force and has
    /// tried its server.
    pub async fn link(&self, backend: &str, settings: Value, more: Value) -> Result<Link> {
        let number = self.chains.fetch_add(1, Ordering::Relaxed);
        let chain = format!("row:{number}");
        let mut authenticator = json!({
            "chain": chain,
            "mechanism": "password_based",
            "backend": backend,
            "settings": settings,
        });
        lay_over(&mut authenticator, more);
        let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": authenticator }))?;
        let created = self.client.authenticators().create(request).await?.into_inner();
        declare(&self.client, json!({ "chain": chain })).await?;
        create_user_of(&self.client, &chain, BUILT_IN, ELSEWHERE, ELSEWHERE).await?;
        let link = Link { chain, id: created.id };
        wait_for(&format!("{} to be in force", link.chain), PATIENCE, async || {
            let (status, _) = self.status(&link).await?;
            let steps = self.login(&link, ELSEWHERE, Some(ELSEWHERE.as_bytes())).await?.steps;
            Ok((status != Status::Connecting && steps.len() == 2).then_some(()))
        })
        .await?;
        Ok(link)
    }

    /// The usual settings of a server, with others laid over them.
    pub async fn link_to(&self, server: &impl Server, over: Value, more: Value) -> Result<Link> {
        let mut settings = server.settings();
        lay_over(&mut settings, over);
        self.link(server.backend(), settings, more).await
    }

    /// Removes a chain, so that its connections do not add up with those of others.
    pub async fn drop_link(&self, link: Link) -> Result<()> {
        let request = v1::DeleteAuthenticatorRequest {
            chain: link.chain,
            id: link.id,
            ..v1::DeleteAuthenticatorRequest::default()
        };
        self.client.authenticators().delete(request).await?;
        Ok(())
    }

    /// How that authenticator fares, and what it says of it.
    pub async fn status(&self, link: &Link) -> Result<(Status, String)> {
        let request = v1::GetAuthenticatorStatusRequest {
            chain: link.chain.clone(),
            id: link.id.clone(),
        };
        let status = self.client.authenticators().get_status(request).await?.into_inner();
        let node = status.nodes.first().context("the status names no node")?;
        Ok((node.status(), node.error.clone()))
    }

    /// Waits until it fares so; returns what it says of it.
    pub async fn wait_for_status(&self, link: &Link, wanted: Status) -> Result<String> {
        wait_for(&format!("status {wanted:?} of {}", link.chain), PATIENCE, async || {
            let (status, error) = self.status(link).await?;
            Ok((status == wanted).then_some(error))
        })
        .await
    }

    /// How a login at that chain is decided.
    pub async fn login(&self, link: &Link, name: &str, password: Option<&[u8]>) -> Result<v1::ExplainResponse> {
        Ok(explain(&self.client, request(link, name, password)).await?)
    }

    /// The decision on a login that counts.
    pub async fn decision(&self, link: &Link, name: &str, password: Option<&[u8]>) -> Result<v1::AuthenticateResponse> {
        let answer = self.client.login().authenticate(request(link, name, password)).await?;
        Ok(answer.into_inner())
    }

    /// What the first authenticator of the chain says to that login.
    pub async fn step(&self, link: &Link, name: &str, password: &str) -> Result<v1::Step> {
        let explained = self.login(link, name, Some(password.as_bytes())).await?;
        explained.steps.into_iter().next().context("the chain is empty")
    }

    /// How a login at that chain is decided by a caller who has no more time than that.
    pub async fn hasty_login(
        &self,
        link: &Link,
        name: &str,
        password: &str,
        time: Duration,
    ) -> Result<v1::ExplainResponse> {
        wait_for("an answer on time", PATIENCE, async || {
            let mut request = tonic::Request::new(request(link, name, Some(password.as_bytes())));
            request.set_timeout(time);
            match self.client.login().explain(request).await {
                Ok(explained) => Ok(Some(explained.into_inner())),
                // It came when this side had given up too.
                Err(status) if matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) => Ok(None),
                Err(status) => Err(status.into()),
            }
        })
        .await
    }

    /// The node's process.
    pub fn pid(&self) -> Result<i32> {
        let pid = self.cluster.node(1)?.pid().context("the node has ended")?;
        Ok(pid.as_raw_nonzero().get())
    }

    /// The end of a test that has passed.
    pub fn passed(self) -> Result<()> {
        self.cluster.passed()
    }
}

fn request(link: &Link, name: &str, password: Option<&[u8]>) -> v1::AuthenticateRequest {
    v1::AuthenticateRequest {
        listener: link.chain.clone(),
        username: name.into(),
        client_id: "test".into(),
        password: password.map(Bytes::copy_from_slice),
        ..v1::AuthenticateRequest::default()
    }
}

/// The fields of the second over those of the first.
pub fn lay_over(under: &mut Value, over: Value) {
    if let (Some(under), Value::Object(over)) = (under.as_object_mut(), over) {
        under.extend(over);
    }
}
