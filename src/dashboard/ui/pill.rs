//! A pill: a word with a shape and a colour that say the same.

use maud::{Markup, html};

use super::banner::Tone;
use crate::auth::ProviderStatus;

pub(in crate::dashboard) fn pill(tone: Tone, word: &str) -> Markup {
    html! { span class={ "pill " (tone.class()) } { span aria-hidden="true" { (tone.shape()) } (word) } }
}

/// How a provider fares on one node.
pub(in crate::dashboard) fn provider_pill(status: ProviderStatus) -> Markup {
    match status {
        ProviderStatus::Connected => pill(Tone::Ok, "Connected"),
        ProviderStatus::Connecting => pill(Tone::Warn, "Connecting"),
        ProviderStatus::Disconnected => pill(Tone::Down, "Disconnected"),
        ProviderStatus::Disabled => pill(Tone::Off, "Disabled"),
    }
}

/// What a node is called.
pub(in crate::dashboard) fn node_name(id: u64) -> String {
    format!("n{id}")
}

/// `n1, n2`.
pub(in crate::dashboard) fn node_names(ids: &[u64]) -> String {
    let names: Vec<_> = ids.iter().map(|id| node_name(*id)).collect();
    names.join(", ")
}

/// `2 of 3 nodes`.
pub(in crate::dashboard) fn node_count(some: usize, all: usize) -> String {
    let plural = if all == 1 { "" } else { "s" };
    format!("{some} of {all} node{plural}")
}

#[cfg(test)]
mod tests {
    use super::provider_pill;
    use crate::auth::ProviderStatus as S;

    #[test]
    fn no_two_states_share_word_and_shape() {
        let all = [S::Connected, S::Connecting, S::Disconnected, S::Disabled];
        let mut shown: Vec<_> = all.map(|status| provider_pill(status).into_string()).to_vec();
        shown.dedup();
        assert_eq!(shown.len(), 4);
        assert_eq!(
            shown[0],
            "<span class=\"pill ok\"><span aria-hidden=\"true\">●</span>Connected</span>"
        );
    }
}
