//! What monitoring asks for over HTTP: `/metrics`, `/healthz`, `/readyz`.

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::routing::get;

use super::metrics::Sources;

type Answer = (StatusCode, [(HeaderName, String); 2], String);

/// The three of them. Nobody needs a key: they say nothing of users.
pub fn routes(sources: Sources) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .with_state(sources)
}

async fn metrics(State(sources): State<Sources>) -> Answer {
    match sources.scrape() {
        Ok((text, media_type)) => answer(StatusCode::OK, media_type, text),
        Err(why) => {
            tracing::error!(%why, "the metrics cannot be written");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written")
        }
    }
}

/// The process runs.
async fn healthy() -> Answer {
    plain(StatusCode::OK, "ok")
}

/// The node serves logins.
async fn ready(State(sources): State<Sources>) -> Answer {
    match sources.cluster.ready() {
        Ok(()) => plain(StatusCode::OK, "ready"),
        Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn plain(status: StatusCode, text: impl ToString) -> Answer {
    let line = format!("{}\n", text.to_string());
    answer(status, "text/plain; charset=utf-8".to_owned(), line)
}

fn answer(status: StatusCode, media_type: String, text: String) -> Answer {
    let headers = [(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store".to_owned())];
    (status, headers, text)
}
