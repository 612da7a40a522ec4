//! What surrounds every answer: requests that another site caused are refused, and browsers are told to trust nothing but us.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, HOST, ORIGIN, STRICT_TRANSPORT_SECURITY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::failure::Failure;
use crate::net::IsTls;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types fragments";

static HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Refuses what another site caused, before anything else looks at it.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    if changes(request.method()) && !is_ours(request.headers()) {
        return Failure::foreign_origin().into_response();
    }
    next.run(request).await
}

/// Adds what every answer carries.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let is_secure = request.extensions().get::<IsTls>() == Some(&IsTls(true));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a request of that kind may change something.
pub(super) fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a page went over plain HTTP to another machine. Browsers send `Sec-Fetch-Site` only where they trust the way: TLS, in
/// front of this port too, and the machine itself.
pub(super) fn is_exposed(request: &Parts) -> bool {
    let is_tls = request.extensions.get::<IsTls>() == Some(&IsTls(true));
    let is_forwarded = request
        .headers
        .get(FORWARDED_PROTO)
        .is_some_and(|proto| proto == "https");
    !is_tls && !is_forwarded && !request.headers.contains_key(FETCH_SITE)
}

/// Browsers say where a request comes from, in one of two headers. Whoever says nothing is not our page.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(site) = text(FETCH_SITE) {
        return site == "same-origin";
    }
    match (text(ORIGIN), text(HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, IsTls, Method, Request, changes, is_exposed, is_ours};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_form_of_another_site_is_not_ours() {
        for (pairs, ours) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "http://n1:7602"), ("host", "n1:7602")], true),
            (&[("origin", "http://n1:7603"), ("host", "n1:7602")], false),
            (&[("origin", "null"), ("host", "n1:7602")], false),
            (&[("host", "n1:7602")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://n1"),
                    ("host", "n1"),
                ],
                false,
            ),
        ] {
            assert_eq!(is_ours(&headers(pairs)), ours, "{pairs:?}");
        }
    }

    #[test]
    fn a_browser_that_distrusts_the_way_keeps_no_session() {
        let exposed = |name: &str, value: &str, is_tls: bool| {
            let request = Request::builder().header(name, value).extension(IsTls(is_tls));
            is_exposed(&request.body(()).unwrap().into_parts().0)
        };
        assert!(exposed("host", "n1.example:7602", false));
        assert!(!exposed("host", "n1.example:7602", true));
        assert!(!exposed("sec-fetch-site", "none", false));
        assert!(!exposed("x-forwarded-proto", "https", false));
    }

    #[test]
    fn reading_changes_nothing() {
        assert!(!changes(&Method::GET) && !changes(&Method::HEAD));
        assert!(changes(&Method::POST) && changes(&Method::DELETE));
    }
}
