//! What the caller is told: the settled rows, each second, and every bad row once.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::batch::Hashes;
use super::identity::Identity;
use super::job::{BadRow, ImportHeader, ImportProgress};
use super::stages::Progress;
use crate::admin::error::AdminError;

/// Progress comes at least so often, whether anything moves or not.
const BEAT: Duration = Duration::from_secs(1);

/// The caller has gone: nobody is left to tell.
pub(super) struct Gone;

/// Tells the caller how far the import is.
pub(super) struct Report {
    pub(super) settled: ImportProgress,
    weak: BTreeMap<&'static str, u64>,
    is_dry_run: bool,
    most_bad_rows: usize,
    progress: mpsc::Sender<Progress>,
}

impl Report {
    pub(super) fn new(
        header: &ImportHeader,
        identity: &Identity,
        most_bad_rows: usize,
        progress: mpsc::Sender<Progress>,
    ) -> Self {
        let can_be_resumed = !header.dry_run && !header.all_or_nothing;
        let settled = ImportProgress {
            import_id: if can_be_resumed {
                identity.id().to_owned()
            } else {
                String::new()
            },
            settled_rows: header.resume_after_row,
            ..ImportProgress::default()
        };
        Self {
            settled,
            weak: BTreeMap::new(),
            is_dry_run: header.dry_run,
            most_bad_rows,
            progress,
        }
    }

    /// When to tell next, if nothing happens. The first is at once.
    pub(super) fn beats() -> Interval {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats
    }

    /// Bad rows are told before more are taken: a caller who does not read holds the import up here, and nowhere else.
    pub(super) async fn note_bad(&mut self, bad: Vec<BadRow>) -> Result<(), Gone> {
        if self.settled.bad_rows.len() + bad.len() > self.most_bad_rows {
            let message = self.message();
            self.progress.send(Ok(message)).await.map_err(|_| Gone)?;
        }
        self.settled.failed += bad.len() as u64;
        self.settled.bad_rows.extend(bad);
        Ok(())
    }

    pub(super) fn note_hashes(&mut self, hashes: Hashes) {
        let mut all = Hashes {
            by_name: std::mem::take(&mut self.settled.hashes),
            weak: std::mem::take(&mut self.weak),
        };
        all.add(hashes);
        (self.settled.hashes, self.weak) = (all.by_name, all.weak);
    }

    /// Tells how far it is, unless the caller still has enough to read: the next message says it all.
    pub(super) fn tell(&mut self) {
        if let Ok(place) = self.progress.clone().try_reserve_owned() {
            place.send(Ok(self.message()));
        }
    }

    /// Returns when nobody listens any more.
    pub(super) async fn abandoned(&self) {
        self.progress.closed().await;
    }

    /// The last word. A caller who has gone is not told.
    pub(super) async fn end(mut self, ended: Result<(), AdminError>) {
        self.settled.warnings.extend(weakness(&self.weak));
        self.settled.done = ended.is_ok();
        let last = self.message();
        let failure = ended.err().map(|error| with_advice(error, &self.advice()));
        if self.progress.send(Ok(last)).await.is_ok()
            && let Some(failure) = failure
        {
            let _ = self.progress.send(Err(failure)).await;
        }
    }

    /// How to go on after a failure that passes.
    fn advice(&self) -> String {
        let ImportProgress {
            import_id,
            settled_rows,
            ..
        } = &self.settled;
        if self.is_dry_run {
            "nothing was stored; send the file again".into()
        } else if import_id.is_empty() {
            // What `all_or_nothing` cannot promise: a sound file of which the cluster took only a part.
            format!("{settled_rows} rows are stored and no others; send the whole file again")
        } else {
            format!(
                "{settled_rows} rows are settled; resume with import_id `{import_id}` and resume_after_row {settled_rows}"
            )
        }
    }

    /// What is new goes with it.
    fn message(&mut self) -> ImportProgress {
        let message = self.settled.clone();
        self.settled.bad_rows.clear();
        self.settled.warnings.clear();
        message
    }
}

fn weakness(weak: &BTreeMap<&'static str, u64>) -> Option<String> {
    let count: u64 = weak.values().sum();
    if count == 0 {
        return None;
    }
    let names: Vec<_> = weak.keys().copied().collect();
    let users = if count == 1 {
        "user has a weak hash"
    } else {
        "users have weak hashes"
    };
    Some(format!(
        "{count} {users} ({}): verified only while `allow_legacy_hashes` is on",
        names.join(", ")
    ))
}

fn with_advice(error: AdminError, advice: &str) -> AdminError {
    match error {
        AdminError::Unavailable {
            obstacle,
            why,
            retry_after,
            unknown,
        } => AdminError::Unavailable {
            obstacle,
            why: format!("{why}; {advice}"),
            retry_after,
            unknown,
        },
        AdminError::Deadline(what) => AdminError::Deadline(format!("{what}; {advice}")),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::{ImportFormat, PasswordType};
    use super::{AdminError, BadRow, Hashes, Identity, ImportHeader, Progress, Report, mpsc};
    use crate::admin::error::Obstacle;
    use crate::auth::AuthenticatorKey;
    use crate::store::OnConflict;

    fn report(all_or_nothing: bool, waiting: usize) -> (Report, mpsc::Receiver<Progress>) {
        let header = ImportHeader {
            chain: String::new(),
            authenticator: String::new(),
            format: ImportFormat::Csv,
            password_type: PasswordType::Hash,
            on_conflict: OnConflict::Replace,
            dry_run: false,
            all_or_nothing,
            algorithm: String::new(),
            import_id: String::new(),
            resume_after_row: 0,
        };
        let target = AuthenticatorKey {
            chain: "global".into(),
            id: "main".into(),
        };
        let identity = Identity::of(&header, "ann", &target).unwrap();
        let (progress, messages) = mpsc::channel(waiting);
        (Report::new(&header, &identity, 3, progress), messages)
    }

    fn bad(lines: std::ops::Range<u64>) -> Vec<BadRow> {
        let row = |line| BadRow {
            line,
            column: String::new(),
            user_id: String::new(),
            reason: String::new(),
        };
        lines.map(row).collect()
    }

    #[tokio::test]
    async fn every_bad_row_is_told_once_and_few_at_once() {
        let (mut report, mut messages) = report(false, 1);
        let noting = async {
            for from in (0..20).step_by(2) {
                assert!(report.note_bad(bad(from..from + 2)).await.is_ok());
                report.tell();
            }
            report.end(Ok(())).await;
        };
        let reading = async {
            let mut lines = Vec::new();
            while let Some(message) = messages.recv().await {
                let message = message.unwrap();
                assert!(message.bad_rows.len() <= 3);
                lines.extend(message.bad_rows.into_iter().map(|row| row.line));
            }
            lines
        };
        let ((), lines) = tokio::join!(noting, reading);
        assert_eq!(lines, (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_does_not_read_misses_no_figure_and_holds_nothing_up() {
        let (mut report, mut messages) = report(false, 1);
        for settled in 1..=10 {
            report.settled.settled_rows = settled;
            report.tell();
        }
        assert_eq!(messages.recv().await.unwrap().unwrap().settled_rows, 1);
        report.tell();
        assert_eq!(messages.recv().await.unwrap().unwrap().settled_rows, 10);
    }

    #[tokio::test]
    async fn a_failure_that_passes_tells_how_to_go_on() {
        for all_or_nothing in [false, true] {
            let (mut report, mut messages) = report(all_or_nothing, 4);
            report.settled.settled_rows = 2000;
            let id = report.settled.import_id.clone();
            report
                .end(Err(AdminError::unavailable(Obstacle::NoQuorum, "no quorum")))
                .await;
            assert!(!messages.recv().await.unwrap().unwrap().done);
            let said = messages.recv().await.unwrap().unwrap_err().to_string();
            if all_or_nothing {
                assert!(said.contains("2000 rows are stored") && id.is_empty(), "{said}");
            } else {
                assert!(
                    said.contains(&format!("import_id `{id}` and resume_after_row 2000")),
                    "{said}"
                );
            }
        }
    }

    #[tokio::test]
    async fn weak_hashes_are_a_warning() {
        let (mut report, mut messages) = report(false, 4);
        report.note_hashes(Hashes {
            weak: [("$apr1$", 2), ("$1$", 1)].into(),
            ..Hashes::default()
        });
        report.end(Ok(())).await;
        let last = messages.recv().await.unwrap().unwrap();
        assert!(last.done);
        assert!(
            last.warnings[0].starts_with("3 users have weak hashes ($1$, $apr1$)"),
            "{:?}",
            last.warnings
        );
    }

    #[tokio::test(start_paused = true)]
    async fn progress_is_due_each_second_whether_anything_moves_or_not() {
        let start = tokio::time::Instant::now();
        let mut beats = Report::beats();
        for _ in 0..=3 {
            beats.tick().await;
        }
        assert_eq!(start.elapsed().as_secs(), 3);
    }
}
