//! Files in memory, for a driver that takes certificates and keys by the names of files only: nothing of them comes to a disk, and
//! they go when they are closed.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};

/// A file that this process alone can open, as long as this value lives.
pub(super) struct MemoryFile(File);

impl MemoryFile {
    pub(super) fn with(contents: &str) -> io::Result<Self> {
        let mut file = File::from(memfd_create("portcullis-tls", MemfdFlags::CLOEXEC)?);
        file.write_all(contents.as_bytes())?;
        Ok(Self(file))
    }

    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryFile;

    #[test]
    fn it_can_be_read_by_its_name_while_it_lives() {
        let file = MemoryFile::with("pem").unwrap();
        let path = file.path();
        for _ in 0..2 {
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "pem");
        }
    }
}
