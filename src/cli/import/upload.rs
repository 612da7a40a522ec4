//! The file to be imported: read from its beginning as often as it takes, and only as long as it stays the same.

use std::fs::Metadata;
use std::io::SeekFrom;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _};

use super::args::FileFormat;

const COUNTED_AT_ONCE: usize = 1 << 20;

/// Size and time of the last change.
type Stamp = (u64, Option<SystemTime>);

/// The file.
pub(super) enum Upload {
    /// One that can be read again.
    File { file: File, stamp: Stamp },
    /// Standard input, a pipe: read once.
    Stream(Box<dyn AsyncRead + Unpin>),
}

impl Upload {
    pub(super) async fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stream(Box::new(tokio::io::stdin())));
        }
        let cannot = || format!("cannot open `{}`", path.display());
        let file = File::open(path).await.with_context(cannot)?;
        let metadata = file.metadata().await.with_context(cannot)?;
        if metadata.is_dir() {
            bail!("`{}` is a folder", path.display());
        }
        if !metadata.is_file() {
            return Ok(Self::Stream(Box::new(file)));
        }
        let stamp = stamp_of(&metadata);
        Ok(Self::File { file, stamp })
    }

    pub(super) fn can_be_read_again(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    pub(super) fn reader(&mut self) -> &mut (dyn AsyncRead + Unpin) {
        match self {
            Self::File { file, .. } => file,
            Self::Stream(stream) => stream,
        }
    }

    /// Back to the beginning. Rows are known by their number, so another file must not be taken for the rest of this one.
    pub(super) async fn rewind(&mut self) -> anyhow::Result<()> {
        let Self::File { file, stamp } = self else {
            bail!("standard input cannot be read a second time");
        };
        if stamp_of(&file.metadata().await?) != *stamp {
            bail!("the file has changed while it was imported");
        }
        file.seek(SeekFrom::Start(0))
            .await
            .context("cannot read the file again")?;
        Ok(())
    }

    /// About how many rows it has, for a bar.
    pub(super) async fn about_rows(&mut self, format: FileFormat) -> anyhow::Result<Option<u64>> {
        let Self::File { file, .. } = self else {
            return Ok(None);
        };
        let mark = match format {
            FileFormat::Csv | FileFormat::Ndjson => b'\n',
            FileFormat::Json => b'{',
        };
        let (mut buffer, mut count) = (Vec::with_capacity(COUNTED_AT_ONCE), 0);
        while file.read_buf(&mut buffer).await.context("cannot read the file")? > 0 {
            count += buffer.iter().filter(|byte| **byte == mark).count() as u64;
            buffer.clear();
        }
        self.rewind().await?;
        Ok(Some(count))
    }
}

fn stamp_of(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::{FileFormat, Upload};

    #[tokio::test]
    async fn a_file_is_read_again_unless_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        std::fs::write(&path, "user_id,password\nann,x\n").unwrap();
        let mut upload = Upload::open(&path).await.unwrap();
        assert_eq!(upload.about_rows(FileFormat::Csv).await.unwrap(), Some(2));
        let mut text = String::new();
        upload.reader().read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("ann,x\n"));
        upload.rewind().await.unwrap();
        std::fs::write(&path, "user_id,password\nann,x\nbob,y\n").unwrap();
        assert!(upload.rewind().await.unwrap_err().to_string().contains("has changed"));
    }

    #[tokio::test]
    async fn what_is_not_a_file_is_read_once() {
        let mut upload = Upload::Stream(Box::new(&b"x"[..]));
        assert!(!upload.can_be_read_again());
        assert!(upload.rewind().await.is_err());
        assert!(Upload::open(std::path::Path::new("/")).await.is_err());
    }
}
