//! Search from anywhere: pages, authenticators, and users whose names begin so.

use axum::extract::Query;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses;
use super::failure::Failure;
use super::marks::contained;
use super::visit::Visit;
use crate::admin::{Role, UserListRequest};

const MOST_USERS: i32 = 5;
const MOST: usize = 12;

/// Address, name, and who may go there.
static PAGES: &[(&str, &str, Role)] = &[
    ("/authenticators", "Authenticators", Role::Viewer),
    ("/authenticators/new", "Add authenticator", Role::Editor),
    ("/users", "Users", Role::Viewer),
    ("/try", "Try a login", Role::Viewer),
    ("/cluster", "Cluster", Role::Viewer),
    ("/operators", "Operators", Role::Admin),
    ("/settings", "Settings", Role::Viewer),
    ("/account", "Your account", Role::Viewer),
    ("/help", "Help", Role::Viewer),
];

/// Something that was found.
struct Found {
    address: String,
    name: String,
    what: &'static str,
    /// Why it cannot be opened.
    obstacle: Option<String>,
}

impl Found {
    fn new(address: String, name: String, what: &'static str) -> Self {
        Self {
            address,
            name,
            what,
            obstacle: None,
        }
    }
}

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
    let mut found: Vec<Found> = PAGES
        .iter()
        .filter(|(_, name, _)| fits(name))
        .map(|(address, name, role)| Found {
            obstacle: visit.lacks(*role),
            ..Found::new((*address).to_owned(), (*name).to_owned(), "page")
        })
        .collect();
    let views = admin.chains().into_iter().flat_map(|chain| admin.chain_status(&chain));
    let mut keepers = Vec::new();
    for (view, _) in views {
        let key = view.record.key;
        if fits(&key.id) {
            let address = addresses::authenticator(&key, "");
            found.push(Found::new(address, key.id.clone(), "authenticator"));
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
            let row = |name: String| Found::new(addresses::user(&owner, &name, ""), name, "user");
            found.extend(users.into_iter().map(|user| row(user.key.user_id)));
        }
    }
    found.truncate(MOST);
    Ok(Html(contained(drawn(&found).into_string())).into_response())
}

fn drawn(found: &[Found]) -> Markup {
    let first = found.iter().position(|one| one.obstacle.is_none());
    html! {
        ul.options id="options" role="listbox" aria-label="Results" {
            @for (at, one) in found.iter().enumerate() {
                @let is_barred = one.obstacle.is_some();
                li role="option" id={ "option-" (at) } aria-selected=(first == Some(at)) aria-disabled=[is_barred.then_some("true")]
                    title=[&one.obstacle] data-to=[(!is_barred).then_some(&one.address)] {
                    (one.name) " " span.muted.small { (one.what) @if let Some(why) = &one.obstacle { ". " (why) } }
                }
            }
            @if found.is_empty() { li role="option" aria-disabled="true" aria-selected="false" { "Nothing is called that." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, drawn};

    #[test]
    fn what_may_not_be_opened_says_why_leads_nowhere_and_is_not_chosen_first() {
        let page = |name: &str, obstacle: Option<&str>| Found {
            obstacle: obstacle.map(str::to_owned),
            ..Found::new(format!("/{name}"), name.to_owned(), "page")
        };
        let shown = drawn(&[page("barred", Some("Your role is viewer.")), page("open", None)]).into_string();
        assert!(
            !shown.contains("data-to=\"/barred\"") && shown.contains("Your role is viewer."),
            "{shown}"
        );
        let open = shown.split("<li").nth(2).unwrap_or_default();
        assert!(
            open.contains("aria-selected=\"true\"") && open.contains("data-to=\"/open\""),
            "{shown}"
        );
    }
}
