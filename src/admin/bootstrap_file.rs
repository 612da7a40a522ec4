//! Opens a declared file, if the operator of this node allows it: it must lie in one folder, whichever way its name leads.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::import::ImportBody;

const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_AHEAD: usize = 2;

/// Why a declared file is not read on this node.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRead {
    /// There is none.
    #[error("there is no such file")]
    Absent,
    /// It may not be read.
    #[error("it does not lie in the folder `admin.bootstrap_dir`")]
    Outside,
    /// It is a folder, a pipe, a device.
    #[error("it is not a file")]
    NotAFile,
    /// The system says no.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
}

/// Opens the file of that name within `folder`. Links are followed, as mounted files may be links, but not out of the folder.
/// Blocking.
pub(super) fn open_within(folder: &Path, name: &str) -> Result<File, NotRead> {
    let folder = found(fs::canonicalize(folder))?;
    let name = Path::new(name);
    if name.components().any(|part| part == Component::ParentDir) {
        return Err(NotRead::Outside);
    }
    // An absolute name stands for itself.
    let real = found(fs::canonicalize(folder.join(name)))?;
    if !real.starts_with(&folder) {
        return Err(NotRead::Outside);
    }
    if !fs::metadata(&real)?.is_file() {
        return Err(NotRead::NotAFile);
    }
    // Whatever has become of the name since: no link is followed any more.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&real, flags, Mode::empty()).map_err(io::Error::from)?;
    Ok(File::from(opened))
}

fn found<T>(looked: io::Result<T>) -> Result<T, NotRead> {
    looked.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NotRead::Absent,
        _ => NotRead::Unreadable(error),
    })
}

/// The file's bytes, as an import takes them.
pub(super) fn body_of(mut file: File) -> ImportBody {
    let (chunks, body) = mpsc::channel(CHUNKS_AHEAD);
    spawn_blocking(move || {
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = match file.read(&mut chunk) {
                Ok(0) => return,
                Ok(count) => {
                    chunk.truncate(count);
                    Ok(Bytes::from(chunk))
                }
                Err(error) => Err(error.to_string()),
            };
            let is_last = read.is_err();
            if chunks.blocking_send(read).is_err() || is_last {
                return;
            }
        }
    });
    body
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{NotRead, body_of, open_within};

    #[test]
    fn only_files_within_the_folder_are_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("bootstrap");
        fs::create_dir_all(folder.join("deep")).unwrap();
        fs::create_dir_all(root.path().join("bootstrap-other")).unwrap();
        let secret = root.path().join("secret.csv");
        for file in [
            &secret,
            &root.path().join("bootstrap-other/users.csv"),
            &folder.join("deep/users.csv"),
        ] {
            fs::write(file, "user_id,password\n").unwrap();
        }
        symlink(&secret, folder.join("link.csv")).unwrap();
        symlink(root.path(), folder.join("up")).unwrap();
        symlink("deep/users.csv", folder.join("mounted.csv")).unwrap();

        let inside = folder.join("deep/users.csv");
        for name in [
            "deep/users.csv",
            "./deep/users.csv",
            "mounted.csv",
            inside.to_str().unwrap(),
        ] {
            assert!(open_within(&folder, name).is_ok(), "{name}");
        }
        let beside = root.path().join("bootstrap-other/users.csv");
        for name in [
            "link.csv",
            "up/secret.csv",
            "../secret.csv",
            "deep/../../secret.csv",
            secret.to_str().unwrap(),
            beside.to_str().unwrap(),
            "/etc/passwd",
        ] {
            assert!(matches!(open_within(&folder, name), Err(NotRead::Outside)), "{name}");
        }
        assert!(matches!(open_within(&folder, "deep"), Err(NotRead::NotAFile)));
        for name in ["nothing.csv", "${EMQX_ETC_DIR}/auth-built-in-db-bootstrap.csv"] {
            assert!(matches!(open_within(&folder, name), Err(NotRead::Absent)), "{name}");
        }
        assert!(matches!(
            open_within(&root.path().join("none"), "x.csv"),
            Err(NotRead::Absent)
        ));
    }

    #[tokio::test]
    async fn a_file_is_handed_on_whole() {
        let folder = tempfile::tempdir().unwrap();
        let text = "x".repeat(200_000);
        fs::write(folder.path().join("users.csv"), &text).unwrap();
        let mut body = body_of(open_within(folder.path(), "users.csv").unwrap());
        let mut read = Vec::new();
        while let Some(chunk) = body.recv().await {
            read.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(read, text.as_bytes());
    }
}
