//! The yardstick of writes: three etcd processes as Debian packages them.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::ports::PortBlock;
use cluster_tests::wait_for;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

use self::pb::kv_client::KvClient;
use self::pb::maintenance_client::MaintenanceClient;

mod pb {
    #![allow(clippy::all, clippy::restriction, clippy::pedantic, unreachable_pub)]
    tonic::include_proto!("etcdserverpb");
}

/// Three members of one etcd cluster.
#[derive(Debug)]
pub(crate) struct Etcd {
    clients: Vec<SocketAddr>,
    _children: Vec<Child>,
    _folder: TempDir,
    _ports: PortBlock,
}

impl Etcd {
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("etcd-").tempdir()?;
        let mut ports = PortBlock::reserve()?;
        let mut members = Vec::new();
        for number in 1..=3 {
            members.push((format!("member-{number}"), ports.take()?, ports.take()?));
        }
        let all: Vec<_> = members
            .iter()
            .map(|(name, _, peer)| format!("{name}=http://{peer}"))
            .collect();
        let mut children = Vec::new();
        for (name, client, peer) in &members {
            let (client, peer) = (format!("http://{client}"), format!("http://{peer}"));
            let child = Command::new("etcd")
                .args([
                    "--name",
                    name,
                    "--initial-cluster",
                    &all.join(","),
                    "--initial-cluster-state",
                    "new",
                ])
                .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
                .arg("--data-dir")
                .arg(folder.path().join(name))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .context("cannot run `etcd`; on Debian: apt-get install etcd-server")?;
            children.push(child);
        }
        let clients = members.into_iter().map(|(_, client, _)| client).collect();
        Ok(Self {
            clients,
            _children: children,
            _folder: folder,
            _ports: ports,
        })
    }

    /// A connection to the member that leads, so that no put pays for a hop.
    pub(crate) async fn leader(&self) -> Result<Puts> {
        let channel = wait_for("etcd to have a leader", PATIENCE, async || {
            for address in &self.clients {
                let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
                let channel = endpoint.connect().await?;
                let status = MaintenanceClient::new(channel.clone())
                    .status(pb::StatusRequest {})
                    .await?
                    .into_inner();
                if status.header.is_some_and(|header| header.member_id == status.leader) {
                    return Ok(Some(channel));
                }
            }
            Ok(None)
        })
        .await?;
        Ok(Puts {
            client: KvClient::new(channel),
        })
    }
}

/// Puts on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Puts {
    client: KvClient<Channel>,
}

impl Puts {
    pub(crate) async fn put(&self, key: String, value: Vec<u8>) -> Result<()> {
        self.client
            .clone()
            .put(pb::PutRequest {
                key: key.into_bytes(),
                value,
            })
            .await?;
        Ok(())
    }
}
