//! What a page says once after a form was sent, and how to undo it: carried over the redirect in a cookie.

use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};

/// The cookie that carries it.
pub(super) const COOKIE: &str = "__Host-said";
/// Browsers keep no more in one cookie.
const LONGEST: usize = 3000;
/// Of a text that is too long for it, so many letters fit whatever they are.
const SHORT: usize = 360;
/// Longer than any redirect takes.
const KEPT: Duration = Duration::seconds(30);

/// What is said, and the form that takes it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) undo: Option<Undo>,
}

/// A form with hidden fields that takes something back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Undo {
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Said {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            undo: None,
        }
    }

    pub(super) fn with_undo(mut self, action: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.undo = Some(Undo {
            action: action.into(),
            fields: fields.iter().map(owned).collect(),
        });
        self
    }

    /// What the cookie says. Only paths of ours are acted upon.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut said: Self = serde_json::from_slice(&bytes).ok()?;
        said.undo = said
            .undo
            .filter(|undo| undo.action.starts_with('/') && !undo.action.starts_with("//"));
        Some(said)
    }

    /// As the cookie holds it: if not all of it, the text without the way back, and if need be only its beginning.
    fn written(&self) -> Option<String> {
        let beginning: String = self.text.chars().take(SHORT).collect();
        let without_undo = [self.text.clone(), format!("{beginning}…")].map(Self::new);
        self.packed().or_else(|| without_undo.iter().find_map(Self::packed))
    }

    fn packed(&self) -> Option<String> {
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        (text.len() <= LONGEST).then_some(text)
    }

    /// Goes on to another page, which says it.
    pub(super) fn then(self, address: &str) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(text) = self.written() {
            set(&mut headers, cookie(COOKIE, text, Some(KEPT)));
        }
        (headers, to(address)).into_response()
    }
}

/// Goes on to another page.
pub(super) fn to(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address.to_owned())]).into_response()
}

/// A cookie for this host alone, which scripts cannot read. `None`: until the browser is closed.
pub(super) fn cookie(name: &'static str, value: String, kept: Option<Duration>) -> Cookie<'static> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax);
    match kept {
        Some(kept) => cookie.max_age(kept).build(),
        None => cookie.build(),
    }
}

/// Takes a cookie away.
pub(super) fn forget(headers: &mut HeaderMap, name: &'static str) {
    set(headers, cookie(name, String::new(), Some(Duration::ZERO)));
}

/// Sets a cookie.
pub(super) fn set(headers: &mut HeaderMap, cookie: Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        headers.append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::{Said, URL_SAFE_NO_PAD, Undo};
    use base64::Engine as _;

    #[test]
    fn what_is_said_survives_the_cookie() {
        let said = Said::new("Moved “JWT” to 1 of 4.").with_undo("/authenticators/order", &[("order", "a b")]);
        assert_eq!(Said::read(&said.written().unwrap()), Some(said));
        assert_eq!(Said::read("no base64!"), None);
    }

    #[test]
    fn an_undo_leads_nowhere_else() {
        for action in ["https://evil.example/", "//evil.example/", "javascript:1"] {
            let undo = Some(Undo {
                action: action.into(),
                fields: vec![],
            });
            let text = serde_json::to_vec(&Said { text: "x".into(), undo });
            let read = Said::read(&URL_SAFE_NO_PAD.encode(text.unwrap())).unwrap();
            assert_eq!(read.undo, None, "{action}");
        }
    }

    #[test]
    fn what_no_cookie_holds_is_said_without_the_way_back_and_shortened() {
        let undo = [("order", &*"a ".repeat(3000))];
        let said = Said::new("Moved.").with_undo("/authenticators/order", &undo);
        assert_eq!(Said::read(&said.written().unwrap()), Some(Said::new("Moved.")));
        for letter in ["x", "\u{1}", "𝕏"] {
            let said = Said::read(&Said::new(letter.repeat(9000)).written().unwrap());
            let text = said.unwrap().text;
            assert!(text.starts_with(letter) && text.ends_with('…'), "{text}");
        }
    }
}
