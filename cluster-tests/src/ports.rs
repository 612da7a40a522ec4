//! Free loopback ports below the kernel's ephemeral range, kept apart between test processes by lock files.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, Result, bail};

const FIRST: u16 = 20_000;
/// Room for `dev`, which takes three ports at every tenth number.
const BLOCK: u16 = 64;
const BLOCKS: u16 = 190;

/// A run of ports that no other test process will touch while this value lives.
#[derive(Debug)]
pub struct PortBlock {
    first: u16,
    next: u16,
    _lock: File,
}

impl PortBlock {
    /// Starts looking at a random place, so that parallel processes seldom meet.
    pub fn reserve() -> Result<Self> {
        let folder = env::temp_dir().join("portcullis-test-ports");
        fs::create_dir_all(&folder)?;
        let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
        let start = u16::try_from(seed % u64::from(BLOCKS))?;
        for step in 0..BLOCKS {
            let number = (start + step) % BLOCKS;
            let path = folder.join(format!("{number}.lock"));
            let lock = File::options().create(true).truncate(false).write(true).open(path)?;
            let first = FIRST + number * BLOCK;
            if lock.try_lock().is_ok() && (first..first + BLOCK).all(is_free) {
                return Ok(Self {
                    first,
                    next: first,
                    _lock: lock,
                });
            }
        }
        bail!("every block of ports from {FIRST} is taken")
    }

    /// The next port of the block.
    pub fn take(&mut self) -> Result<SocketAddr> {
        let port = self.next;
        if port >= self.first + BLOCK {
            bail!("the block of {BLOCK} ports is used up");
        }
        self.next = port.checked_add(1).context("port numbers end here")?;
        Ok(loopback(port))
    }

    /// The first port of the block, for a program that counts on by itself.
    pub fn first(&self) -> u16 {
        self.first
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(loopback(port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_share_no_port() -> Result<()> {
        let (mut one, mut other) = (PortBlock::reserve()?, PortBlock::reserve()?);
        let mut taken = std::collections::BTreeSet::new();
        for _ in 0..BLOCK {
            taken.extend([one.take()?.port(), other.take()?.port()]);
        }
        assert_eq!(taken.len(), 2 * usize::from(BLOCK));
        assert!(one.take().is_err(), "a block ends");
        Ok(())
    }
}
