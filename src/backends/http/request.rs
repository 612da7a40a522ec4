//! One request: what the settings say, filled in with what a client brings.

use std::path::Path;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};

use super::client;
use super::oauth2::Tokens;
use super::place::{in_address, in_header, in_json, in_path, in_query};
use super::settings::{BodyKind, Method, Server};
use crate::auth::{Credentials, ProviderError, Reason};
use crate::backends::reach::Times;
use crate::backends::template::{Placeholder, Template, distinct};

/// What a client brings cannot be sent as the settings want it sent: nobody who is meant to be let in brings such a thing.
#[derive(Debug)]
pub(in crate::backends) struct Unfit(pub(in crate::backends) String);

/// A server, ready to be asked.
pub(in crate::backends) struct Requests {
    client: Client,
    server: Server,
    /// Headers of every request.
    fixed: HeaderMap,
    tokens: Option<Tokens>,
}

impl Requests {
    /// Opens nothing yet, but reads certificates and named headers: not to be called on the async threads.
    pub(in crate::backends) fn new(
        mut server: Server,
        times: Times,
        pool_size: usize,
        secrets_dir: &Path,
    ) -> Result<Self, String> {
        let mut fixed = client::named_headers(&server.named_headers, secrets_dir)?;
        let builder = client::client(&server.ssl, secrets_dir, &mut server.base, &mut fixed)?
            .connect_timeout(times.connect)
            .timeout(times.ask)
            .pool_idle_timeout(server.idle)
            .pool_max_idle_per_host(if server.idle.is_zero() { 0 } else { pool_size });
        let tokens = server
            .grant
            .take()
            .map(|grant| Tokens::new(grant, secrets_dir))
            .transpose()?;
        Ok(Self {
            client: client::built(builder)?,
            server,
            fixed,
            tokens,
        })
    }

    /// What of a client goes into a request.
    pub(in crate::backends) fn inputs(&self) -> Vec<Placeholder> {
        let Server {
            path,
            query,
            headers,
            body,
            ..
        } = &self.server;
        let named = headers.iter().chain(body).map(|(_, template)| template);
        let templates = std::iter::once(path).chain(query).chain(named);
        distinct(templates.flat_map(Template::placeholders))
    }

    /// Asks about a client. An inner error is the client's own doing.
    pub(in crate::backends) async fn send(
        &self,
        credentials: &Credentials,
    ) -> Result<Result<Response, Unfit>, ProviderError> {
        let (url, headers, body) = match self.prepared(credentials) {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let request = match self.server.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url).body(body),
        };
        let mut request = request.headers(headers);
        if let Some(tokens) = &self.tokens {
            request = request.header(AUTHORIZATION, tokens.bearer().await?);
        }
        request.send().await.map(Ok).map_err(failed)
    }

    fn prepared(&self, credentials: &Credentials) -> Result<(Url, HeaderMap, Vec<u8>), Unfit> {
        let Server {
            method,
            base,
            path,
            query,
            body,
            body_kind,
            ..
        } = &self.server;
        let mut address = in_path(path, credentials)?;
        let mut parameters = match query {
            Some(query) => in_address(query, credentials)?,
            None => String::new(),
        };
        if *method == Method::Get {
            in_query(&mut parameters, body, credentials);
        }
        if !parameters.is_empty() {
            address.push('?');
            address.push_str(&parameters);
        }
        let url = base
            .join(&address)
            .map_err(|_| Unfit("no address can be made of its values".to_owned()))?;
        let body = match (method, body_kind) {
            (Method::Get, _) => Vec::new(),
            (Method::Post, BodyKind::Json) => in_json(body, credentials)?,
            (Method::Post, BodyKind::Form) => {
                let mut form = String::new();
                in_query(&mut form, body, credentials);
                form.into_bytes()
            }
        };
        Ok((url, self.headers(credentials)?, body))
    }

    fn headers(&self, credentials: &Credentials) -> Result<HeaderMap, Unfit> {
        let mut headers = self.fixed.clone();
        for (name, template) in &self.server.headers {
            let value: HeaderValue = in_header(name, template, credentials)?;
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                headers.insert(name, value);
            }
        }
        Ok(headers)
    }
}

/// A request without an answer.
pub(super) fn failed(why: reqwest::Error) -> ProviderError {
    let reason = if why.is_timeout() {
        Reason::BackendTimeout
    } else {
        Reason::BackendUnavailable
    };
    ProviderError::new(reason, client::told(why))
}
