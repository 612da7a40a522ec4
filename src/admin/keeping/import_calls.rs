//! Imports of uploaded files, as operators bring, see, begin and stop them, from whichever node.

use std::fs::File;

use super::asking::{Ask, Told};
use super::import_job::ImportView;
use super::import_jobs::Place;
use super::names;
use crate::admin::error::AdminError;
use crate::admin::handle::Admin;
use crate::admin::import::{BadRow, ImportHeader};

/// An import, in a sentence.
const THING: &str = "this import";

/// A place for a file that is to come; given back when it is dropped.
pub struct ImportPlace(Place);

impl Admin {
    /// A place for a file on this node. To be had before anything of the file is read, so that it is bounded what waits here.
    pub fn import_place(&self, by: &str) -> Result<ImportPlace, AdminError> {
        self.keeper.imports.place(by).map(ImportPlace)
    }

    /// Takes a file and begins to check it. The import's name leads to it from every node.
    pub fn take_import(
        &self,
        ImportPlace(place): ImportPlace,
        header: ImportHeader,
        file_name: String,
        file: File,
    ) -> Result<String, AdminError> {
        let name = names::fresh(self.cluster.node_id())?;
        let job = place.fill(name.clone(), header, file_name);
        tokio::spawn(job.lead(file, self.clone()));
        Ok(name)
    }

    /// How far an import is. `None`: its node has been started anew since, or forgot it over later ones.
    pub async fn import(&self, name: &str) -> Result<Option<ImportView>, AdminError> {
        match self.ask_for_import(name, Ask::Look).await? {
            Told::Import(view) => Ok(Some(*view)),
            _ => Ok(None),
        }
    }

    /// The rows that an import has rejected, at most so many.
    pub async fn import_rejects(&self, name: &str, most: usize) -> Result<Vec<BadRow>, AdminError> {
        match self.ask_for_import(name, |name| Ask::Rejects(name, most)).await? {
            Told::Rejects(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// Has stored what was checked.
    pub async fn begin_import(&self, name: &str) -> Result<(), AdminError> {
        self.ask_for_import(name, Ask::Begin).await.map(drop)
    }

    /// Has an import end after what is in flight.
    pub async fn stop_import(&self, name: &str) -> Result<(), AdminError> {
        self.ask_for_import(name, Ask::Stop).await.map(drop)
    }

    async fn ask_for_import(&self, name: &str, ask: impl FnOnce(String) -> Ask) -> Result<Told, AdminError> {
        match names::node_of(name) {
            Some(node) => self.ask(node, THING, ask(name.to_owned())).await,
            None => Ok(Told::Unknown),
        }
    }
}
