//! How far it is, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::totals::Totals;
use crate::cli::args::Output;

const BEAT: Duration = Duration::from_millis(250);

/// A bar over the settled rows. Drawn on standard error, where indicatif shows nothing unless it is a terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(output: Output) -> Self {
        let target = match output {
            Output::Table => ProgressDrawTarget::stderr(),
            Output::Json => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.enable_steady_tick(BEAT);
        style(&bar, "{spinner} {human_pos} rows, {per_sec:0} {msg}");
        Self(bar)
    }

    pub(super) fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// About so many rows are to come.
    pub(super) fn expect(&self, rows: u64) {
        self.0.set_length(rows);
        style(
            &self.0,
            "{bar:40} {human_pos} of about {human_len} rows, {per_sec:0}, {eta} left {msg}",
        );
    }

    pub(super) fn show(&self, totals: &Totals) {
        let settled = totals.settled_rows();
        if self.0.length().is_some_and(|expected| expected < settled) {
            self.0.set_length(settled);
        }
        self.0.set_position(settled);
        if totals.failed() > 0 {
            self.0.set_message(format!("({} bad)", totals.failed()));
        }
    }

    /// Says something without tearing the bar.
    pub(super) fn say(&self, text: &str) {
        self.0.suspend(|| crate::cli::output::note(text));
    }

    pub(super) fn remove(&self) {
        self.0.finish_and_clear();
    }
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}
