//! What can be said to an import.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::cli::args::{Scope, duration};
use crate::wire::pb::v1::ImportUsersHeader;
use crate::wire::pb::v1::import_users_header::{self as header, Format, PasswordType};

/// Which file, and how to take it.
#[derive(Args, Debug)]
pub(in crate::cli) struct ImportArgs {
    /// The file; `-` is standard input
    pub(super) file: PathBuf,
    /// What it is [default: by its extension]
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// Whether it holds hashes, or passwords in the clear
    #[arg(long = "type", value_enum, default_value_t = Passwords::Hash)]
    passwords: Passwords,
    /// How its hashes or keys were made: a name or a JSON object; of SCRAM sha256 or sha512 [default: the authenticator's]
    #[arg(long, default_value = "", hide_default_value = true)]
    algorithm: String,
    /// What becomes of a user that was there before. Of two rows for one user the later counts
    #[arg(long, value_enum, default_value_t = OnConflict::Replace)]
    on_conflict: OnConflict,
    /// Check and count every row and store none
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Store nothing if a single row is bad
    #[arg(long)]
    all_or_nothing: bool,
    /// Write every bad row to this CSV file, without its password
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// When a node or connection is lost: how long to try to go on without a single row being taken
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(super) retry_for: Duration,
    /// Resume the import of that id, as it was told when it broke off
    #[arg(long, value_name = "ID", requires = "resume_after_row", conflicts_with_all = ["dry_run", "all_or_nothing"])]
    import_id: Option<String>,
    /// How many rows of the file are done with
    #[arg(long, value_name = "ROWS", requires = "import_id")]
    resume_after_row: Option<u64>,
    #[command(flatten)]
    scope: Scope,
}

/// What a file of users is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum FileFormat {
    /// A header line, then a line for each user.
    Csv,
    /// One array of objects.
    Json,
    /// An object in each line.
    Ndjson,
}

/// What stands in a file for a password.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Passwords {
    /// A hash and its salt; of SCRAM users RFC 5803's text, or salt, iterations, stored_key and server_key.
    Hash,
    /// The password in the clear.
    Plain,
}

/// What becomes of a user that was there before.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnConflict {
    /// The file's takes its place.
    Replace,
    /// It stays as it is.
    Skip,
}

impl ImportArgs {
    pub(super) fn format(&self) -> anyhow::Result<FileFormat> {
        self.format.map_or_else(|| format_of(&self.file), Ok)
    }

    pub(super) fn header(&self) -> anyhow::Result<ImportUsersHeader> {
        let format = match self.format()? {
            FileFormat::Csv => Format::Csv,
            FileFormat::Json => Format::Json,
            FileFormat::Ndjson => Format::Ndjson,
        };
        let passwords = match self.passwords {
            Passwords::Hash => PasswordType::Hash,
            Passwords::Plain => PasswordType::Plain,
        };
        let on_conflict = match self.on_conflict {
            OnConflict::Replace => header::OnConflict::Replace,
            OnConflict::Skip => header::OnConflict::Skip,
        };
        Ok(ImportUsersHeader {
            chain: self.scope.chain.chain.clone(),
            authenticator: self.scope.authenticator.clone(),
            format: format.into(),
            password_type: passwords.into(),
            on_conflict: on_conflict.into(),
            dry_run: self.dry_run,
            all_or_nothing: self.all_or_nothing,
            algorithm: self.algorithm.clone(),
            import_id: self.import_id.clone().unwrap_or_default(),
            resume_after_row: self.resume_after_row.unwrap_or_default(),
        })
    }
}

/// What a file is by its name.
pub(in crate::cli) fn format_of(file: &Path) -> anyhow::Result<FileFormat> {
    match file
        .extension()
        .and_then(|extension| extension.to_str())
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("csv") => Ok(FileFormat::Csv),
        Some("json") => Ok(FileFormat::Json),
        Some("ndjson" | "jsonl") => Ok(FileFormat::Ndjson),
        _ => bail!(
            "`{}` has no extension that tells its format: give --format csv, json or ndjson",
            file.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{FileFormat, Path, format_of};

    #[test]
    fn the_extension_tells_the_format() {
        assert_eq!(format_of(Path::new("a/users.CSV")).unwrap(), FileFormat::Csv);
        assert_eq!(format_of(Path::new("users.jsonl")).unwrap(), FileFormat::Ndjson);
        assert!(format_of(Path::new("-")).is_err());
    }
}
