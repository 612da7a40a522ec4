//! `password_based:redis`: accounts in Redis, whose passwords are checked here.

use std::sync::Arc;

use serde_json::Value;

use super::command::Command;
use super::servers::Servers;
use super::settings::{ASK, RedisSettings, schemas};
use crate::auth::{AuthenticatorKey, Credentials, ProviderError, Reason};
use crate::backends::backend::{Backend, Context, Opened, unusable};
use crate::backends::reach::Source;
use crate::backends::remote::{Answer, Remote, schema};
use crate::backends::template::Placeholder;
use crate::hash::Algorithm;

pub(in crate::backends) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "redis",
    title: "Redis",
    needs_password: true,
    schema: || {
        schema(
            "Redis",
            "Accounts in Redis: one server, a master that sentinels name, or a cluster. It is tried by the stored command without values.",
            schemas(),
            ASK,
            true,
        )
    },
    check: |settings| RedisSettings::parse(settings).map(|(_, filled)| Value::Object(filled)),
    password_algorithm: |_| None,
    asks_elsewhere: |_| true,
    open,
};

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = RedisSettings::parse(settings).map_err(unusable)?;
    let servers = Servers::new(&settings, context)
        .map_err(|why| ProviderError::new(Reason::BackendUnavailable, format!("TLS cannot be set up: {why}")))?;
    let source = Accounts {
        servers,
        command: settings.command,
        algorithm: settings.passwords.algorithm.clone(),
    };
    let remote = Remote::open(key, source, &settings.reach, Some(settings.passwords), context)?;
    Ok(Arc::new(remote))
}

struct Accounts {
    servers: Servers,
    command: Command,
    algorithm: Algorithm,
}

impl Source for Accounts {
    type Answer = Answer;

    fn inputs(&self) -> Vec<Placeholder> {
        self.command.inputs()
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Answer, ProviderError> {
        let asked = self.servers.ask(&self.command, credentials).await;
        let reply = asked.map_err(|trouble| trouble.error)?;
        Answer::of(self.command.read(reply)?, "key", &self.algorithm, credentials)
    }

    fn turns_away(answer: &Answer) -> bool {
        answer.turns_away()
    }

    async fn probe(&self) -> Result<(), String> {
        let probed = self.servers.probe(&self.command).await;
        probed.map_err(|trouble| trouble.error.detail)
    }
}
