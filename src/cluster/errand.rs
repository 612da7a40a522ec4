//! What an operator wants done on every node: not a change of what the cluster knows, so it does not go through consensus.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::handle::{Cluster, Inner};
use super::orders::{decode, encode};
use crate::auth::{Attempt, AuthenticatorKey, AuthenticatorRecord, Health, Trial};
use crate::raft::{self, Member};

/// An errand. Append-only, as nodes of two versions may talk to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Errand {
    /// Set an authenticator's figures to zero.
    ResetFigures(AuthenticatorKey),
    /// Forget what an authenticator remembers of its backend's answers.
    PurgeCache(AuthenticatorKey),
    /// Open an authenticator and try its backend, for nothing else.
    Test(Box<AuthenticatorRecord>),
    /// Try a login. Nothing is counted, stored or logged.
    Try(Box<Attempt>),
}

/// What became of an errand on a node. Append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// It is done.
    Done,
    /// The backend was tried, and fares so.
    Tried { health: Health, took: Duration },
    /// It cannot be done here.
    Failed(String),
    /// A login was tried.
    Trial(Box<Trial>),
}

impl Cluster {
    /// Sends every member on an errand, all at once; who does not come back in time has failed.
    pub async fn everywhere(&self, errand: Errand, timeout: Duration) -> Vec<(u64, Done)> {
        self.to(|_| true, errand, timeout).await
    }

    /// Sends those members on an errand whose number fits.
    pub async fn to(&self, fits: impl Fn(u64) -> bool, errand: Errand, timeout: Duration) -> Vec<(u64, Done)> {
        let members = self.membership().members;
        let sent = members.iter().filter(|(id, _)| fits(**id)).map(|(&id, member)| {
            let errand = errand.clone();
            async move { (id, self.inner.send(id, member, errand, timeout).await) }
        });
        join_all(sent).await
    }
}

impl Inner {
    async fn send(&self, id: u64, member: &Member, errand: Errand, timeout: Duration) -> Done {
        if id == self.node_id {
            return self.parts.this_node.run(errand).await;
        }
        let peer = raft::Handle::peer_name(id, member);
        let done = match encode(&errand) {
            Ok(payload) => self.parts.peers.errand(&peer, payload, timeout).await,
            Err(why) => return Done::Failed(why),
        };
        match done
            .map_err(|error| error.to_string())
            .and_then(|payload| decode(&payload))
        {
            Ok(done) => done,
            Err(why) => Done::Failed(why),
        }
    }
}
