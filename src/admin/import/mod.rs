//! Import of user files: CSV, JSON and NDJSON as EMQX's users have them, in bounded memory, in the order of the file.

mod batch;
mod body;
mod columns;
mod csv_cells;
mod csv_file;
mod filling;
mod flight;
#[cfg(fuzzing)]
mod fuzzing;
mod held;
mod identity;
mod intake;
mod job;
mod json_file;
mod json_object;
mod reading;
mod rehearsal;
mod report;
mod rows;
mod source;
mod stages;
#[cfg(test)]
mod tests;
mod values;
mod writer;

#[cfg(fuzzing)]
pub use self::fuzzing::count_rows;
pub use self::job::{BadRow, ImportBody, ImportFormat, ImportHeader, ImportProgress, PasswordType};

pub(super) use self::filling::{FillOrder, Filled};
pub(super) use self::job::Limits;
