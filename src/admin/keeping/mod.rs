//! What one node keeps for people who are signed in, and every node hands out: things that must not go into a page, and imports.

mod asking;
mod import_calls;
mod import_job;
mod import_jobs;
mod keeper;
mod names;
mod thing_calls;
mod things;

pub use self::import_calls::ImportPlace;
pub use self::import_job::{ImportStage, ImportView};
pub use self::keeper::Keeper;
pub use self::things::Shelf;
