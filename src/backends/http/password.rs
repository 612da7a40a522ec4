//! `password_based:http`: a server that decides by itself.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::request::{Requests, Unfit};
use super::response::{object, refused};
use super::settings::{ASK, HttpSettings, schemas};
use crate::auth::{AuthenticatorKey, Credentials, Finding, ProviderError, Reason, Verdict};
use crate::backends::account::identity;
use crate::backends::backend::{Backend, Context, Opened, Violation, unusable};
use crate::backends::fields::Fields;
use crate::backends::reach::Source;
use crate::backends::remote::{Answer, Remote, schema};
use crate::backends::template::Placeholder;

pub(in crate::backends) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "http",
    title: "HTTP server",
    // It may decide by something else that the client brings.
    needs_password: false,
    schema: || {
        schema(
            "HTTP server",
            "A server that is sent what the settings say and answers 200 with `result` (`allow`, `deny` or `ignore`) as JSON or a form, or 204 for yes. Anything else is a failure. It is tried by the same request without values, to which any answer but its own trouble is right.",
            schemas(),
            ASK,
            false,
        )
    },
    check: |settings| parse(settings).map(|(_, filled)| Value::Object(filled)),
    password_algorithm: |_| None,
    asks_elsewhere: |_| true,
    open,
};

fn parse(settings: &Value) -> Result<(HttpSettings, Map<String, Value>), Vec<Violation>> {
    let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
    let settings = HttpSettings::parse(&mut fields);
    let filled = fields.finish()?;
    let settings = settings.ok_or_else(|| vec![Violation::new("settings", "are incomplete")])?;
    Ok((settings, filled))
}

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = parse(settings).map_err(unusable)?;
    let requests = requests(&settings, context)?;
    let source = Judge { requests };
    Ok(Arc::new(Remote::open(key, source, &settings.reach, None, context)?))
}

/// The server of these settings, ready to be asked.
pub(in crate::backends) fn requests(settings: &HttpSettings, context: &Context) -> Result<Requests, ProviderError> {
    let HttpSettings { server, reach } = settings;
    Requests::new(server.clone(), reach.times, reach.pool_size(), &context.secrets_dir)
        .map_err(|why| ProviderError::new(Reason::BackendUnavailable, why))
}

struct Judge {
    requests: Requests,
}

impl Source for Judge {
    type Answer = Answer;

    fn inputs(&self) -> Vec<Placeholder> {
        self.requests.inputs()
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Answer, ProviderError> {
        match self.requests.send(credentials).await? {
            Ok(response) => judged(object(response, &credentials.notes).await?.as_ref()),
            Err(Unfit(why)) => Ok(Answer::Judged(Verdict::Deny(
                Finding::new(Reason::NotAuthorized, why).into(),
            ))),
        }
    }

    fn turns_away(answer: &Answer) -> bool {
        answer.turns_away()
    }

    async fn probe(&self) -> Result<(), String> {
        probe(&self.requests).await
    }
}

/// The request without values. What a server thinks of that says that it thinks.
pub(in crate::backends) async fn probe(requests: &Requests) -> Result<(), String> {
    let response = requests
        .send(&Credentials::default())
        .await
        .map_err(|error| error.detail)?;
    match response {
        Ok(response) => {
            let status = response.status();
            let is_opinion = status.is_success() || status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
            if is_opinion {
                Ok(())
            } else {
                Err(refused(status).detail)
            }
        }
        Err(Unfit(why)) => Err(why),
    }
}

/// EMQX's rules, but that what is not understood is a failure.
fn judged(answer: Option<&Map<String, Value>>) -> Result<Answer, ProviderError> {
    let nonsense = |why: &str| ProviderError::new(Reason::BackendBadResponse, why);
    let Some(answer) = answer else {
        return Ok(Answer::Judged(Verdict::Allow(Box::default())));
    };
    match answer.get("result") {
        None => Ok(Answer::Nobody),
        Some(Value::String(result)) => match result.as_str() {
            "allow" => Ok(Answer::Judged(Verdict::Allow(Box::new(identity(answer)?)))),
            "deny" => Ok(Answer::Judged(Verdict::deny(Reason::NotAuthorized))),
            "ignore" => Ok(Answer::Nobody),
            _ => Err(nonsense("`result` is none of allow, deny, ignore")),
        },
        Some(_) => Err(nonsense("`result` is no text")),
    }
}

#[cfg(test)]
mod tests;
