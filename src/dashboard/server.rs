//! Which page has which address.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use super::failure::{self, Failure};
use super::site::{Parts, Site};
use super::{assets, origin, sign_in};

/// Forms are small. Uploads say otherwise for themselves.
const LARGEST_FORM: usize = 256 * 1024;

/// Every page, behind what guards them all.
pub fn routes(parts: Parts) -> Router {
    let site = Site::new(parts);
    Router::new()
        .route("/", get(sign_in::home))
        .route("/login", get(sign_in::form).post(sign_in::sign_in))
        .route("/setup", get(sign_in::setup_form).post(sign_in::set_up))
        .route("/logout", post(sign_in::sign_out))
        .route("/assets/{build}/{name}", get(assets::get))
        .fallback(no_such_page)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(from_fn(origin::guard))
        .layer(from_fn_with_state(site.clone(), failure::dress))
        .layer(from_fn(origin::headers))
        .with_state(site)
}

async fn no_such_page() -> Result<Response, Failure> {
    Err(Failure::no_such_page())
}
