//! A private pgbouncer in transaction mode before a PostgreSQL.

use std::fs;
use std::net::SocketAddr;

use anyhow::Result;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::postgresql::PASSWORD;
use super::{Launch, PostgreSql, Program, find};
use crate::conformance::Server as _;
use crate::ports::PortBlock;

/// The process.
#[derive(Debug)]
pub struct PgBouncer {
    _program: Program,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: TempDir,
    _ports: PortBlock,
}

impl PgBouncer {
    /// Starts one that hands each transaction to one of so many connections to that server.
    pub async fn before(server: &PostgreSql, connections: u32) -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let address = ports.take()?;
        let folder = tempfile::Builder::new().prefix("portcullis-pgbouncer-").tempdir()?;
        let root = folder.path();
        let users = format!("\"portcullis\" \"{}\"\n", PASSWORD.replace('"', "\"\""));
        fs::write(root.join("users.txt"), users)?;
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {root}/users.txt\npool_mode = transaction\n\
             default_pool_size = {connections}\n",
            server = server.address().port(),
            port = address.port(),
            root = root.display(),
        );
        fs::write(root.join("pgbouncer.ini"), settings)?;
        let launch = Launch {
            name: "pgbouncer",
            program: find("pgbouncer", "pgbouncer")?,
            arguments: vec!["pgbouncer.ini".into()],
            folder: root.into(),
            user: "postgres",
        };
        launch.give_folder()?;
        let answers = async || {
            TcpStream::connect(address).await?;
            Ok(())
        };
        Ok(Self {
            _program: Program::start(launch, answers).await?,
            address,
            _folder: folder,
            _ports: ports,
        })
    }
}
