//! Shows the server a token that another one gives out for the operator's credentials (RFC 6749 §4.4).

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::client::{self, Unread};
use crate::auth::{ProviderError, Reason, Secret};
use crate::backends::Violation;
use crate::backends::fields::Fields;
use crate::backends::json::object;
use crate::backends::secrets::{self, SecretSource};
use crate::backends::ssl::Ssl;

const LONGEST: usize = 64 << 10;
const WAITS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
const DEFAULT_WAIT: Duration = Duration::from_secs(5);
/// Of a token that does not say how long it lives.
const ASSUMED_LIFE: Duration = Duration::from_secs(15);
/// A failure is the answer for all who ask within this time.
const FAILURE_LASTS: Duration = Duration::from_secs(1);

/// How a token is come by.
#[derive(Clone)]
pub(in crate::backends) struct Grant {
    endpoint: Url,
    client_id: String,
    client_secret: SecretSource,
    scope: String,
    timeout: Duration,
    ssl: Ssl,
}

impl Grant {
    /// Reads the object at `path`; nothing if it is not enabled.
    pub(super) fn parse(path: &str, given: &Value) -> Result<(Option<Self>, Value), Vec<Violation>> {
        let mut fields = Fields::of(path, given).map_err(|fault| vec![fault])?;
        if !fields.flag("enable", false) {
            fields.leave_out(&[
                "grant_type",
                "token_endpoint",
                "client_id",
                "client_secret",
                "scope",
                "timeout",
                "ssl",
            ]);
            return fields.finish().map(|filled| (None, filled.into()));
        }
        fields.word("grant_type", &[("client_credentials", ())], ());
        let endpoint = fields.needed_text("token_endpoint", "the address of the server that gives tokens out");
        let endpoint = client::address(endpoint);
        if let Err(why) = &endpoint {
            fields.refuse("token_endpoint", why.clone());
        }
        let client_id = fields
            .needed_text("client_id", "as whom the token is asked for")
            .to_owned();
        let client_secret = SecretSource::parse(&mut fields, "client_secret");
        if client_secret.is_none() {
            fields.refuse("client_secret", "is required: the secret of that client");
        }
        let scope = fields.text("scope").unwrap_or_default().to_owned();
        let timeout = fields.duration_or("timeout", WAITS, DEFAULT_WAIT);
        let ssl = fields.within("ssl", Ssl::parse);
        let filled = fields.finish()?;
        let (Ok(endpoint), Some(client_secret), Some(ssl)) = (endpoint, client_secret, ssl) else {
            return Err(vec![Violation::new(path, "is incomplete")]);
        };
        let grant = Self {
            endpoint,
            client_id,
            client_secret,
            scope,
            timeout,
            ssl,
        };
        Ok((Some(grant), filled.into()))
    }

    fn form(&self, secret: &Secret) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", &String::from_utf8_lossy(secret.expose()));
        if !self.scope.is_empty() {
            form.append_pair("scope", &self.scope);
        }
        form.finish()
    }

    pub(super) fn schema() -> Value {
        let plain =
            |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
        json!({
            "title": "OAuth 2.0",
            "description": "Shows the server an access token that is asked for with client credentials and renewed in time.",
            "type": "object",
            "properties": {
                "enable": {
                    "title": "Enable OAuth 2.0",
                    "description": "Whether a token is shown.",
                    "type": "boolean",
                    "default": false,
                },
                "grant_type": {
                    "title": "Grant type",
                    "description": "How the token is asked for.",
                    "enum": ["client_credentials"],
                    "default": "client_credentials",
                },
                "token_endpoint": plain("Token endpoint", "Address of the server that gives tokens out."),
                "client_id": plain("Client ID", "As whom the token is asked for."),
                "client_secret": secrets::schema("Client secret", "The secret of that client."),
                "scope": plain("Scope", "What the token is to be good for; empty: what the server thinks fit."),
                "timeout": {
                    "title": "Timeout",
                    "description": "How long asking for a token may take. A number of seconds, or a time like `1m30s`.",
                    "anyOf": [{"type": "number"}, {"type": "string"}],
                    "default": DEFAULT_WAIT.as_secs(),
                },
                "ssl": Ssl::schema(),
            },
            "additionalProperties": false,
        })
    }
}

/// Tokens of one authenticator on this node. Whoever needs one while there is none asks for it, and the others wait.
pub(super) struct Tokens {
    client: Client,
    grant: Grant,
    secrets_dir: PathBuf,
    fixed: HeaderMap,
    held: Mutex<Option<Held>>,
}

struct Held {
    /// The header, or why there is none.
    bearer: Result<HeaderValue, ProviderError>,
    until: Instant,
}

impl Tokens {
    pub(super) fn new(mut grant: Grant, secrets_dir: &Path) -> Result<Self, String> {
        let mut fixed = HeaderMap::new();
        let builder = client::client(&grant.ssl, secrets_dir, &mut grant.endpoint, &mut fixed)?
            .timeout(grant.timeout)
            .pool_max_idle_per_host(0);
        Ok(Self {
            client: client::built(builder)?,
            grant,
            secrets_dir: secrets_dir.to_owned(),
            fixed,
            held: Mutex::new(None),
        })
    }

    /// The value of the `authorization` header.
    pub(super) async fn bearer(&self) -> Result<HeaderValue, ProviderError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| Instant::now() < held.until) {
            return held.bearer.clone();
        }
        let fetched = self.fetch().await;
        let (bearer, lasts) = match fetched {
            Ok((bearer, lasts)) => (Ok(bearer), lasts),
            Err(why) => {
                let error = ProviderError::new(Reason::BackendUnavailable, format!("there is no access token: {why}"));
                (Err(error), FAILURE_LASTS)
            }
        };
        let until = Instant::now() + lasts;
        *held = Some(Held {
            bearer: bearer.clone(),
            until,
        });
        bearer
    }

    /// A token, and how long it is used: three quarters of its life.
    async fn fetch(&self) -> Result<(HeaderValue, Duration), String> {
        let secret = self.grant.client_secret.resolve(&self.secrets_dir)?;
        let request = self
            .client
            .post(self.grant.endpoint.clone())
            .headers(self.fixed.clone())
            .header(ACCEPT, "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(self.grant.form(&secret));
        let response = request.send().await.map_err(client::told)?;
        if response.status() != StatusCode::OK {
            return Err(format!("its server answered {}", response.status().as_u16()));
        }
        let body = client::body(response, LONGEST).await.map_err(|unread| match unread {
            Unread::TooLong => "its server's answer is longer than 64 KiB".to_owned(),
            Unread::Broken(why) => client::told(why),
        })?;
        let answer = object(&body).map_err(|_| "its server's answer is no JSON object".to_owned())?;
        let token = answer.get("access_token").and_then(Value::as_str).unwrap_or_default();
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .ok()
            .filter(|_| !token.is_empty())
            .ok_or_else(|| "its server's answer has no `access_token`".to_owned())?;
        bearer.set_sensitive(true);
        let life = answer
            .get("expires_in")
            .and_then(Value::as_u64)
            .map(Duration::from_secs);
        Ok((bearer, life.unwrap_or(ASSUMED_LIFE).mul_f64(0.75)))
    }
}
