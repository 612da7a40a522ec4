//! Search from anywhere: pages, authenticators, and users whose names begin so.

use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses;
use super::failure::Failure;
use super::visit::Visit;
use crate::admin::UserListRequest;

const MOST_USERS: i32 = 5;
const MOST: usize = 12;

static PAGES: &[(&str, &str)] = &[
    ("/authenticators", "Authenticators"),
    ("/authenticators/new", "Add authenticator"),
    ("/users", "Users"),
    ("/try", "Try a login"),
    ("/cluster", "Cluster"),
    ("/operators", "Operators"),
    ("/settings", "Settings"),
    ("/account", "Your account"),
    ("/help", "Help"),
];

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

/// `GET /ui/palette?q=…`: a list of links, as a piece of a page.
pub(super) async fn search(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let wanted = asked.q.trim().to_lowercase();
    let fits = |name: &str| name.to_lowercase().contains(&wanted);
    let admin = visit.site().admin();
    let mut found: Vec<(String, String, &str)> = PAGES
        .iter()
        .filter(|(_, name)| fits(name))
        .map(|(address, name)| ((*address).to_owned(), (*name).to_owned(), "page"))
        .collect();
    let views = admin.chains().into_iter().flat_map(|chain| admin.chain_status(&chain));
    let mut keepers = Vec::new();
    for (view, _) in views {
        let key = view.record.key;
        if fits(&key.id) {
            found.push((addresses::authenticator(&key, ""), key.id.clone(), "authenticator"));
        }
        if view.keeps_users {
            keepers.push(key);
        }
    }
    if !wanted.is_empty() {
        for owner in keepers {
            let request = UserListRequest {
                chain: owner.chain.clone(),
                authenticator: owner.id.clone(),
                prefix: asked.q.trim().to_owned(),
                page_size: MOST_USERS,
                ..UserListRequest::default()
            };
            let users = admin.users_here(request).await?.users;
            let row = |name: String| (addresses::user(&owner, &name, ""), name, "user");
            found.extend(users.into_iter().map(|user| row(user.key.user_id)));
        }
    }
    found.truncate(MOST);
    Ok(drawn(&found).into_response())
}

fn drawn(found: &[(String, String, &str)]) -> Markup {
    html! {
        ul.options id="options" role="listbox" aria-label="Results" {
            @for (at, (address, name, what)) in found.iter().enumerate() {
                li role="option" id={ "option-" (at) } aria-selected=(at == 0) data-to=(address) { (name) " " span.muted.small { (what) } }
            }
            @if found.is_empty() { li role="option" aria-disabled="true" aria-selected="false" { "Nothing is called that." } }
        }
    }
}
