//! Where the nodes of a development cluster live: folders, ports, configuration files.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use toml::{Table, Value};

use super::record::NodeRecord;

/// Ports from one node to the next.
const STRIDE: u16 = 10;

/// The whole cluster's places.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) folder: PathBuf,
    pub(super) nodes: Vec<Place>,
}

/// One node's place.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) id: u64,
    pub(super) folder: PathBuf,
    pub(super) grpc: String,
    pub(super) peer: String,
    pub(super) http: String,
}

impl Layout {
    /// Node n (from 1) listens on `base_port + 10·(n − 1)` and the two ports above it.
    pub(super) fn new(folder: &Path, nodes: u16, base_port: u16) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder).with_context(|| format!("cannot use `{}`", folder.display()))?;
        let places = (0..nodes)
            .map(|index| Place::new(&folder, index, base_port))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { folder, nodes: places })
    }

    /// Refuses to start beside something that listens where a node would: the nodes would say it too, but in their logs.
    pub(super) fn require_free_ports(&self) -> anyhow::Result<()> {
        for place in &self.nodes {
            for (purpose, address) in [("gRPC", &place.grpc), ("peers", &place.peer), ("HTTP", &place.http)] {
                if let Err(error) = TcpListener::bind(address) {
                    bail!(
                        "node {} cannot listen on {address} ({purpose}): {error}; stop what uses it, or choose another --base-port",
                        place.id
                    );
                }
            }
        }
        Ok(())
    }

    /// Refuses a folder whose cluster was formed with other nodes: their addresses are part of its membership.
    pub(super) fn require_same_nodes(&self, recorded: &[NodeRecord]) -> anyhow::Result<()> {
        let same = recorded.len() == self.nodes.len()
            && recorded
                .iter()
                .zip(&self.nodes)
                .all(|(then, now)| then.id == now.id && then.grpc == now.grpc);
        if !same {
            let base = recorded
                .first()
                .and_then(|node| node.grpc.rsplit_once(':'))
                .map_or("?", |(_, port)| port);
            bail!(
                "`{}` holds a cluster of {} nodes from port {base}: start it with --nodes {} --base-port {base}, or use another --data-dir",
                self.folder.display(),
                recorded.len(),
                recorded.len()
            );
        }
        Ok(())
    }

    /// Makes the folders and writes the configuration of each node. A file that is there stays: it may have been edited.
    pub(super) fn write(&self, keep: bool) -> anyhow::Result<()> {
        let initial_nodes = self
            .nodes
            .iter()
            .map(|place| (place.id.to_string(), place.peer.clone().into()))
            .collect();
        for place in &self.nodes {
            fs::create_dir_all(&place.folder).with_context(|| format!("cannot make `{}`", place.folder.display()))?;
            let file = place.config();
            if keep && file.exists() {
                continue;
            }
            let text = format!("# Written by `portcullis dev`.\n{}", place.settings(&initial_nodes)?);
            fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
        }
        Ok(())
    }
}

impl Place {
    fn new(folder: &Path, index: u16, base_port: u16) -> anyhow::Result<Self> {
        let port = index
            .checked_mul(STRIDE)
            .and_then(|offset| base_port.checked_add(offset));
        let port = port
            .filter(|port| port.checked_add(2).is_some())
            .context("the ports of the last node are past 65535")?;
        let id = u64::from(index) + 1;
        Ok(Self {
            id,
            folder: folder.join(format!("node-{id}")),
            grpc: format!("127.0.0.1:{port}"),
            peer: format!("127.0.0.1:{}", port + 1),
            http: format!("127.0.0.1:{}", port + 2),
        })
    }

    /// Its configuration file.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("portcullis.toml")
    }

    /// What it says.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Its gRPC address as clients write it.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    fn settings(&self, initial_nodes: &Table) -> anyhow::Result<String> {
        let data_dir = self.folder.join("data");
        let data_dir = data_dir
            .to_str()
            .with_context(|| format!("`{}` is not UTF-8", data_dir.display()))?;
        let id = i64::try_from(self.id)?;
        let settings = Table::from_iter([
            section("node", [("id", id.into()), ("data_dir", data_dir.into())]),
            section("api", [("listen", self.grpc.as_str().into())]),
            section("peer", [("listen", self.peer.as_str().into())]),
            section("http", [("listen", self.http.as_str().into())]),
            section("cluster", [("initial_nodes", initial_nodes.clone().into())]),
        ]);
        Ok(toml::to_string(&settings)?)
    }
}

fn section<const N: usize>(name: &str, entries: [(&str, Value); N]) -> (String, Value) {
    let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value));
    (name.to_owned(), Value::Table(entries.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_stand_ten_ports_apart() {
        let layout = Layout::new(Path::new("dev"), 3, 7600).unwrap();
        assert_eq!(layout.nodes[2].grpc, "127.0.0.1:7620");
        assert_eq!(layout.nodes[2].peer, "127.0.0.1:7621");
        assert_eq!(
            layout.nodes[0].folder,
            std::env::current_dir().unwrap().join("dev/node-1")
        );
    }

    #[test]
    fn ports_past_the_last_one_are_refused() {
        assert!(Layout::new(Path::new("dev"), 3, 65520).is_err());
        assert!(Layout::new(Path::new("dev"), 1, 65533).is_ok());
    }

    #[test]
    fn the_files_are_settings_of_a_node() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path(), 3, 7600).unwrap();
        layout.write(false).unwrap();
        let text = fs::read_to_string(layout.nodes[1].config()).unwrap();
        let settings: crate::config::Settings = toml::from_str(&text).unwrap();
        assert_eq!(settings.node.id, 2);
        assert_eq!(settings.api.listen, "127.0.0.1:7610");
        assert_eq!(settings.cluster.initial_nodes["3"], "127.0.0.1:7621");
    }

    #[test]
    fn an_edited_file_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path(), 1, 7600).unwrap();
        layout.write(false).unwrap();
        fs::write(layout.nodes[0].config(), "# mine").unwrap();
        layout.write(true).unwrap();
        assert_eq!(fs::read_to_string(layout.nodes[0].config()).unwrap(), "# mine");
    }

    #[test]
    fn a_port_in_use_is_named_with_its_node() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let layout = Layout::new(Path::new("dev"), 1, port).unwrap();
        let error = layout.require_free_ports().unwrap_err().to_string();
        assert!(
            error.contains(&format!("node 1 cannot listen on 127.0.0.1:{port}")),
            "{error}"
        );
    }
}
