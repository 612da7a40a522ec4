//! What an operator wants done on every node: not a change of what the cluster knows, so it does not go through consensus.

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

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
    /// Tell something that this node alone keeps.
    Ask(Parcel),
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
    /// What was asked.
    Told(Parcel),
}

/// What one room of two nodes tells itself, in its own encoding. It may hold secrets: wiped on drop, and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel(Vec<u8>);

impl Parcel {
    /// Takes the bytes over.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
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

#[cfg(test)]
mod tests {
    use super::{Errand, Parcel};

    #[test]
    fn what_one_node_asks_another_cannot_be_printed() {
        let errand = Errand::Ask(Parcel::new(b"AAAA".to_vec()));
        let shown = format!("{errand:?}");
        assert!(!shown.contains("65") && !shown.contains("AAAA"), "{shown}");
    }
}
