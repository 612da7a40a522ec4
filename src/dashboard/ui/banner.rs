//! A banner: something that holds for the whole page.

use maud::{Markup, html};

/// How serious it is. Colour only repeats what shape and words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dashboard) enum Tone {
    Ok,
    Info,
    Warn,
    Down,
    Off,
}

impl Tone {
    pub(in crate::dashboard) const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Down => "down",
            Self::Off => "off",
        }
    }

    pub(in crate::dashboard) const fn shape(self) -> &'static str {
        match self {
            Self::Ok => "●",
            Self::Info => "◆",
            Self::Warn => "▲",
            Self::Down => "✕",
            Self::Off => "○",
        }
    }
}

/// A banner with what can be done about it.
pub(in crate::dashboard) fn banner(tone: Tone, what: &Markup, action: Option<Markup>) -> Markup {
    html! {
        div class={ "banner " (tone.class()) } role=(if tone == Tone::Down { "alert" } else { "status" }) {
            div { span aria-hidden="true" { (tone.shape()) " " } (what) }
            @if let Some(action) = action { (action) }
        }
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::{Tone, banner};

    #[test]
    fn a_banner_is_escaped_and_says_how_serious_it_is() {
        let shown = banner(Tone::Down, &html! { ("<img src=x>") }, None).into_string();
        assert_eq!(
            shown,
            "<div class=\"banner down\" role=\"alert\"><div><span aria-hidden=\"true\">✕ </span>&lt;img src=x&gt;</div></div>"
        );
    }
}
