//! Which page has which address.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::failure::{self, Failure};
use super::origin::changes;
use super::said::to;
use super::site::{Parts, Site};
use super::{
    account, assets, authenticator_settings, authenticators, chain_order, cluster, cluster_settings, help, history,
    import_pages, live, operator_deletion, operators, origin, overview, palette, seen, sign_in, try_login, user, users,
    wizard,
};

/// Forms are small. Uploads say otherwise for themselves.
const LARGEST_FORM: usize = 256 * 1024;

/// A third of a millisecond for a page; more would be slower than sending it.
const PAGE_COMPRESSION: i32 = 4;

/// Every page, behind what guards them all. Begins to keep the last hour of figures.
pub fn routes(parts: Parts) -> Router {
    let site = Site::new(parts);
    tokio::spawn(history::sample(site.clone()));
    Router::new()
        .merge(entrance())
        .merge(chain())
        .merge(one_authenticator())
        .merge(its_users(&site))
        .merge(the_rest())
        .fallback(no_such_page)
        .method_not_allowed_fallback(page_above)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(from_fn_with_state(site.clone(), seen::keep_up))
        .layer(from_fn(origin::guard))
        .layer(from_fn_with_state(site.clone(), failure::dress))
        .layer(from_fn(origin::headers))
        .layer(CompressionLayer::new().quality(CompressionLevel::Precise(PAGE_COMPRESSION)))
        .with_state(site)
}

fn entrance() -> Router<Site> {
    Router::new()
        .route("/", get(sign_in::home))
        .route("/login", get(sign_in::form).post(sign_in::sign_in))
        .route("/setup", get(sign_in::setup_form).post(sign_in::set_up))
        .route("/logout", post(sign_in::sign_out))
        .route("/assets/{build}/{name}", get(assets::get))
        .route("/ui/events", get(live::events))
        .route("/ui/palette", get(palette::search))
}

fn chain() -> Router<Site> {
    let last_step = get(wizard::form).post(wizard::submit);
    Router::new()
        .route("/authenticators", get(authenticators::list))
        .route("/authenticators/order", post(chain_order::reorder))
        .route("/authenticators/new", get(wizard::mechanisms))
        .route("/authenticators/new/{mechanism}", get(wizard::backends))
        .route("/authenticators/new/{mechanism}/{backend}", last_step)
        .route("/users", get(authenticators::users))
        .route("/try", get(try_login::form).post(try_login::submit))
}

fn one_authenticator() -> Router<Site> {
    use authenticator_settings as settings;
    Router::new()
        .route("/authenticators/{id}", get(overview::page))
        .route("/authenticators/{id}/reset", post(overview::reset))
        .route("/authenticators/{id}/purge", post(overview::purge))
        .route("/authenticators/{id}/enabled", post(authenticators::set_enabled))
        .route(
            "/authenticators/{id}/settings",
            get(settings::form).post(settings::submit),
        )
        .route("/authenticators/{id}/settings/review", get(settings::review))
        .route("/authenticators/{id}/settings/apply", post(settings::apply))
        .route("/authenticators/{id}/settings/merge", post(settings::merge))
        .route(
            "/authenticators/{id}/delete",
            get(settings::ask_to_delete).post(settings::delete),
        )
}

fn its_users(site: &Site) -> Router<Site> {
    let largest = usize::try_from(site.settings().max_upload_bytes).unwrap_or(usize::MAX);
    let upload = post(import_pages::upload).layer(DefaultBodyLimit::max(largest));
    Router::new()
        .route("/authenticators/{id}/users", get(users::list))
        .route("/authenticators/{id}/users/new", get(user::new).post(user::create))
        .route("/authenticators/{id}/users/restore", post(user::restore))
        .route("/authenticators/{id}/users/{user}", get(user::edit).post(user::update))
        .route("/authenticators/{id}/users/{user}/delete", post(user::delete))
        .route(
            "/authenticators/{id}/users/import",
            get(import_pages::form).merge(upload),
        )
        .route(
            "/authenticators/{id}/users/import/template.csv",
            get(import_pages::template),
        )
        .route("/authenticators/{id}/users/imports/{job}", get(import_pages::job))
        .route("/authenticators/{id}/users/imports/{job}/run", post(import_pages::run))
        .route(
            "/authenticators/{id}/users/imports/{job}/stop",
            post(import_pages::stop),
        )
        .route(
            "/authenticators/{id}/users/imports/{job}/rejected.csv",
            get(import_pages::rejected),
        )
}

fn the_rest() -> Router<Site> {
    let one_account = get(operators::account).post(operators::update_account);
    let delete_account = get(operator_deletion::ask_about_account).post(operator_deletion::delete_account);
    let delete_key = get(operator_deletion::ask_about_key).post(operator_deletion::delete_key);
    let one_node = get(cluster::ask_to_remove).post(cluster::remove);
    let leadership = get(cluster::ask_to_hand_over).post(cluster::hand_over);
    Router::new()
        .route("/cluster", get(cluster::page))
        .route("/cluster/promote", post(cluster::promote))
        .route("/cluster/snapshot", post(cluster::snapshot))
        .route("/cluster/nodes/{id}/hand-over", leadership)
        .route("/cluster/nodes/{id}/remove", one_node)
        .route("/operators", get(operators::page))
        .route("/operators/accounts", post(operators::add_account))
        .route("/operators/accounts/{name}", one_account)
        .route("/operators/accounts/{name}/delete", delete_account)
        .route("/operators/keys", post(operators::add_key))
        .route("/operators/keys/{id}/delete", delete_key)
        .route("/settings", get(cluster_settings::page).post(cluster_settings::save))
        .route("/account", get(account::page))
        .route("/account/theme", post(account::theme))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions", post(account::end_sessions))
        .route("/help", get(help::page))
        .route("/help/{kind}", get(help::kind))
}

async fn no_such_page() -> Result<Response, Failure> {
    Err(Failure::no_such_page())
}

/// What only takes forms is asked for after signing in too late for one. It belongs to the page above it.
async fn page_above(method: Method, uri: Uri) -> Result<Response, Failure> {
    let above = uri.path().rsplit_once('/').filter(|_| !changes(&method));
    let (above, _) = above.ok_or_else(Failure::no_such_page)?;
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    Ok(to(&format!("/{}{query}", above.trim_start_matches('/'))))
}
