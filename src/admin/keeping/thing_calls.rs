//! Things as their owners keep and find them, from whichever node.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::asking::{Ask, Told, packed, unpacked};
use super::names;
use super::things::{LARGEST, Shelf, Ticket};
use crate::admin::error::AdminError;
use crate::admin::handle::Admin;
use crate::admin::sessions::SignedIn;
use crate::auth::Secret;
use crate::cluster::{Done, Errand};

/// Nodes answer from memory.
const AT_ONCE: Duration = Duration::from_secs(2);

impl Admin {
    /// Keeps something for half an hour, in the place of what has that name, or on this node under a new one. The name finds it from
    /// every node, in this session alone.
    pub async fn keep<T>(&self, shelf: Shelf, owner: &SignedIn, name: &str, thing: &T) -> Result<String, AdminError>
    where
        T: Serialize + Sync,
    {
        let thing = serde_json::to_vec(thing)
            .map(Secret::new)
            .map_err(|error| AdminError::Internal(format!("what is to be kept cannot be written: {error}")))?;
        if thing.expose().len() > LARGEST {
            let what = shelf.thing().to_owned();
            return Err(AdminError::TooLarge { what, limit: LARGEST });
        }
        let mut ticket = ticket(shelf, owner, name);
        if let Some(node) = names::node_of(name) {
            let replace = Ask::Replace(ticket.clone(), thing.expose().to_vec());
            // A node that does not answer loses it: it is as good here.
            if matches!(self.ask(node, shelf.thing(), replace).await, Ok(Told::Done)) {
                return Ok(ticket.name);
            }
        }
        ticket.name = names::fresh(self.cluster.node_id())?;
        let name = ticket.name.clone();
        self.keeper.things.keep(ticket, thing, self.clock.instant());
        Ok(name)
    }

    /// What is kept under that name. `None`: it was never kept, or not for this session, or is not any more.
    pub async fn find<T: DeserializeOwned>(
        &self,
        shelf: Shelf,
        owner: &SignedIn,
        name: &str,
    ) -> Result<Option<T>, AdminError> {
        let Some(node) = names::node_of(name) else {
            return Ok(None);
        };
        let find = Ask::Find(ticket(shelf, owner, name));
        let Told::Thing(thing) = self.ask(node, shelf.thing(), find).await? else {
            return Ok(None);
        };
        let thing = Secret::new(thing);
        let read = serde_json::from_slice(thing.expose());
        read.map(Some)
            .map_err(|error| AdminError::Internal(format!("what was kept cannot be read: {error}")))
    }

    /// It is not needed any more. Where that cannot be told, time forgets it.
    pub async fn forget(&self, shelf: Shelf, owner: &SignedIn, name: &str) {
        if let Some(node) = names::node_of(name)
            && let Err(why) = self
                .ask(node, shelf.thing(), Ask::Forget(ticket(shelf, owner, name)))
                .await
        {
            tracing::debug!(%why, "something is kept longer than needed");
        }
    }

    /// Asks the node that keeps something. `what` names it in the words of whoever is told that it cannot be had.
    pub(super) async fn ask(&self, node: u64, what: &str, ask: Ask) -> Result<Told, AdminError> {
        if node == self.cluster.node_id() {
            return Ok(self.keeper.tell(ask));
        }
        let parcel = packed(&ask).map_err(|why| AdminError::Internal(format!("what is asked {why}")))?;
        let answers = self.cluster.to(|id| id == node, Errand::Ask(parcel), AT_ONCE).await;
        let told = match answers.into_iter().next() {
            // A node that was removed keeps nothing any more.
            None => return Ok(Told::Unknown),
            Some((_, Done::Told(parcel))) => unpacked(&parcel),
            Some((_, Done::Failed(why))) => Err(why),
            Some(_) => Err("it answered something else".to_owned()),
        };
        told.map_err(|why| {
            tracing::info!(node, what, why, "a node does not hand out what it keeps");
            AdminError::Precondition(format!("node {node}, which keeps {what}, does not answer"))
        })
    }
}

fn ticket(shelf: Shelf, owner: &SignedIn, name: &str) -> Ticket {
    Ticket {
        shelf,
        account: owner.account.name.clone(),
        session: owner.session_id.clone(),
        name: name.to_owned(),
    }
}
