//! A file that only its owner may read: written beside its place, and put there when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file on its way. Dropped before [`PrivateFile::keep`] it leaves nothing behind, and what was in its place stays.
pub(super) struct PrivateFile {
    file: File,
    beside: PathBuf,
    place: PathBuf,
}

impl PrivateFile {
    /// Begins a file for that place.
    pub(super) fn create(place: &Path) -> io::Result<Self> {
        let name = place.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
        // Two processes that write the same file must not write into each other's.
        let mut beside = name.to_owned();
        beside.push(format!(".{}.new", std::process::id()));
        let beside = place.with_file_name(beside);
        // A leftover could have another mode, which opening it would keep.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        Ok(Self {
            file,
            beside,
            place: place.to_owned(),
        })
    }

    /// Puts it in its place, durably.
    pub(super) fn keep(self) -> io::Result<()> {
        self.file.sync_all()?;
        // What is dropped behind this finds nothing to remove.
        fs::rename(&self.beside, &self.place)
    }
}

impl Write for PrivateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // Nobody is left to be told that a half file could not be removed, and it is nobody else's to read.
        let _ = fs::remove_file(&self.beside);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::PrivateFile;

    #[test]
    fn only_the_owner_can_read_it_and_it_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("users.csv");
        fs::write(&place, "old").unwrap();
        let mut file = PrivateFile::create(&place).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"old");
        file.keep().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("users.csv");
        fs::write(&place, "old").unwrap();
        let mut file = PrivateFile::create(&place).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read(&place).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_no_place_for_a_file() {
        assert!(PrivateFile::create(std::path::Path::new("/")).is_err());
    }
}
