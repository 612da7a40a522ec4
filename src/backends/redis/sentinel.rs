//! A server that sentinels name: whichever of a group is the master now.

use futures_util::future::select_ok;
use redis::Value as Reply;

use super::dial::{Connection, Dialer};
use super::trouble::{Kind, Trouble};
use crate::backends::address::Address;

/// The sentinels of one group of servers.
pub(super) struct Sentinels {
    pub(super) addresses: Vec<Address>,
    /// What they call the group.
    pub(super) group: String,
    /// To the sentinels, which have credentials of their own.
    pub(super) to_sentinels: Dialer,
    pub(super) to_master: Dialer,
}

impl Sentinels {
    /// A connection to the master. All sentinels are asked at once, because some may be dead or behind the times: the first that
    /// names a server which itself says that it is the master, wins.
    pub(super) async fn open(&self) -> Result<Connection, Trouble> {
        let tries = self.addresses.iter().map(|sentinel| Box::pin(self.through(sentinel)));
        let (connection, _others) = select_ok(tries).await?;
        Ok(connection)
    }

    /// Whom the sentinels call the master.
    pub(super) async fn master(&self) -> Result<Address, Trouble> {
        let tries = self.addresses.iter().map(|sentinel| Box::pin(self.named_by(sentinel)));
        let (master, _others) = select_ok(tries).await?;
        Ok(master)
    }

    async fn through(&self, sentinel: &Address) -> Result<Connection, Trouble> {
        let master = self.named_by(sentinel).await?;
        let connection = self.to_master.open(&master).await?;
        let is_master = match connection.ask(&redis::cmd("ROLE"), false).await {
            Ok(Reply::Array(told)) => told.first().is_some_and(|role| says(role, "master")),
            Ok(_) => false,
            Err(trouble) if trouble.kind == Kind::Lost => return Err(trouble),
            // Who may only look accounts up may not ask that; then the sentinel is believed.
            Err(_) => true,
        };
        if is_master {
            Ok(connection)
        } else {
            Err(Trouble::lost(format!(
                "{master} is no master, although the sentinel {sentinel} says so"
            )))
        }
    }

    async fn named_by(&self, sentinel: &Address) -> Result<Address, Trouble> {
        let connection = self.to_sentinels.open(sentinel).await.map_err(|mut trouble| {
            trouble.error.detail = format!("sentinel {}", trouble.error.detail);
            trouble
        })?;
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.group);
        let named = match connection.ask(&command, false).await? {
            Reply::Array(named) => named,
            Reply::Nil => {
                let group = &self.group;
                return Err(Trouble::lost(format!(
                    "the sentinel {sentinel} knows no master named `{group}`"
                )));
            }
            _ => Vec::new(),
        };
        let text = |part: &Reply| match part {
            Reply::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
            _ => None,
        };
        let address = match named.as_slice() {
            [host, port] => text(host).zip(text(port).and_then(|port| port.parse().ok())),
            _ => None,
        };
        address
            .map(|(host, port)| Address { host, port })
            .ok_or_else(|| Trouble::lost(format!("the sentinel {sentinel} names no address")))
    }
}

fn says(reply: &Reply, word: &str) -> bool {
    match reply {
        Reply::BulkString(bytes) => bytes == word.as_bytes(),
        Reply::SimpleString(text) => text == word,
        _ => false,
    }
}
