//! The beginning: makes one cluster of the configured nodes. Every step can be repeated, so an `init` that died is simply run again.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::errors::ClusterError;
use super::handle::{Cluster, Inner};
use crate::raft::Member;
use crate::store::{Command, Outcome, Reply};
use crate::wire::PeerName;
use crate::wire::pb::peer::HelloReply;

/// A node that is there answers at once.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// The first election.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(10);

impl Cluster {
    /// Makes one cluster of `settings.initial_nodes`; returns its id and the nodes. `first` is written as its first command.
    pub async fn init(&self, first: Command) -> Result<(String, Vec<u64>), ClusterError> {
        let inner = &self.inner;
        if !inner.parts.store.operators().is_empty() {
            return refused("the cluster is already initialised");
        }
        let addresses = configured(&inner.parts.settings.initial_nodes, inner.node_id)?;
        let ids: Vec<u64> = addresses.keys().copied().collect();
        if !inner.parts.raft.status().initialized {
            inner.form(addresses).await?;
        }
        inner.wait_for_leader().await?;
        let cluster_id = inner.initialized()?.to_owned();
        self.write_first(&cluster_id, first).await?;
        Ok((cluster_id, ids))
    }

    /// Two nodes may be told to begin at the same time: one request id for both makes only one of the first commands count.
    async fn write_first(&self, cluster_id: &str, first: Command) -> Result<(), ClusterError> {
        let operator = match &first {
            Command::Found { operator_id: id, .. } | Command::CreateOperator { id, .. } => Some(id.clone()),
            _ => None,
        };
        let outcome = self.write_patiently(&format!("init:{cluster_id}"), first).await?;
        if let Reply::Refused(why) = &outcome.reply {
            return refused(&why.to_string());
        }
        self.inner.wait_applied(&outcome).await?;
        let ours = operator.is_none_or(|id| self.inner.parts.store.operator(&id).is_some());
        if ours {
            Ok(())
        } else {
            refused("the cluster was initialised by another call at the same time")
        }
    }
}

impl Cluster {
    /// The first leader may be replaced before it is sure of its quorum: whoever leads next is asked again.
    async fn write_patiently(&self, request_id: &str, first: Command) -> Result<Outcome, ClusterError> {
        let end = Instant::now() + ELECTION_TIMEOUT;
        loop {
            match self.write("system", request_id, first.clone()).await {
                Err(ClusterError::NoQuorum { .. }) if Instant::now() < end => {}
                settled => return settled,
            }
        }
    }
}

impl Inner {
    /// From separate nodes to one cluster.
    async fn form(&self, addresses: BTreeMap<u64, String>) -> Result<(), ClusterError> {
        let nodes = self.greet_all(&addresses).await?;
        let cluster_id = decide_id(self.node_id, self.cluster_id.get().map(String::as_str), &nodes)?;
        // This node's own promise comes first: should it die now, the next attempt goes on under the same id.
        self.take_on(&cluster_id).await.map_err(ClusterError::Refused)?;
        self.spread(&cluster_id, &addresses, &nodes).await?;
        let members = addresses.into_iter().filter_map(|(id, peer_address)| {
            let hello = nodes.get(&id)?;
            Some((
                id,
                Member {
                    peer_address,
                    api_address: hello.api_address.clone(),
                    incarnation: hello.incarnation,
                },
            ))
        });
        Ok(self.parts.raft.initialize(members.collect()).await?)
    }

    /// Asks every node who it is. The error names each one that is missing or is not who it should be.
    async fn greet_all(&self, addresses: &BTreeMap<u64, String>) -> Result<BTreeMap<u64, HelloReply>, ClusterError> {
        let greetings = addresses.iter().map(|(&id, address)| async move {
            let hello = self.parts.peers.hello(address, HELLO_TIMEOUT).await;
            (
                id,
                hello
                    .map_err(|error| error.to_string())
                    .and_then(|hello| expect_node(id, hello)),
            )
        });
        let mut nodes = BTreeMap::new();
        let mut missing = Vec::new();
        for (id, greeting) in join_all(greetings).await {
            match greeting {
                Ok(hello) => drop(nodes.insert(id, hello)),
                Err(why) => missing.push(format!("node {id} at `{}`: {why}", address_of(addresses, id))),
            }
        }
        if missing.is_empty() {
            Ok(nodes)
        } else {
            refused(&missing.join("; "))
        }
    }

    /// Gives the cluster's identity to all the others.
    async fn spread(
        &self,
        cluster_id: &str,
        addresses: &BTreeMap<u64, String>,
        nodes: &BTreeMap<u64, HelloReply>,
    ) -> Result<(), ClusterError> {
        let others = nodes.iter().filter(|(id, _)| **id != self.node_id);
        let adoptions = others.map(|(&id, hello)| async move {
            let address = address_of(addresses, id).to_owned();
            let name = PeerName {
                id,
                address,
                incarnation: hello.incarnation,
            };
            self.parts.peers.adopt(&name, cluster_id, HELLO_TIMEOUT).await
        });
        let failures: Vec<String> = join_all(adoptions)
            .await
            .into_iter()
            .filter_map(|adopted| Some(adopted.err()?.to_string()))
            .collect();
        if failures.is_empty() {
            Ok(())
        } else {
            refused(&failures.join("; "))
        }
    }

    async fn wait_for_leader(&self) -> Result<(), ClusterError> {
        let mut changes = self.parts.raft.watch();
        let elected = async {
            while self.parts.raft.status().leader.is_none() {
                changes
                    .changed()
                    .await
                    .map_err(|_| ClusterError::NotReady("consensus has stopped".into()))?;
            }
            Ok(())
        };
        let late = |_| ClusterError::Deadline("the first leader".into());
        tokio::time::timeout(ELECTION_TIMEOUT, elected).await.map_err(late)?
    }

    async fn wait_applied(&self, outcome: &Outcome) -> Result<(), ClusterError> {
        let mut applied = self.applied.clone();
        let late = || ClusterError::Deadline(format!("revision {} on this node", outcome.revision));
        let wait = applied.wait_for(|applied| *applied >= outcome.revision);
        let waited = tokio::time::timeout(self.parts.settings.write_timeout(), wait).await;
        waited.map_err(|_| late())?.map(drop).map_err(|_| late())
    }
}

/// The nodes of the configuration, which must name this one.
fn configured(nodes: &BTreeMap<String, String>, this: u64) -> Result<BTreeMap<u64, String>, ClusterError> {
    let mut addresses = BTreeMap::new();
    for (id, address) in nodes {
        match id.parse::<u64>() {
            Ok(number) if number != 0 => drop(addresses.insert(number, address.clone())),
            _ => return refused(&format!("`cluster.initial_nodes` holds `{id}`, which is no node id")),
        }
    }
    if !addresses.contains_key(&this) {
        return refused(&format!("`cluster.initial_nodes` does not name this node, {this}"));
    }
    Ok(addresses)
}

fn expect_node(id: u64, hello: HelloReply) -> Result<HelloReply, String> {
    if hello.node_id == id {
        Ok(hello)
    } else {
        Err(format!("node {} lives there", hello.node_id))
    }
}

/// A new id, or the one that an earlier attempt of this node left. Nobody may have another.
fn decide_id(this: u64, own: Option<&str>, nodes: &BTreeMap<u64, HelloReply>) -> Result<String, ClusterError> {
    let foreign = nodes
        .iter()
        .find(|(id, hello)| **id != this && !hello.cluster_id.is_empty() && Some(hello.cluster_id.as_str()) != own);
    match (foreign, own) {
        (Some((id, _)), _) => refused(&format!(
            "node {id} already belongs to a cluster; if that is an `init` that did not finish, run it again on the node where it began"
        )),
        (None, Some(own)) => Ok(own.to_owned()),
        (None, None) => Ok(uuid::Uuid::new_v4().to_string()),
    }
}

fn address_of(addresses: &BTreeMap<u64, String>, id: u64) -> &str {
    addresses.get(&id).map_or("", String::as_str)
}

fn refused<T>(why: &str) -> Result<T, ClusterError> {
    Err(ClusterError::Refused(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{HelloReply, configured, decide_id, expect_node};

    fn nodes(ids: &[(u64, &str)]) -> BTreeMap<u64, HelloReply> {
        let hello = |&(id, cluster): &(u64, &str)| {
            (
                id,
                HelloReply {
                    node_id: id,
                    cluster_id: cluster.to_owned(),
                    ..HelloReply::default()
                },
            )
        };
        ids.iter().map(hello).collect()
    }

    #[test]
    fn nodes_without_a_cluster_get_a_new_id() {
        let fresh = nodes(&[(1, ""), (2, "")]);
        let id = decide_id(1, None, &fresh).unwrap();
        assert_eq!(id.len(), 36);
        assert_ne!(decide_id(1, None, &fresh).unwrap(), id);
    }

    #[test]
    fn an_unfinished_init_goes_on_under_its_id() {
        assert_eq!(
            decide_id(1, Some("c"), &nodes(&[(1, "c"), (2, "c"), (3, "")])).unwrap(),
            "c"
        );
    }

    #[test]
    fn a_node_of_another_cluster_is_named() {
        for own in [None, Some("c")] {
            let error = decide_id(1, own, &nodes(&[(1, ""), (2, "d")])).unwrap_err();
            assert!(error.to_string().starts_with("node 2 "), "{error}");
        }
    }

    #[test]
    fn the_configuration_must_name_this_node_and_only_numbers() {
        let of = |ids: &[&str]| configured(&ids.iter().map(|&id| (id.to_owned(), "h:1".to_owned())).collect(), 1);
        assert_eq!(of(&["1", "2"]).unwrap().len(), 2);
        assert!(of(&["2"]).is_err());
        assert!(of(&[]).is_err());
        assert!(of(&["1", "x"]).unwrap_err().to_string().contains("`x`"));
    }

    #[test]
    fn the_wrong_node_at_an_address_is_named() {
        let hello = HelloReply {
            node_id: 3,
            ..HelloReply::default()
        };
        assert_eq!(expect_node(2, hello).unwrap_err(), "node 3 lives there");
    }
}
