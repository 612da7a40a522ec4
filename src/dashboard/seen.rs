//! Whoever has changed something at one node sees it on the next page, whichever node draws that.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use cookie::time;

use super::origin::changes;
use super::said;
use super::site::Site;
use super::visit::cookie;

/// The cookie that says which revision a browser has seen.
const COOKIE: &str = "__Host-seen";
/// No node that can catch up lags longer.
const KEPT: time::Duration = time::Duration::seconds(30);
/// A page does not wait longer: what it says of this node tells why.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits until this node has applied what the browser has seen, and tells the browser what a form has led to.
pub(super) async fn keep_up(State(site): State<Site>, request: Request, next: Next) -> Response {
    let seen = cookie(request.headers(), COOKIE).and_then(|revision| revision.parse().ok());
    let shows_state = !request.uri().path().starts_with("/assets/");
    if let Some(revision) = seen.filter(|_| shows_state) {
        site.admin().catch_up(revision, PATIENCE).await;
    }
    let changes = changes(request.method());
    let mut response = next.run(request).await;
    if changes {
        let revision = site.admin().revision().to_string();
        said::set(response.headers_mut(), said::cookie(COOKIE, revision, Some(KEPT)));
    }
    response
}
