//! HTTP clients as every backend uses them: little is taken from them, soon, and from nowhere else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, Url};

use crate::backends::secrets::SecretSource;
use crate::backends::ssl::Ssl;
use crate::net::deepest_cause;

/// Headers that belong to the connection, not to the request's meaning.
const NOT_OURS: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
];

/// Begins a client of one host; `url` and `headers` are changed where the host's certificate bears another name than its address. No
/// redirect is followed unless the caller says so. Reads certificates: not to be called on the async threads.
pub(in crate::backends) fn client(
    ssl: &Ssl,
    secrets_dir: &Path,
    url: &mut Url,
    headers: &mut HeaderMap,
) -> Result<ClientBuilder, String> {
    let builder = Client::builder()
        .no_proxy()
        .referer(false)
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none());
    let material = ssl.material(secrets_dir)?;
    let builder = material.apply(builder).map_err(|why| no_tls(&why))?;
    if ssl.server_name.is_empty() {
        return Ok(builder);
    }
    // The library asks for the name in the address: so the address gets the name, and the name the address's hosts.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    if let Ok(value) = HeaderValue::from_str(url.authority()) {
        headers.insert(HOST, value);
    }
    url.set_host(Some(&ssl.server_name))
        .map_err(|why| format!("`server_name_indication` is no name: {why}"))?;
    Ok(builder.dns_resolver(Arc::new(Elsewhere(host))))
}

/// Finishes it.
pub(in crate::backends) fn built(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|why| no_tls(&why))
}

fn no_tls(why: &reqwest::Error) -> String {
    format!("TLS cannot be set up: {}", deepest_cause(why))
}

/// What went wrong, for operators: names neither the address, which may hold what clients sent, nor headers.
pub(in crate::backends) fn told(why: reqwest::Error) -> String {
    deepest_cause(&why.without_url())
}

/// Reads the address of a server; credentials belong into headers, where they are hidden.
pub(in crate::backends) fn address(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
            Err("must begin with https:// or http://".to_owned())
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("must not hold credentials: give them as a header".to_owned())
        }
        Ok(url) => Ok(url),
        Err(why) => Err(format!("is no address: {why}")),
    }
}

/// The name of a header that may be set.
pub(in crate::backends) fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    let name: HeaderName = name.parse().map_err(|_| "is no name of a header")?;
    if NOT_OURS.contains(&name.as_str()) {
        return Err("cannot be set");
    }
    Ok(name)
}

/// A header whose value is a secret that the settings only name.
pub(in crate::backends) type NamedHeader = (HeaderName, SecretSource);

/// The headers that are named, as this node has them now. Reads files: not to be called on the async threads.
pub(in crate::backends) fn named_headers(named: &[NamedHeader], secrets_dir: &Path) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, source) in named {
        let secret = source.resolve(secrets_dir)?;
        let mut value = HeaderValue::from_bytes(secret.expose())
            .map_err(|_| format!("the secret for the header `{name}` has characters that no header can have"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The name of a secret that a header's value is, if it is one.
pub(in crate::backends) fn secret_named(text: &str) -> Result<Option<SecretSource>, String> {
    let source = SecretSource::read(text)?;
    Ok((!matches!(source, SecretSource::Given(_))).then_some(source))
}

/// Whether it is JSON by its type.
pub(in crate::backends) fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// What kind of text it says it is, without its parameters.
pub(in crate::backends) fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// The whole body, unless it is longer than that.
pub(in crate::backends) async fn body(mut response: Response, longest: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
        if body.len() + chunk.len() > longest {
            return Err(Unread::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Why a body is not there.
pub(in crate::backends) enum Unread {
    TooLong,
    Broken(reqwest::Error),
}

/// Resolves every name to one host's addresses.
struct Elsewhere(String);

impl Resolve for Elsewhere {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // The port is the address's; zero stands for it.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
