//! Somebody who looks at the dashboard without a browser: pages by their addresses, forms by their fields.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use crate::cluster::PATIENCE;

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number of the status.
    pub status: u16,
    /// Where it leads; empty if nowhere.
    pub location: String,
    /// The session that was set, as `name=value`; empty if none.
    pub session: String,
    /// What the next page is to say, as `name=value`; empty if nothing.
    pub said: String,
    /// The page.
    pub body: String,
}

impl Answer {
    /// What a hidden field of the page holds.
    pub fn hidden(&self, name: &str) -> Result<String> {
        let begin = format!("type=\"hidden\" name=\"{name}\" value=\"");
        let rest = self.body.split_once(&begin).map(|(_, rest)| rest);
        let value = rest.and_then(|rest| rest.split('"').next());
        let value = value.with_context(|| format!("no field `{name}` in {}", self.body))?;
        Ok(value
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"))
    }
}

/// Who looks, at which node, signed in or not.
#[derive(Clone, Debug)]
pub struct Visitor {
    client: Client,
    base: String,
    session: String,
    /// Up to where, as the last node has said; nodes share their cookies as they share a host.
    seen: Arc<Mutex<String>>,
}

impl Visitor {
    /// Somebody who is not signed in. `base` is `http://host:port`.
    pub fn at(base: impl Into<String>) -> Result<Self> {
        let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE).build()?;
        Ok(Self {
            client,
            base: base.into(),
            session: String::new(),
            seen: Arc::default(),
        })
    }

    /// The same person at another node.
    pub fn moved(&self, base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            ..self.clone()
        }
    }

    /// With this session.
    pub fn with(&self, session: &str) -> Self {
        Self {
            session: session.to_owned(),
            ..self.clone()
        }
    }

    /// The session, as `name=value`.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Signs in, as the form does.
    pub async fn signed_in(self, name: &str, password: &str) -> Result<Self> {
        let answer = self
            .post("/login", &[("username", name), ("password", password)])
            .await?;
        ensure!(
            answer.status == 303 && !answer.session.is_empty(),
            "{name} is not let in: {} {}",
            answer.status,
            answer.body
        );
        Ok(self.with(&answer.session))
    }

    /// A page.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        let request = self.client.get(format!("{}{path}", self.base));
        self.read(request.header(COOKIE, self.cookies()).send().await?).await
    }

    /// A page as it comes over the wire, packed if the server packs it.
    pub async fn bytes(&self, path: &str) -> Result<(String, Vec<u8>)> {
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .header("accept-encoding", "br");
        let answer = request.header(COOKIE, self.cookies()).send().await?;
        let packed = answer
            .headers()
            .get("content-encoding")
            .and_then(|value| value.to_str().ok());
        let packed = packed.unwrap_or_default().to_owned();
        Ok((packed, answer.bytes().await?.to_vec()))
    }

    /// Sends a form, as a page of the same node would.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        self.post_from(path, fields, &[("sec-fetch-site", "same-origin")]).await
    }

    /// Sends a form with these headers alone to say where it comes from.
    pub async fn post_from(&self, path: &str, fields: &[(&str, &str)], from: &[(&str, &str)]) -> Result<Answer> {
        let body: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let mut request = self.client.post(format!("{}{path}", self.base));
        for (name, value) in from {
            request = request.header(*name, *value);
        }
        let request = request
            .header(COOKIE, self.cookies())
            .header("content-type", "application/x-www-form-urlencoded");
        self.read(request.body(body.join("&")).send().await?).await
    }

    /// Sends a form with a file, as a page of the same node would.
    pub async fn upload(&self, path: &str, fields: &[(&str, &str)], file: (&str, &str)) -> Result<Answer> {
        const BETWEEN: &str = "between-the-fields-of-a-form";
        let (name, content) = file;
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!("--{BETWEEN}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += &format!("--{BETWEEN}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body += &format!("{content}\r\n--{BETWEEN}--\r\n");
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("sec-fetch-site", "same-origin")
            .header(COOKIE, self.cookies())
            .header("content-type", format!("multipart/form-data; boundary={BETWEEN}"));
        self.read(request.body(body).send().await?).await
    }

    /// Opens the stream of a page; it stays open as long as the answer lives.
    pub async fn listen(&self, topic: &str) -> Result<Response> {
        let request = self
            .client
            .get(format!("{}/ui/events?topic={}", self.base, encoded(topic)));
        let request = request.header("accept", "text/event-stream");
        Ok(request.header(COOKIE, self.cookies()).send().await?)
    }

    /// What a browser would send along: the session, and what it has seen.
    fn cookies(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = [self.session.as_str(), seen.as_str()].into_iter();
        kept.filter(|cookie| !cookie.is_empty()).collect::<Vec<_>>().join("; ")
    }

    async fn read(&self, answer: Response) -> Result<Answer> {
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let location = header(LOCATION).unwrap_or_default().to_owned();
        let set = answer.headers().get_all(SET_COOKIE).iter();
        let cookies: Vec<_> = set.filter_map(|value| value.to_str().ok()?.split(';').next()).collect();
        let cookie = |begin: &str| {
            let found = cookies.iter().find(|cookie| cookie.starts_with(begin));
            found.map_or_else(String::new, |cookie| (*cookie).to_owned())
        };
        let seen = cookie("__Host-seen=");
        if !seen.is_empty() {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        }
        Ok(Answer {
            status: answer.status().as_u16(),
            session: cookie("__Host-session="),
            said: cookie("__Host-said="),
            location,
            body: answer.text().await.context("the page broke off")?,
        })
    }
}

/// As it may stand in an address or a form.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let written = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(written).collect()
}
