//! What a node asks another that keeps something, and what it is told: the encoding in which both travel.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::import_job::ImportView;
use super::things::Ticket;
use crate::admin::import::BadRow;
use crate::cluster::Parcel;

/// What is asked. Append-only, as nodes of two versions may talk to each other. It has no `Debug`, as things may be secret.
#[derive(Serialize, Deserialize)]
pub(super) enum Ask {
    /// Keep this in the place of what the ticket names.
    Replace(Ticket, Vec<u8>),
    /// What the ticket names.
    Find(Ticket),
    /// Keep it no longer.
    Forget(Ticket),
    /// How far the import of that name has come.
    Look(String),
    /// Its rejected rows, at most so many.
    Rejects(String, usize),
    /// Store what was checked.
    Begin(String),
    /// Go no further.
    Stop(String),
}

/// What is told. Append-only.
#[derive(Serialize, Deserialize)]
pub(super) enum Told {
    /// Nothing of that name is kept.
    Unknown,
    /// It is done.
    Done,
    /// The thing.
    Thing(Vec<u8>),
    /// How far the import is.
    Import(Box<ImportView>),
    /// Rejected rows.
    Rejects(Vec<BadRow>),
}

pub(super) fn packed<T: Serialize>(value: &T) -> Result<Parcel, String> {
    let bytes = postcard::to_stdvec(value).map_err(|error| format!("cannot be encoded: {error}"))?;
    Ok(Parcel::new(bytes))
}

pub(super) fn unpacked<T: DeserializeOwned>(parcel: &Parcel) -> Result<T, String> {
    postcard::from_bytes(parcel.bytes()).map_err(|error| format!("cannot be understood: {error}"))
}
