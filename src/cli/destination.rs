//! Where a file that the service gives goes: to standard output, or to a file of the operator's own.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::import::{FileFormat, format_of};
use super::private_file::PrivateFile;
use crate::wire::pb::v1::UserFileFormat;

/// Where to, and how it is written.
#[derive(Args, Debug)]
pub(super) struct DestinationArgs {
    /// How it is written [default: by FILE's extension; csv on standard output]
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// Where to, readable by nobody but you and there only when it is whole; `-` is standard output
    #[arg(short = 'o', long = "out", value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

impl DestinationArgs {
    /// How the file is to be written.
    pub(super) fn format(&self) -> anyhow::Result<UserFileFormat> {
        let format = match self.format {
            Some(format) => format,
            None if self.file == Path::new("-") => FileFormat::Csv,
            None => format_of(&self.file)?,
        };
        Ok(match format {
            FileFormat::Csv => UserFileFormat::Csv,
            FileFormat::Json => UserFileFormat::Json,
            FileFormat::Ndjson => UserFileFormat::Ndjson,
        })
    }

    /// Opens it, so that a place that cannot be written to is told before the work begins.
    pub(super) fn open(&self) -> anyhow::Result<Destination> {
        if self.file == Path::new("-") {
            return Ok(Destination::Output);
        }
        let file = PrivateFile::create(&self.file).with_context(|| self.failure())?;
        Ok(Destination::File(file))
    }

    /// What is told when it cannot be written.
    pub(super) fn failure(&self) -> String {
        format!("cannot write `{}`", self.file.display())
    }

    /// The file's name, if it is one.
    pub(super) fn name(&self) -> Option<String> {
        (self.file != Path::new("-")).then(|| self.file.display().to_string())
    }
}

/// Where it goes.
pub(super) enum Destination {
    /// Standard output.
    Output,
    /// A file.
    File(PrivateFile),
}

impl Destination {
    /// Writes a piece. False: whoever reads standard output has gone, having read what it wanted.
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<bool> {
        let written = match self {
            Self::Output => io::stdout().lock().write_all(piece),
            Self::File(file) => file.write_all(piece),
        };
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// The file is whole.
    pub(super) fn keep(self) -> io::Result<()> {
        match self {
            Self::Output => io::stdout().lock().flush(),
            Self::File(file) => file.keep(),
        }
    }

    /// Whether a progress bar would stand in the middle of it.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Output) && io::stdout().is_terminal()
    }
}
