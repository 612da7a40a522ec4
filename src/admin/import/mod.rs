//! Import of user files: CSV, JSON and NDJSON as EMQX's users have them, in bounded memory, in the order of the file.

mod body;
mod csv_file;
mod job;
mod json_file;
mod rehearsal;
mod rows;
mod stages;
mod writer;

pub use self::job::{BadRow, ImportBody, ImportFormat, ImportHeader, ImportProgress, PasswordType};

pub(super) use self::job::Limits;
