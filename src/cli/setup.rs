//! What is printed with a setup token: where the first account is made.

use http::Uri;

use super::args::Global;

/// Where nodes serve the dashboard, unless their configuration says otherwise.
const DEFAULT_PORT: u16 = 7602;

/// How to go on with a token.
pub(super) fn told(token: &str, page: &str) -> String {
    format!(
        "To make the first account, open {page} within 24 hours and give it this token, which counts once:\n{token}"
    )
}

/// The page on the node that is asked first.
pub(super) fn page(global: &Global) -> String {
    page_beside(global.endpoint.first().map_or("", String::as_str))
}

/// The page beside a gRPC address.
fn page_beside(endpoint: &str) -> String {
    let uri = endpoint.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or("127.0.0.1");
    page_at(&format!("{host}:{DEFAULT_PORT}"))
}

/// The page at that host:port.
pub(super) fn page_at(address: &str) -> String {
    format!("http://{address}/setup")
}

#[cfg(test)]
mod tests {
    use super::page_beside;

    #[test]
    fn the_page_is_on_the_host_that_was_asked() {
        assert_eq!(page_beside("http://127.0.0.1:7600"), "http://127.0.0.1:7602/setup");
        assert_eq!(page_beside("https://[fd00::1]:7600"), "http://[fd00::1]:7602/setup");
        assert_eq!(page_beside(""), "http://127.0.0.1:7602/setup");
    }
}
