//! What became of the file over all parts of its import.

use tokio::time::Instant;

use crate::wire::pb::v1::{BadRow, ImportUsersHeader, ImportUsersProgress};

/// Bad rows that are shown; all of them go to the file of rejects.
const SHOWN_BAD_ROWS: usize = 1000;

/// The sum of the parts.
pub(super) struct Totals {
    /// Of the parts that broke off.
    before: ImportUsersProgress,
    /// Of the part under way: each message tells its whole counts anew.
    part: ImportUsersProgress,
    bad_rows: Vec<BadRow>,
    warnings: Vec<String>,
    /// When the last row was settled.
    moved: Instant,
}

impl Totals {
    pub(super) fn new(header: &ImportUsersHeader) -> Self {
        let part = ImportUsersProgress {
            import_id: header.import_id.clone(),
            settled_rows: header.resume_after_row,
            ..ImportUsersProgress::default()
        };
        Self {
            before: ImportUsersProgress::default(),
            part,
            bad_rows: Vec::new(),
            warnings: Vec::new(),
            moved: Instant::now(),
        }
    }

    /// Takes a message; what is new goes to the lists.
    pub(super) fn take(&mut self, mut message: ImportUsersProgress) {
        if message.settled_rows != self.part.settled_rows {
            self.moved = Instant::now();
        }
        let room = SHOWN_BAD_ROWS.saturating_sub(self.bad_rows.len());
        self.bad_rows.extend(message.bad_rows.drain(..).take(room));
        self.warnings.append(&mut message.warnings);
        self.part = message;
    }

    /// The part under way has broken off: the next one begins behind what it had settled.
    pub(super) fn begin_next(&mut self, header: &mut ImportUsersHeader) {
        header.import_id.clone_from(&self.part.import_id);
        header.resume_after_row = self.part.settled_rows;
        let next = ImportUsersProgress {
            import_id: self.part.import_id.clone(),
            settled_rows: self.part.settled_rows,
            ..ImportUsersProgress::default()
        };
        let broken = std::mem::replace(&mut self.part, next);
        add(&mut self.before, broken);
    }

    pub(super) fn import_id(&self) -> &str {
        &self.part.import_id
    }

    pub(super) fn settled_rows(&self) -> u64 {
        self.part.settled_rows
    }

    pub(super) fn failed(&self) -> u64 {
        self.before.failed + self.part.failed
    }

    /// When the last row was settled.
    pub(super) fn moved(&self) -> Instant {
        self.moved
    }

    /// Everything there is to say.
    pub(super) fn summary(&self) -> ImportUsersProgress {
        let mut all = self.before.clone();
        add(&mut all, self.part.clone());
        all.bad_rows.clone_from(&self.bad_rows);
        all.warnings.clone_from(&self.warnings);
        all
    }
}

fn add(sum: &mut ImportUsersProgress, part: ImportUsersProgress) {
    sum.total += part.total;
    sum.created += part.created;
    sum.replaced += part.replaced;
    sum.unchanged += part.unchanged;
    sum.skipped += part.skipped;
    sum.failed += part.failed;
    for (name, count) in part.hashes {
        *sum.hashes.entry(name).or_default() += count;
    }
    sum.revision = sum.revision.max(part.revision);
    sum.settled_rows = part.settled_rows;
    sum.import_id = part.import_id;
    sum.done = part.done;
}

#[cfg(test)]
mod tests {
    use super::{BadRow, ImportUsersHeader, ImportUsersProgress, Totals};

    fn message(settled_rows: u64, created: u64, bad: u64) -> ImportUsersProgress {
        ImportUsersProgress {
            import_id: "id".into(),
            settled_rows,
            created,
            failed: bad,
            total: created + bad,
            bad_rows: vec![BadRow {
                line: settled_rows,
                ..BadRow::default()
            }],
            hashes: [("sha256".to_owned(), created)].into(),
            ..ImportUsersProgress::default()
        }
    }

    #[test]
    fn the_parts_of_an_import_add_up() {
        let mut header = ImportUsersHeader::default();
        let mut totals = Totals::new(&header);
        totals.take(message(1000, 900, 100));
        totals.take(message(2000, 1800, 200));
        totals.begin_next(&mut header);
        assert_eq!((header.import_id.as_str(), header.resume_after_row), ("id", 2000));
        totals.take(message(2500, 499, 1));
        let all = totals.summary();
        assert_eq!(
            (all.total, all.created, all.failed, all.settled_rows),
            (2500, 2299, 201, 2500)
        );
        assert_eq!((all.hashes["sha256"], all.bad_rows.len()), (2299, 3));
    }
}
