//! A run: committed entries that are applied together, as one batch of the store.

use std::io;

use futures_util::{FutureExt, Stream, StreamExt};
use openraft::EntryPayload;
use openraft::storage::{ApplyResponder, EntryResponder};

use super::codec::encode;
use super::types::{Entry, StoredMembership, TypeConfig, number};
use crate::store::{self, Outcome, Payload};

const MAX_ENTRIES: usize = 1024;
const MAX_BYTES: usize = 4 << 20;

/// Entries in their order, and who waits for each.
#[derive(Default)]
pub(super) struct Run {
    pub(super) entries: Vec<store::Entry>,
    waiting: Vec<Option<ApplyResponder<TypeConfig>>>,
    bytes: usize,
}

impl Run {
    /// Waits for one entry and takes along what is ready behind it. `None` at the end of the stream.
    pub(super) async fn gather<S>(stream: &mut S) -> io::Result<Option<Self>>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin,
    {
        let Some(first) = stream.next().await else {
            return Ok(None);
        };
        let mut run = Self::default();
        run.push(first?)?;
        while run.entries.len() < MAX_ENTRIES && run.bytes < MAX_BYTES {
            let Some(Some(next)) = stream.next().now_or_never() else {
                break;
            };
            run.push(next?)?;
        }
        Ok(Some(run))
    }

    /// Splits into what the store applies and what is answered afterwards.
    pub(super) fn into_parts(self) -> (Vec<store::Entry>, Waiting) {
        (self.entries, Waiting(self.waiting))
    }

    fn push(&mut self, (entry, responder): EntryResponder<TypeConfig>) -> io::Result<()> {
        if let EntryPayload::Normal(proposal) = &entry.payload {
            self.bytes += proposal.len();
        }
        self.entries.push(store_entry(entry)?);
        self.waiting.push(responder);
        Ok(())
    }
}

/// Those who proposed the entries of a run.
pub(super) struct Waiting(Vec<Option<ApplyResponder<TypeConfig>>>);

impl Waiting {
    /// Answers everyone. The store owes one outcome for each entry.
    pub(super) fn answer(self, outcomes: Vec<Outcome>) -> io::Result<()> {
        if outcomes.len() != self.0.len() {
            return Err(io::Error::other(format!(
                "{} outcomes for {} entries",
                outcomes.len(),
                self.0.len()
            )));
        }
        for (responder, outcome) in self.0.into_iter().zip(outcomes) {
            if let Some(responder) = responder {
                responder.send(outcome);
            }
        }
        Ok(())
    }
}

/// A command that cannot be decoded stops the node: it was written by a newer version, and skipping it would make the nodes differ.
fn store_entry(entry: Entry) -> io::Result<store::Entry> {
    let payload = match entry.payload {
        EntryPayload::Blank => Payload::Blank,
        EntryPayload::Normal(proposal) => Payload::Command(proposal.envelope()?),
        EntryPayload::Membership(membership) => {
            Payload::Membership(encode(&StoredMembership::new(Some(entry.log_id), membership))?)
        }
    };
    Ok(store::Entry {
        index: number(&entry.log_id),
        position: encode(&entry.log_id)?,
        payload,
    })
}
