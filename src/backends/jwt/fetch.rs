//! Fetches a key set over HTTP: little, soon, from nowhere else, or not at all.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::{Map, Value};

use crate::auth::Secret;
use crate::backends::fields::Fields;
use crate::backends::http::client::{self, NamedHeader, Unread};
use crate::backends::secrets::SecretSource;
use crate::backends::ssl::Ssl;

/// For everything together: name, connection, answer, redirects.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer.
const LONGEST: usize = 256 * 1024;
/// Redirects that are followed.
const MOST_REDIRECTS: usize = 3;

/// Where a key set is, and how it is asked for. Headers may hold credentials, so it cannot be printed.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: Url,
    headers: Vec<NamedHeader>,
    ssl: Ssl,
}

impl Endpoint {
    /// Reads `endpoint`, `headers` and `ssl`; `None` if a fault was noted.
    pub(super) fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let url = url(fields);
        let headers = headers(fields);
        let ssl = fields.within("ssl", Ssl::parse);
        Some(Self {
            url: url?,
            headers: headers?,
            ssl: ssl?,
        })
    }

    /// The address, for showing.
    pub(super) fn address(&self) -> &str {
        self.url.as_str()
    }

    /// Whether somebody on the way could put keys of his own in.
    pub(super) fn is_open_to_others(&self) -> bool {
        let local = ["localhost", "127.0.0.1", "[::1]"];
        let is_local = self.url.host_str().is_some_and(|host| local.contains(&host));
        !is_local && (self.url.scheme() == "http" || self.ssl.trusts_anybody)
    }
}

fn url(fields: &mut Fields<'_>) -> Option<Url> {
    let text = fields.needed_text("endpoint", "the address of the key set");
    if text.is_empty() {
        return None;
    }
    client::address(text).map_err(|why| fields.refuse("endpoint", why)).ok()
}

/// Names are kept in lower case, so that a secret that is sent back as it was shown finds its value.
fn headers(fields: &mut Fields<'_>) -> Option<Vec<NamedHeader>> {
    let mut filled = Map::new();
    let given = fields
        .get("headers")
        .cloned()
        .unwrap_or_else(|| Value::Object(Map::new()));
    let Value::Object(given) = given else {
        fields.refuse("headers", "must be an object of texts");
        return None;
    };
    let mut headers = Vec::new();
    for (name, value) in &given {
        match header(name, value) {
            Ok((name, text, source)) => {
                filled.insert(name.as_str().to_owned(), text.into());
                headers.push((name, source));
            }
            Err(why) => {
                let field = format!("{}.{name}", fields.path_of("headers"));
                fields.add_faults([crate::backends::Violation::new(field, why)]);
                return None;
            }
        }
    }
    if !filled.contains_key(ACCEPT.as_str()) {
        const JSON: &str = "application/json";
        filled.insert(ACCEPT.as_str().to_owned(), JSON.into());
        headers.push((ACCEPT, SecretSource::Given(Secret::new(JSON))));
    }
    fields.fill("headers", filled);
    Some(headers)
}

fn header<'a>(name: &str, value: &'a Value) -> Result<(HeaderName, &'a str, SecretSource), String> {
    let name = client::header_name(name)?;
    let text = value.as_str().ok_or("must be text")?;
    // Shown secrets that were not sent back to their own object.
    if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
        return Err("is hidden; give the value itself".to_owned());
    }
    HeaderValue::from_str(text).map_err(|_| "must be visible characters on one line")?;
    Ok((name, text, SecretSource::read(text)?))
}

/// A client of one endpoint.
pub(super) struct Fetcher {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

/// What an endpoint answered.
pub(super) enum Fetched {
    /// Nothing has changed.
    Same,
    /// A set, and what to name it by the next time.
    New { body: Vec<u8>, etag: Option<String> },
}

impl Fetcher {
    /// Opens nothing yet, but reads certificates and named headers: not to be called on the async threads.
    pub(super) fn new(endpoint: &Endpoint, secrets_dir: &Path) -> Result<Self, String> {
        let mut url = endpoint.url.clone();
        let mut headers = client::named_headers(&endpoint.headers, secrets_dir)?;
        let builder = client::client(&endpoint.ssl, secrets_dir, &mut url, &mut headers)?
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            // Minutes lie between two requests; a connection kept so long is mostly dead.
            .pool_max_idle_per_host(0)
            .redirect(Policy::custom(follow_at_home));
        Ok(Self {
            client: client::built(builder)?,
            url,
            headers,
        })
    }

    /// Asks once. Errors are for operators, and name neither headers nor what the endpoint sent.
    pub(super) async fn get(&self, etag: Option<&str>) -> Result<Fetched, String> {
        let mut request = self.client.get(self.url.clone()).headers(self.headers.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(told)?;
        match response.status() {
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Fetched::Same),
            StatusCode::OK => {}
            other => return Err(format!("the endpoint answered {}", other.as_u16())),
        }
        if !client::is_json(response.headers()) {
            return Err("the endpoint's answer is not JSON (`content-type`)".to_owned());
        }
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.filter(|etag| etag.len() <= 1024).map(str::to_owned);
        let body = body(response).await?;
        Ok(Fetched::New { body, etag })
    }
}

/// Redirects lead anywhere a fetched page says; keys come from the host that the settings name, or not at all.
fn follow_at_home(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let home = attempt.previous().first().map(Url::origin);
    if home != Some(attempt.url().origin()) {
        attempt.error("the endpoint redirects to another host")
    } else if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("the endpoint redirects too often")
    } else {
        attempt.follow()
    }
}

async fn body(response: Response) -> Result<Vec<u8>, String> {
    client::body(response, LONGEST).await.map_err(|unread| match unread {
        Unread::TooLong => "the endpoint's answer is longer than 256 KiB".to_owned(),
        Unread::Broken(why) => told(why),
    })
}

fn told(why: reqwest::Error) -> String {
    if why.is_timeout() {
        return format!("the endpoint did not answer within {PATIENCE:?}");
    }
    client::told(why)
}
