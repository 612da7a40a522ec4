//! The bad rows as a CSV file for its owner alone: where they are and why, never a password.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;

use crate::wire::pb::v1::BadRow;

const MODE: u32 = 0o600;

/// Writes bad rows as they come.
pub(super) struct Rejects {
    rows: csv::Writer<File>,
}

impl Rejects {
    /// Makes the file, or empties it; the rows of a resumed import go behind those that are there.
    pub(super) fn open(path: &Path, is_resumed: bool) -> anyhow::Result<Self> {
        Self::try_open(path, is_resumed).with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn try_open(path: &Path, is_resumed: bool) -> anyhow::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .write(!is_resumed)
            .append(is_resumed)
            .truncate(!is_resumed)
            .mode(MODE)
            .open(path)?;
        // It may have been there before, with another mode.
        file.set_permissions(Permissions::from_mode(MODE))?;
        let is_empty = file.metadata()?.len() == 0;
        let mut rows = csv::Writer::from_writer(file);
        if is_empty {
            rows.write_record(["line", "column", "user_id", "reason"])?;
            rows.flush()?;
        }
        Ok(Self { rows })
    }

    pub(super) fn add(&mut self, bad: &[BadRow]) -> anyhow::Result<()> {
        for row in bad {
            let line = row.line.to_string();
            self.rows
                .write_record([&line, &row.column, &row.user_id, &row.reason])
                .context("cannot write the bad rows")?;
        }
        self.rows.flush().context("cannot write the bad rows")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{BadRow, MODE, Rejects};

    #[test]
    fn bad_rows_are_written_for_their_owner_alone_and_go_on_after_a_resumption() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.csv");
        std::fs::write(&path, "something older").unwrap();
        let bad = |line| BadRow {
            line,
            column: "password".into(),
            user_id: "a,\"b".into(),
            reason: "is missing".into(),
        };
        Rejects::open(&path, false).unwrap().add(&[bad(2)]).unwrap();
        Rejects::open(&path, true).unwrap().add(&[bad(9)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "line,column,user_id,reason\n2,password,\"a,\"\"b\",is missing\n9,password,\"a,\"\"b\",is missing\n"
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }
}
