//! What holds for the whole cluster and is said at the top of every page.

use std::time::Duration;

use maud::{Markup, html};

use super::addresses;
use super::format::span;
use super::ui::{Tone, banner, link, node_name};
use crate::admin::Standing;

/// What this node knows may be so old before it is worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(5);

impl Standing {
    /// Why nothing can be changed here.
    pub(super) fn why_not_writable(&self) -> Option<String> {
        if self.cluster_id.is_empty() {
            return Some("There is no cluster yet.".to_owned());
        }
        if !self.has_quorum() {
            return Some("This node has lost the cluster: nothing can be changed here.".to_owned());
        }
        (self.leader == 0)
            .then(|| "The cluster is electing a leader: nothing can be changed until it has one.".to_owned())
    }
}

/// The banners of every page. The area is always there, so that it can change while the page is open.
pub(super) fn banners(standing: &Standing) -> Markup {
    html! {
        div.stack id="standing" hidden[is_calm(standing)] {
            (of_the_cluster(standing))
            @for warning in &standing.open_chains {
                (banner(Tone::Down, &html! { strong { "Every client is let in. " } (warning) "." }, Some(link("/authenticators", "Authenticators"))))
            }
            @for chain in &standing.closed_chains {
                (banner(Tone::Warn, &html! {
                    strong { "Every client of chain " code { (chain) } " is denied. " }
                    "No authenticator of it is enabled, and the setting for such a chain is to deny."
                }, Some(link(&addresses::chain(chain), "Authenticators"))))
            }
        }
    }
}

/// Says that what the page is about is no more. The area is always there, like the one above.
pub(super) fn gone(what: Option<&str>) -> Markup {
    html! {
        div id="gone" hidden[what.is_none()] {
            @if let Some(what) = what { (banner(Tone::Warn, &html! { (what) " What is shown here is how it was last." }, None)) }
        }
    }
}

fn is_calm(standing: &Standing) -> bool {
    standing.open_chains.is_empty()
        && standing.closed_chains.is_empty()
        && of_the_cluster(standing).into_string().is_empty()
}

fn of_the_cluster(standing: &Standing) -> Markup {
    let node = node_name(standing.node);
    if standing.cluster_id.is_empty() {
        return banner(Tone::Warn, &html! { "This node belongs to no cluster yet." }, None);
    }
    if !standing.has_quorum() {
        let what = html! {
            strong { "This node (" (node) ") has lost the cluster. " }
            "It hears " (standing.heard) " of " (standing.voters) " nodes. Logins are still checked with what it knew then. Changes cannot be "
            "saved here."
        };
        let elsewhere = html! { a.button href="/cluster" { "Cluster" } };
        return html! { (banner(Tone::Down, &what, Some(elsewhere))) (age(standing)) };
    }
    if standing.leader == 0 {
        return banner(
            Tone::Warn,
            &html! { "Electing a leader… Changes wait until there is one." },
            None,
        );
    }
    match standing.staleness {
        Some(age) if age < WORTH_A_WORD => html! {},
        _ => {
            html! { (banner(Tone::Warn, &html! { "What " (node) " knows can be out of date." }, None)) (age(standing)) }
        }
    }
}

/// Beside the banner, which is read out anew whenever its text changes: this grows every second.
fn age(standing: &Standing) -> Markup {
    let age = standing
        .staleness
        .map_or_else(|| "of any age".to_owned(), |age| format!("{} old", span(age)));
    html! { p.small.muted { "What this node knows can be " (age) "." } }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Standing, banners, gone};

    fn healthy() -> Standing {
        Standing {
            node: 2,
            cluster_id: "c".into(),
            leader: 1,
            voters: 3,
            heard: 3,
            staleness: Some(Duration::from_millis(100)),
            open_chains: Vec::new(),
            closed_chains: Vec::new(),
        }
    }

    #[test]
    fn a_calm_cluster_says_nothing() {
        let shown = banners(&healthy()).into_string();
        assert_eq!(shown, "<div class=\"stack\" id=\"standing\" hidden></div>");
        assert_eq!(healthy().why_not_writable(), None);
    }

    #[test]
    fn a_node_that_lost_the_cluster_says_so_and_cannot_write() {
        let lost = Standing {
            heard: 1,
            staleness: Some(Duration::from_secs(90)),
            ..healthy()
        };
        let shown = banners(&lost).into_string();
        assert!(
            shown.contains("has lost the cluster") && shown.contains("can be 1 min old"),
            "{shown}"
        );
        assert!(lost.why_not_writable().is_some());
    }

    #[test]
    fn what_is_read_out_stays_the_same_while_it_grows_old() {
        let alert = |heard, seconds| {
            let staleness = Some(Duration::from_secs(seconds));
            let shown = banners(&Standing {
                heard,
                staleness,
                ..healthy()
            })
            .into_string();
            shown.split_once("<p ").unwrap().0.to_owned()
        };
        for heard in [1, 3] {
            assert_eq!(alert(heard, 7), alert(heard, 8));
        }
    }

    #[test]
    fn an_election_is_said_too() {
        let electing = Standing { leader: 0, ..healthy() };
        assert!(banners(&electing).into_string().contains("Electing a leader"));
    }

    #[test]
    fn a_chain_that_lets_everybody_in_is_said_loudly() {
        let open = Standing {
            open_chains: vec!["EVERYBODY".into()],
            ..healthy()
        };
        let shown = banners(&open).into_string();
        assert!(
            shown.contains("Every client is let in") && shown.contains("role=\"alert\""),
            "{shown}"
        );
    }

    #[test]
    fn a_chain_that_lets_nobody_in_is_said_too() {
        let closed = Standing {
            closed_chains: vec!["tcp:own".into()],
            ..healthy()
        };
        let shown = banners(&closed).into_string();
        assert!(
            shown.contains("Every client of chain <code>tcp:own</code> is denied")
                && !shown.contains("standing\" hidden"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_gone_is_said_and_what_is_there_is_not() {
        assert_eq!(gone(None).into_string(), "<div id=\"gone\" hidden></div>");
        let shown = gone(Some("It is deleted.")).into_string();
        assert!(
            shown.starts_with("<div id=\"gone\"><div") && shown.contains("It is deleted."),
            "{shown}"
        );
    }
}
