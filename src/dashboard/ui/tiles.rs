//! Tiles: the few figures that matter most.

use maud::{Markup, html};

use super::banner::Tone;

/// One figure.
pub(in crate::dashboard) struct Tile {
    pub(in crate::dashboard) label: &'static str,
    pub(in crate::dashboard) figure: String,
    pub(in crate::dashboard) note: String,
    pub(in crate::dashboard) tone: Tone,
}

impl Tile {
    pub(in crate::dashboard) fn new(label: &'static str, figure: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            label,
            figure: figure.into(),
            note: note.into(),
            tone: Tone::Off,
        }
    }

    pub(in crate::dashboard) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

pub(in crate::dashboard) fn tiles(id: &str, tiles: &[Tile]) -> Markup {
    html! {
        dl.tiles id=(id) {
            @for tile in tiles {
                div class=[matches!(tile.tone, Tone::Warn | Tone::Down).then(|| tile.tone.class())] {
                    dt { (tile.label) }
                    dd {
                        @if matches!(tile.tone, Tone::Warn | Tone::Down) { span aria-hidden="true" { (tile.tone.shape()) " " } }
                        (tile.figure)
                    }
                    @if !tile.note.is_empty() { dd.note { (tile.note) } }
                }
            }
        }
    }
}
