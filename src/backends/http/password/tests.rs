//! Requests and answers, over real sockets.

mod answers;
mod failures;
mod memory;
mod requests;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::BACKEND;
use crate::auth::{Credentials, Health, Provider, ProviderError, ProviderStatus, Secret, TestClock, Verdict};
use crate::backends::stand::decider::{Decider, Reply, Request};
use crate::backends::stand::{context, key, says};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server and an authenticator that asks it.
struct House {
    server: Decider,
    provider: Arc<dyn Provider>,
    secrets: TempDir,
}

/// With more settings; the server's address is put before `url`'s path.
async fn house(decide: impl Fn(&Request) -> Reply + Send + Sync + 'static, more: Value) -> House {
    let server = Decider::start(decide).await.unwrap();
    let (clock, secrets) = (Arc::new(TestClock::at(1_700_000_000_000)), tempfile::tempdir().unwrap());
    std::fs::write(secrets.path().join("header"), "Bearer n4med\n").unwrap();
    let mut settings = json!({
        "method": "post",
        "url": "/auth",
        "body": {"username": "${username}", "password": "${password}"},
        "request_timeout": "2s",
    });
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    settings["url"] = format!("{}{}", server.url(), settings["url"].as_str().unwrap()).into();
    let settings = (BACKEND.check)(&settings).unwrap();
    let provider = (BACKEND.open)(&key(), &settings, &context(&clock, secrets.path())).unwrap();
    let house = House {
        server,
        provider,
        secrets,
    };
    house
        .health_when(|health| health.status != ProviderStatus::Connecting)
        .await;
    house
}

impl House {
    async fn health_when(&self, holds: impl Fn(&Health) -> bool) -> Health {
        let end = Instant::now() + PATIENCE;
        loop {
            let health = self.provider.health();
            if holds(&health) {
                return health;
            }
            assert!(Instant::now() < end, "still {health:?}");
            tokio::task::yield_now().await;
        }
    }

    async fn answer(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        self.provider.authenticate(credentials).await
    }

    async fn says_of(&self, name: &str, password: &str) -> String {
        says(&*self.provider, &client(name, password)).await
    }

    /// Those about clients: a probe's request has no values.
    fn asked(&self) -> Vec<Request> {
        let is_probe = |request: &Request| request.text().contains(r#""username":"""#);
        let mut requests = self.server.requests();
        requests.retain(|request| !is_probe(request));
        requests
    }
}

fn client(name: &str, password: &str) -> Credentials {
    Credentials {
        username: name.to_owned(),
        client_id: "c1".to_owned(),
        password: Some(Secret::new(password)),
        peer_host: "10.0.0.7".to_owned(),
        ..Credentials::default()
    }
}
