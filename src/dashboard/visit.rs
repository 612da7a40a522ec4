//! Who looks at a page, and how it should look to them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, COOKIE, LOCATION, REFERER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cookie::Cookie;

use super::failure::Failure;
use super::origin::{self, changes};
use super::said::{self, Said};
use super::site::Site;
use crate::admin::{Intent, Role, SignedIn, Standing};

/// The cookie that holds a session. Its prefix binds it to this host and to secure connections.
pub(super) const SESSION: &str = "__Host-session";
/// The cookie that holds the theme.
pub(super) const THEME: &str = "theme";

/// The cookie that says whether single letters lead somewhere.
pub(super) const KEYS: &str = "keys";
/// They do not.
pub(super) const OFF: &str = "off";

/// Light, dark, or as the system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn of(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|theme| theme.word() == word)
            .unwrap_or_default()
    }
}

/// Who looks, signed in or not.
pub(super) struct Guest {
    pub(super) site: Site,
    pub(super) theme: Theme,
    /// Whether single letters lead somewhere.
    pub(super) has_keys: bool,
    /// What was said after the last form, once.
    pub(super) said: Option<Said>,
    /// Whether the browser will not keep a session, because the page came over plain HTTP from another machine.
    pub(super) is_exposed: bool,
    /// The page they are on: the one they ask for, or the one whose form they send.
    pub(super) page: String,
    /// Whether they send a form: to ask again for what it is answered with would send it again.
    pub(super) sends_form: bool,
}

impl FromRequestParts<Site> for Guest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        Ok(Self {
            site: site.clone(),
            theme: cookie(&parts.headers, THEME).map_or_else(Theme::default, |word| Theme::of(&word)),
            has_keys: cookie(&parts.headers, KEYS).is_none_or(|word| word != OFF),
            said: cookie(&parts.headers, said::COOKIE).and_then(|text| Said::read(&text)),
            is_exposed: origin::is_exposed(parts),
            page: page_of(parts),
            sends_form: changes(&parts.method),
        })
    }
}

/// An operator who is signed in, looking at a page.
pub(super) struct Visit {
    pub(super) guest: Guest,
    pub(super) signed: SignedIn,
    /// The session's secret, for what only its owner may do.
    pub(super) cookie: String,
    /// How this node stands in its cluster.
    pub(super) standing: Standing,
}

impl FromRequestParts<Site> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let Ok(guest) = Guest::from_request_parts(parts, site).await;
        let presented = cookie(&parts.headers, SESSION).unwrap_or_default();
        let Some(signed) = site.admin().session(&presented) else {
            return Err(to_sign_in(parts));
        };
        site.admin().renew(&presented).await;
        Ok(Self {
            guest,
            signed,
            cookie: presented,
            standing: site.admin().standing(),
        })
    }
}

impl Visit {
    pub(super) fn site(&self) -> &Site {
        &self.guest.site
    }

    pub(super) fn role(&self) -> Role {
        self.signed.account.role
    }

    /// Refuses who may not do this.
    pub(super) fn demand(&self, role: Role) -> Result<(), Failure> {
        if self.role() >= role {
            Ok(())
        } else {
            Err(Failure::forbidden(self.role(), role))
        }
    }

    /// Why a control is shown disabled: a role that does not suffice, or a node that cannot write.
    pub(super) fn obstacle(&self, role: Role) -> Option<String> {
        self.lacks(role).or_else(|| self.standing.why_not_writable())
    }

    /// Why a way is shown barred: a role that does not suffice.
    pub(super) fn lacks(&self, role: Role) -> Option<String> {
        let (yours, needed) = (role_word(self.role()), role_word(role));
        (self.role() < role).then(|| format!("Your role is {yours}; this needs {needed}."))
    }

    /// What this operator intends, at whatever revision.
    pub(super) fn intent(&self) -> Intent {
        self.intent_at(None)
    }

    /// What this operator intends, if nothing has changed since.
    pub(super) fn intent_at(&self, if_revision: Option<u64>) -> Intent {
        Intent {
            by: self.signed.account.name.clone(),
            request_id: String::new(),
            if_revision,
        }
    }
}

pub(super) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Viewer => "viewer",
        Role::Editor => "editor",
        Role::Admin => "admin",
    }
}

/// Forms come from our own pages alone, and a browser says from which. Without that, the form's own address leads to the page above.
fn page_of(parts: &Parts) -> String {
    let address = |uri: &Uri| uri.path_and_query().map(|path| path.as_str().to_owned());
    let asked = address(&parts.uri).unwrap_or_else(|| "/".to_owned());
    if !changes(&parts.method) {
        return asked;
    }
    let from = parts.headers.get(REFERER).and_then(|from| from.to_str().ok());
    let from: Option<Uri> = from.and_then(|from| from.parse().ok());
    let from = from.as_ref().and_then(address).filter(|page| !page.starts_with("//"));
    from.unwrap_or(asked)
}

/// A form that was sent too late comes back to the page it was on.
fn to_sign_in(parts: &Parts) -> Response {
    let wants_stream = parts
        .headers
        .get(ACCEPT)
        .is_some_and(|accept| accept == "text/event-stream");
    if wants_stream {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let page = page_of(parts);
    let next = percent_encoding::utf8_percent_encode(&page, percent_encoding::NON_ALPHANUMERIC);
    (StatusCode::SEE_OTHER, [(LOCATION, format!("/login?next={next}"))]).into_response()
}

/// The value of a cookie that the browser sent.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let sent = headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    sent.flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;

    use super::{COOKIE, HeaderMap, Theme, cookie, page_of};

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=1; theme=dark; b=2".parse().unwrap());
        assert_eq!(cookie(&headers, "theme").as_deref(), Some("dark"));
        assert_eq!(cookie(&headers, "session"), None);
    }

    #[test]
    fn a_theme_that_nobody_knows_is_the_system_s() {
        assert_eq!(Theme::of("dark"), Theme::Dark);
        assert_eq!(Theme::of("\"><script>"), Theme::Auto);
    }

    #[test]
    fn a_form_is_sent_from_a_page_of_ours() {
        let page = |method: &str, uri: &str, from: &str| {
            let request = Request::builder().method(method).uri(uri).header("referer", from);
            page_of(&request.body(()).unwrap().into_parts().0)
        };
        let settings = "/authenticators/jwt/settings?chain=tcp:x";
        let apply = "/authenticators/jwt/settings/apply?chain=tcp:x";
        let review = "/authenticators/jwt/settings/review?chain=tcp:x&draft=7";
        assert_eq!(page("GET", settings, "http://n1/cluster"), settings);
        assert_eq!(page("POST", settings, ""), settings);
        assert_eq!(page("POST", apply, &format!("https://n1:7602{review}")), review);
        assert_eq!(page("POST", apply, "http://n1//evil.example/"), apply);
    }
}
