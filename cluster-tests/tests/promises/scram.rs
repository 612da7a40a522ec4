//! SCRAM exchanges go on across nodes, leaders and keys. The client's side is rsasl's, which knows nothing of the product.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cluster_tests::calls::{delete_user, fares, message, new_user};
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::prelude::{Mechname, SASLClient, SASLConfig, Session, SessionError};
use rsasl::property::{AuthId, Password};
use serde_json::json;

pub(crate) const SCRAM: &str = "scram:built_in_database";
const PATIENCE: Duration = Duration::from_secs(40);

/// What rsasl asks for.
struct Known {
    name: String,
    password: String,
}

impl SessionCallback for Known {
    fn callback(
        &self,
        _session: &SessionData,
        _context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        request
            .satisfy::<AuthId>(&self.name)?
            .satisfy::<Password>(self.password.as_bytes())?;
        Ok(())
    }
}

/// One exchange, seen from the client.
pub(crate) struct Exchange {
    mechanism: &'static str,
    session: Session,
    challenge: v1::AuthenticateResponse,
}

impl Exchange {
    /// The first step, on this node.
    pub(crate) async fn begin(on: &Client, mechanism: &'static str, name: &str, password: &str) -> Result<Self> {
        let known = Known {
            name: name.into(),
            password: password.into(),
        };
        let config: Arc<SASLConfig> = SASLConfig::builder().with_default_mechanisms().with_callback(known)?;
        let mechname = Mechname::parse(mechanism.as_bytes())?;
        let mut session = SASLClient::new(config).start_suggested_iter([mechname])?;
        let mut first = Vec::new();
        session.step(None, &mut first)?;
        let challenge = on
            .login()
            .authenticate(request(mechanism, first, &[]))
            .await?
            .into_inner();
        if challenge.decision() != v1::Decision::Continue {
            bail!("no challenge: {challenge:?}");
        }
        Ok(Self {
            mechanism,
            session,
            challenge,
        })
    }

    fn last_request(&mut self) -> Result<v1::AuthenticateRequest> {
        let mut last = Vec::new();
        self.session.step(Some(&self.challenge.auth_data), &mut last)?;
        Ok(request(self.mechanism, last, &self.challenge.exchange))
    }

    /// The last step, on that node. An ALLOW whose signature the client does not believe is an error.
    pub(crate) async fn finish(mut self, on: &Client) -> Result<v1::AuthenticateResponse> {
        let answer = on.login().authenticate(self.last_request()?).await?.into_inner();
        if answer.decision() == v1::Decision::Allow {
            self.session
                .step(Some(&answer.auth_data), &mut Vec::new())
                .context("the client does not believe the server")?;
        }
        Ok(answer)
    }
}

pub(crate) fn request(mechanism: &str, data: Vec<u8>, exchange: &[u8]) -> v1::AuthenticateRequest {
    v1::AuthenticateRequest {
        client_id: "test".into(),
        auth_method: mechanism.into(),
        auth_data: data.into(),
        exchange: exchange.to_vec().into(),
        ..v1::AuthenticateRequest::default()
    }
}

async fn create_scram(client: &Client, algorithm: &str) -> Result<()> {
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {
            "mechanism": "scram", "backend": "built_in_database", "enabled": true,
            "settings": { "algorithm": algorithm },
        },
    }))?;
    client.authenticators().create(request).await?;
    Ok(())
}

async fn create_user(client: &Client, name: &str, password: &str) -> Result<()> {
    let mut request = new_user(name, password, "");
    if let Some(user) = request.user.as_mut() {
        user.authenticator = SCRAM.into();
    }
    client.users().create(request).await?;
    Ok(())
}

/// A cluster with a SCRAM authenticator and the user `ann`, whose password is `secret`.
pub(crate) async fn start(options: Options) -> Result<(Cluster, Vec<Client>)> {
    let cluster = options.start().await?;
    let mut clients = Vec::new();
    for id in cluster.ids() {
        clients.push(cluster.client(id).await?);
    }
    let client = clients.first().context("no node")?;
    create_scram(client, "sha256").await?;
    create_user(client, "ann", "secret").await?;
    wait_for("the keys of the cluster", PATIENCE, async || {
        let status = client
            .authenticators()
            .get_status(v1::GetAuthenticatorStatusRequest {
                id: SCRAM.into(),
                ..Default::default()
            })
            .await?;
        Ok((status.into_inner().status() == v1::authenticator_status::Status::Connected).then_some(()))
    })
    .await?;
    cluster.agree().await?;
    Ok((cluster, clients))
}

pub(crate) fn three() -> Options {
    Options::new(node_binary!(), 3)
}

/// `,s=…,i=…` of a challenge.
fn salt_of(exchange: &Exchange) -> Result<String> {
    let message = String::from_utf8(exchange.challenge.auth_data.to_vec())?;
    let (_, salt) = message.split_once(",s=").context("no salt")?;
    Ok(salt.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_may_begin_on_one_node_and_end_on_another() -> Result<()> {
    let (cluster, clients) = start(three()).await?;
    for (one, other) in [(0, 0), (0, 1), (1, 2), (2, 0)] {
        let begun = Exchange::begin(&clients[one], "SCRAM-SHA-256", "ann", "secret").await?;
        let answer = begun.finish(&clients[other]).await?;
        assert_eq!(answer.decision(), v1::Decision::Allow);
        assert_eq!(answer.authenticator, SCRAM);
        assert_eq!(
            answer.client_attrs.get("scram_username").map(String::as_str),
            Some("ann")
        );

        for (name, password) in [("ann", "wrong"), ("nobody", "secret")] {
            let begun = Exchange::begin(&clients[one], "SCRAM-SHA-256", name, password).await?;
            let answer = begun.finish(&clients[other]).await?;
            assert_eq!(
                (answer.decision(), answer.reason()),
                (v1::Decision::Deny, v1::Reason::ScramBadProof)
            );
            assert_eq!(&answer.auth_data[..], b"e=invalid-proof");
        }
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_algorithm_breaks_no_user() -> Result<()> {
    let (cluster, clients) = start(three()).await?;
    let update: v1::UpdateAuthenticatorRequest = message(json!({
        "authenticator": { "id": SCRAM, "settings": { "algorithm": "sha512", "iteration_count": 5000 } },
        "updateMask": { "paths": ["settings"] },
    }))?;
    clients[1].authenticators().update(update).await?;
    create_user(&clients[1], "bob", "paper").await?;
    cluster.agree().await?;
    for (mechanism, name, password) in [("SCRAM-SHA-256", "ann", "secret"), ("SCRAM-SHA-512", "bob", "paper")] {
        let begun = Exchange::begin(&clients[2], mechanism, name, password).await?;
        assert_eq!(
            begun.finish(&clients[0]).await?.decision(),
            v1::Decision::Allow,
            "{name}"
        );
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_outlives_its_leader() -> Result<()> {
    let (mut cluster, _) = start(three()).await?;
    let leader = cluster.leader().await?;
    let [one, other] = cluster.others(leader)[..] else {
        bail!("not three nodes");
    };
    let on_leader = Exchange::begin(&cluster.client(leader).await?, "SCRAM-SHA-256", "ann", "secret").await?;
    let mut on_follower = Exchange::begin(&cluster.client(one).await?, "SCRAM-SHA-256", "ann", "secret").await?;
    cluster.node_mut(leader)?.kill().await?;
    let client = cluster.client(other).await?;
    assert_eq!(on_leader.finish(&client).await?.decision(), v1::Decision::Allow);
    // Under the next leader, with nothing missing that was acknowledged under the last.
    cluster.leader_among(&[one, other]).await?;
    let mut last = on_follower.last_request()?;
    last.set_consistency(v1::Consistency::Linearizable);
    let answer = client.login().authenticate(last).await?.into_inner();
    assert_eq!(answer.decision(), v1::Decision::Allow);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_outlives_a_rotation_of_the_keys() -> Result<()> {
    let (cluster, clients) = start(three().set("cluster", "exchange_key_s", 15)).await?;
    let sealed_by = |exchange: &Exchange| exchange.challenge.exchange.get(1..5).map(<[u8]>::to_vec);
    // Just after a rotation, so that the next one comes within the exchange's life.
    let first = Exchange::begin(&clients[0], "SCRAM-SHA-256", "ann", "secret").await?;
    let begun = wait_for("a key of its own", PATIENCE, async || {
        let begun = Exchange::begin(&clients[0], "SCRAM-SHA-256", "ann", "secret").await?;
        Ok((sealed_by(&begun) != sealed_by(&first)).then_some(begun))
    })
    .await?;
    wait_for("the next key", PATIENCE, async || {
        let other = Exchange::begin(&clients[1], "SCRAM-SHA-256", "ann", "secret").await?;
        Ok((sealed_by(&other) != sealed_by(&begun)).then_some(()))
    })
    .await?;
    assert_eq!(begun.finish(&clients[1]).await?.decision(), v1::Decision::Allow);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_that_do_not_exist_are_challenged_alike_everywhere_and_for_ever() -> Result<()> {
    let (mut cluster, clients) = start(three()).await?;
    let mut salts = Vec::new();
    for client in &clients {
        salts.push(salt_of(
            &Exchange::begin(client, "SCRAM-SHA-256", "nobody", "x").await?,
        )?);
    }
    let id = cluster.follower().await?;
    cluster.node_mut(id)?.kill().await?;
    cluster.node_mut(id)?.start()?;
    cluster.node_ready(id).await?;
    let restarted = cluster.client(id).await?;
    salts.push(salt_of(
        &Exchange::begin(&restarted, "SCRAM-SHA-256", "nobody", "x").await?,
    )?);
    assert!(salts.iter().all(|salt| *salt == salts[0]), "{salts:?}");
    let known = salt_of(&Exchange::begin(&restarted, "SCRAM-SHA-256", "ann", "x").await?)?;
    assert_eq!(known.len(), salts[0].len());
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_fails_at_the_proof_and_a_state_is_used_once() -> Result<()> {
    let (cluster, clients) = start(three()).await?;
    let mut begun = Exchange::begin(&clients[0], "SCRAM-SHA-256", "ann", "secret").await?;
    let last = begun.last_request()?;
    let answer = clients[1].login().authenticate(last.clone()).await?.into_inner();
    assert_eq!(answer.decision(), v1::Decision::Allow);
    let again = clients[1].login().authenticate(last).await?.into_inner();
    assert_eq!(again.reason(), v1::Reason::ScramBadState);

    let delete = v1::DeleteUserRequest {
        authenticator: SCRAM.into(),
        user_id: "ann".into(),
        ..v1::DeleteUserRequest::default()
    };
    let mut begun = Exchange::begin(&clients[0], "SCRAM-SHA-256", "ann", "secret").await?;
    clients[1].users().delete(delete).await?;
    let mut last = begun.last_request()?;
    last.set_consistency(v1::Consistency::Linearizable);
    let answer = clients[2].login().authenticate(last).await?.into_inner();
    assert_eq!(answer.reason(), v1::Reason::ScramBadProof);
    assert!(
        delete_user(&clients[0], "ann").await.is_err(),
        "the other database has no such user"
    );
    // One allowed, one replayed and one without its user: a step that continues is no attempt of its own.
    wait_for("every attempt to be counted once", PATIENCE, async || {
        let total = fares(&clients[0], SCRAM).await?.total.unwrap_or_default();
        Ok(((total.total, total.success, total.failed) == (3, 1, 2)).then_some(()))
    })
    .await?;
    cluster.passed()
}
