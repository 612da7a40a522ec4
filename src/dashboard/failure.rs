//! What went wrong with a request, as a page that says what to do.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::page::alone;
use super::site::Site;
use super::visit::{Guest, role_word};
use crate::admin::{AdminError, Role};

/// What went wrong. Its page is drawn by [`dress`], which knows how the browser wants it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    status: StatusCode,
    title: String,
    what: String,
    advice: &'static str,
}

impl Failure {
    fn new(status: StatusCode, title: &str, what: impl Into<String>, advice: &'static str) -> Self {
        Self {
            status,
            title: title.to_owned(),
            what: what.into(),
            advice,
        }
    }

    /// There is no such page.
    pub(super) fn no_such_page() -> Self {
        let what = "There is no page at this address.";
        Self::new(
            StatusCode::NOT_FOUND,
            "Not found",
            what,
            "Look for it from the list of authenticators.",
        )
    }

    /// What was there is not kept any more.
    pub(super) fn gone(what: impl Into<String>) -> Self {
        Self::new(
            StatusCode::GONE,
            "Not kept any more",
            what,
            "Begin again from the list of authenticators.",
        )
    }

    /// A role that does not suffice.
    pub(super) fn forbidden(yours: Role, needed: Role) -> Self {
        let what = format!("Your role is {}; this needs {}.", role_word(yours), role_word(needed));
        let advice = "Ask an admin of this cluster for that role.";
        Self::new(StatusCode::FORBIDDEN, "Not allowed", what, advice)
    }

    /// A request that a page of another site caused.
    pub(super) fn foreign_origin() -> Self {
        let what = "This request did not come from a page of this node, so nothing was done.";
        let advice = "Open the page at this node's own address and try again.";
        Self::new(StatusCode::FORBIDDEN, "Not from here", what, advice)
    }

    /// A form that cannot be read.
    pub(super) fn unreadable(what: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Cannot be read",
            what,
            "Go back, reload the page and try again.",
        )
    }

    /// There is no room for what was sent.
    pub(super) fn no_room(what: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "No room",
            what,
            "Make room in the temporary folder of this node, or use another node.",
        )
    }

    /// Too many at once.
    pub(super) fn too_many(what: impl Into<String>) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many at once",
            what,
            "Wait a minute and try again.",
        )
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        use StatusCode as S;
        let (status, title, advice) = match &error {
            AdminError::NotFound { .. } => (
                S::NOT_FOUND,
                "Not found",
                "It may have been deleted. Look at the list again.",
            ),
            AdminError::AlreadyExists { .. } | AdminError::UserExists { .. } => (
                S::CONFLICT,
                "Already there",
                "Choose another name, or change the one that is there.",
            ),
            AdminError::RevisionMismatch { .. } => (
                S::PRECONDITION_FAILED,
                "Changed by somebody else",
                "Look at it as it is now, and try again.",
            ),
            AdminError::Invalid(_) => (S::UNPROCESSABLE_ENTITY, "Not saved", "Go back and correct it."),
            AdminError::Precondition(_) => (S::CONFLICT, "Not possible now", "Look at the cluster page."),
            AdminError::Unavailable { unknown: true, .. } => (
                S::SERVICE_UNAVAILABLE,
                "Perhaps saved",
                "It is not known whether this is saved; it may be yet. Look at it as it stands before you try again.",
            ),
            AdminError::Unavailable { .. } => (
                S::SERVICE_UNAVAILABLE,
                "Not saved",
                "Nothing can be changed until the cluster has a leader again. Try again in a moment.",
            ),
            AdminError::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "Too large", "Send less at once."),
            AdminError::Deadline(_) => (S::GATEWAY_TIMEOUT, "It took too long", "Try again in a moment."),
            AdminError::Internal(why) => {
                tracing::error!(%why, "a page of the dashboard failed");
                let what = "This node could not do that. Its log says why.";
                return Self::new(S::INTERNAL_SERVER_ERROR, "Something broke", what, "Try another node.");
            }
        };
        Self::new(status, title, capitalised(&error.to_string()), advice)
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What axum itself says of an address or a form that it cannot read: a line of plain text, as none of our pages are.
fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    let is_text = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    response.status().is_client_error() && is_text
}

/// Draws the page of what failed.
pub(super) async fn dress(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(guest) = Guest::from_request_parts(&mut parts, &site).await;
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let failure = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure,
        None if is_bare(&response) => Failure::unreadable("Something in the address or the form means nothing here."),
        None => return response,
    };
    let Failure {
        status,
        title,
        what,
        advice,
    } = failure;
    let page = alone(
        &guest,
        &title,
        html! {
            p { (what) }
            p.muted { (advice) }
            p { a.button href="/authenticators" { "Authenticators" } }
        },
    );
    (status, page).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use axum::extract::{FromRequestParts as _, Query};
    use axum::http::Request;

    use super::{AdminError, Failure, IntoResponse as _, StatusCode, capitalised, is_bare};

    #[test]
    fn a_page_says_what_failed_in_a_sentence() {
        let failure = Failure::from(AdminError::NotFound {
            kind: "user".into(),
            name: "ann".into(),
        });
        assert_eq!(failure.status, StatusCode::NOT_FOUND);
        assert_eq!(failure.what, "User `ann` does not exist.");
    }

    #[test]
    fn what_may_be_saved_is_not_called_unsaved() {
        let failure = |unknown| {
            Failure::from(AdminError::Unavailable {
                obstacle: crate::admin::Obstacle::NoQuorum,
                why: "no quorum".into(),
                retry_after: std::time::Duration::from_secs(1),
                unknown,
            })
        };
        assert_eq!(failure(false).title, "Not saved");
        assert_eq!(failure(true).title, "Perhaps saved");
        assert!(failure(true).advice.contains("before you try again"));
    }

    #[tokio::test]
    async fn what_axum_says_of_an_address_that_it_cannot_read_is_dressed_too() {
        let (mut parts, ()) = Request::get("/?revision=many").body(()).unwrap().into_parts();
        let read = Query::<HashMap<String, u64>>::from_request_parts(&mut parts, &()).await;
        assert!(is_bare(&read.unwrap_err().into_response()));
        assert!(!is_bare(&(StatusCode::OK, "fine").into_response()));
        assert!(!is_bare(&StatusCode::UNAUTHORIZED.into_response()));
    }

    #[test]
    fn what_broke_inside_stays_inside() {
        let failure = Failure::from(AdminError::Internal("/var/lib/secret: no such file".into()));
        assert!(!failure.what.contains("secret"), "{}", failure.what);
    }

    #[test]
    fn a_sentence_begins_with_a_capital() {
        assert_eq!(capitalised("élan"), "Élan.");
        assert_eq!(capitalised(""), ".");
    }
}
