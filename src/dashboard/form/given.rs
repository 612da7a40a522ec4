//! What a form sent.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};

use crate::dashboard::failure::Failure;

/// The pairs of a form, in their order. It may hold secrets, so it cannot be printed.
#[derive(Clone, Default)]
pub(in crate::dashboard) struct Given(Vec<(String, String)>);

impl Given {
    #[cfg(test)]
    pub(in crate::dashboard) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The first value of a name; empty if there is none.
    pub(in crate::dashboard) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(in crate::dashboard) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    pub(in crate::dashboard) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }
}

impl<S: Send + Sync> FromRequest<S> for Given {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|error| Failure::unreadable(error.body_text()))?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}
