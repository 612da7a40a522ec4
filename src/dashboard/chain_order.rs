//! The order of a chain: by pointer and keyboard, by buttons, and without scripts.

use axum::Form;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses;
use super::authenticators::{list_page, state_of};
use super::failure::Failure;
use super::said::Said;
use super::ui::{Button, Tone, banner, hidden};
use super::visit::Visit;
use crate::admin::{AdminError, Role};

/// Tells a script of which state its page is from then on.
const VERSION: HeaderName = HeaderName::from_static("x-version");
/// Between ids, which hold no spaces.
const BETWEEN: &str = " ";

/// A wish for another order: a whole one, or one move.
#[derive(Deserialize)]
pub(super) struct Wish {
    chain: String,
    /// The order that the page showed.
    was: String,
    /// The order wanted.
    #[serde(default)]
    order: String,
    /// `up ID`, `down ID`, `top ID`, `bottom ID`.
    #[serde(default, rename = "move")]
    one: String,
}

/// The form that the buttons of all rows belong to.
pub(super) fn order_form<'a>(chain: &str, ids: impl Iterator<Item = &'a str>) -> Markup {
    let was = ids.collect::<Vec<_>>().join(BETWEEN);
    html! {
        form id="order" method="post" action="/authenticators/order" { (hidden("chain", chain)) (hidden("was", &was)) }
        p.unseen id="order-help" {
            "Press space to lift, arrow keys to move, space to drop, escape to put back."
        }
    }
}

/// `POST /authenticators/order`.
pub(super) async fn reorder(visit: Visit, headers: HeaderMap, Form(wish): Form<Wish>) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let was = ids(&wish.was);
    let Some(order) = wanted(&wish, &was) else {
        return Err(Failure::unreadable("This is no order of the chain's authenticators."));
    };
    let admin = visit.site().admin();
    match admin
        .reorder_from(&visit.intent(), &wish.chain, was, order.clone())
        .await
    {
        Ok(_) if is_script(&headers) => {
            let version = state_of(&admin.chains(), &admin.chain_status(&wish.chain)).to_string();
            Ok((StatusCode::NO_CONTENT, [(VERSION, version)]).into_response())
        }
        Ok(_) => Ok(done(&wish, &order)),
        Err(AdminError::Invalid(_)) => Ok(overtaken(&visit, &wish, &order)),
        Err(error) => Err(error.into()),
    }
}

fn is_script(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept == "application/json")
}

fn done(wish: &Wish, order: &[String]) -> Response {
    let text = wish.one.split_once(BETWEEN).map_or_else(
        || "The order is changed.".to_owned(),
        |(_, id)| {
            let place = order.iter().position(|other| other == id).map_or(0, |at| at + 1);
            format!("{id} is now {place} of {}.", order.len())
        },
    );
    let fields = [
        ("chain", &*wish.chain),
        ("was", &*order.join(BETWEEN)),
        ("order", &*wish.was),
    ];
    Said::new(text)
        .with_undo("/authenticators/order", &fields)
        .then(&addresses::chain(&wish.chain))
}

/// Somebody else was faster: their order is shown, and one's own wish is kept at hand.
fn overtaken(visit: &Visit, wish: &Wish, order: &[String]) -> Response {
    let current: Vec<_> = visit
        .site()
        .admin()
        .chain_status(&wish.chain)
        .into_iter()
        .map(|(view, _)| view.record.key.id)
        .collect();
    // A single move is done again upon the order as it is now; a whole order only if it still has the same members.
    let mine = moved(&wish.one, &current).or_else(|| is_permutation(order, &current).then(|| order.to_vec()));
    let notice = banner(
        Tone::Warn,
        &html! { strong { "Somebody else changed the chain first. " } "Nothing was moved; this is the order as it is now." },
        mine.map(|mine| {
            html! {
                form method="post" action="/authenticators/order" {
                    (hidden("chain", &wish.chain))
                    (hidden("was", &current.join(BETWEEN)))
                    (hidden("order", &mine.join(BETWEEN)))
                    (Button::new("Apply mine").draw())
                }
            }
        }),
    );
    let page = list_page(visit, &wish.chain, notice);
    (StatusCode::PRECONDITION_FAILED, page).into_response()
}

fn ids(text: &str) -> Vec<String> {
    text.split(BETWEEN)
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
}

fn wanted(wish: &Wish, was: &[String]) -> Option<Vec<String>> {
    let order = if wish.one.is_empty() {
        ids(&wish.order)
    } else {
        moved(&wish.one, was)?
    };
    is_permutation(&order, was).then_some(order)
}

/// The order after one move, at the ends as it was.
fn moved(one: &str, was: &[String]) -> Option<Vec<String>> {
    let (how, id) = one.split_once(BETWEEN)?;
    let at = was.iter().position(|other| other == id)?;
    let last = was.len().checked_sub(1)?;
    let target = match how {
        "up" => at.saturating_sub(1),
        "down" => (at + 1).min(last),
        "top" => 0,
        "bottom" => last,
        _ => return None,
    };
    let mut order = was.to_vec();
    let id = order.remove(at);
    order.insert(target, id);
    Some(order)
}

fn is_permutation(one: &[String], other: &[String]) -> bool {
    let sorted = |ids: &[String]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    sorted(one) == sorted(other)
}

#[cfg(test)]
mod tests {
    use super::{ids, is_permutation, moved};

    #[test]
    fn one_move_changes_one_place() {
        let was = ids("a b c d");
        for (one, after) in [
            ("up c", "a c b d"),
            ("down a", "b a c d"),
            ("top d", "d a b c"),
            ("bottom a", "b c d a"),
            ("up a", "a b c d"),
            ("down d", "a b c d"),
        ] {
            assert_eq!(moved(one, &was), Some(ids(after)), "{one}");
        }
        assert_eq!(moved("up x", &was), None);
        assert_eq!(moved("sideways a", &was), None);
    }

    #[test]
    fn only_a_permutation_is_an_order() {
        assert!(is_permutation(&ids("b a"), &ids("a b")));
        assert!(!is_permutation(&ids("a a"), &ids("a b")));
    }
}
