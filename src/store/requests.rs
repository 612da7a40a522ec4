//! The memory of requests: a retry under an id that was applied before gets the first outcome and changes nothing.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::command::{Envelope, Outcome};
use super::error::StoreError;
use super::key;
use super::memory::Small;
use super::run::Run;
use super::value;

/// How many are remembered. Part of the replicated state: were it a setting, nodes could answer the same retry differently.
pub(super) const REMEMBERED: usize = 10_000;

/// What the request ids of all parts of an import begin with.
const IMPORT: &str = "import/";

/// The request id of one part of an import. By it the parts know each other: a row is no conflict for a later row of the same
/// name if both are of one import.
pub fn import_request_id(import: &str, part: &str) -> String {
    format!("{IMPORT}{import}/{part}")
}

/// The import that a request is part of.
pub(super) fn import_of(request_id: &str) -> Option<&str> {
    Some(request_id.strip_prefix(IMPORT)?.rsplit_once('/')?.0)
}

/// Who made the change at that index, and under which request id, if that is still remembered.
pub(super) fn asked_at(run: &Run<'_>, index: u64) -> Result<Option<RequestName>, StoreError> {
    let remembered: Option<Remembered> = run.get("request", &key::request(index))?;
    Ok(remembered.map(|remembered| (remembered.by, remembered.request_id)))
}

/// A request id belongs to whoever used it.
pub(super) type RequestName = (String, String);

/// One remembered request; its key is the Raft index at which it was applied.
#[derive(Serialize, Deserialize)]
struct Remembered {
    by: String,
    request_id: String,
    outcome: Outcome,
}

/// Where to find the remembered requests. The outcomes themselves are values like any other.
#[derive(Default)]
pub(super) struct Requests {
    index_of: HashMap<RequestName, u64>,
    /// Oldest first.
    names: BTreeMap<u64, RequestName>,
}

impl Requests {
    pub(super) fn read(small: &Small) -> Result<Self, StoreError> {
        let mut requests = Self::default();
        let from = small.range(vec![key::REQUESTS]..);
        for (key, bytes) in from.take_while(|(key, _)| key.first() == Some(&key::REQUESTS)) {
            let index = key::number(key).ok_or_else(|| StoreError::damaged("request", "its key is no number"))?;
            let remembered: Remembered = value::decode("request", bytes)?;
            requests.add(index, (remembered.by, remembered.request_id));
        }
        Ok(requests)
    }

    /// What became of this request before, if it is a repeated one.
    pub(super) fn recall(&self, run: &Run<'_>, envelope: &Envelope) -> Result<Option<Outcome>, StoreError> {
        if envelope.request_id.is_empty() {
            return Ok(None);
        }
        let Some(index) = self.index_of.get(&(envelope.by.clone(), envelope.request_id.clone())) else {
            return Ok(None);
        };
        let remembered: Option<Remembered> = run.get("request", &key::request(*index))?;
        Ok(remembered.map(|remembered| remembered.outcome))
    }

    /// Remembers it, and forgets the oldest ones past the bound.
    pub(super) fn remember(
        &mut self,
        run: &mut Run<'_>,
        envelope: &Envelope,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        if envelope.request_id.is_empty() {
            return Ok(());
        }
        let index = outcome.revision;
        let (by, request_id) = (envelope.by.clone(), envelope.request_id.clone());
        let remembered = Remembered {
            by,
            request_id,
            outcome: outcome.clone(),
        };
        run.put_encoded(key::request(index), value::encode(&remembered)?);
        self.add(index, (remembered.by, remembered.request_id));
        while self.names.len() > REMEMBERED
            && let Some((oldest, name)) = self.names.pop_first()
        {
            self.index_of.remove(&name);
            run.remove(key::request(oldest));
        }
        Ok(())
    }

    fn add(&mut self, index: u64, name: RequestName) {
        self.index_of.insert(name.clone(), index);
        self.names.insert(index, name);
    }
}
