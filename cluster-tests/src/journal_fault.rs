//! A disk that fails under one node's journal: a small library, compiled here and preloaded into the node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::process::Node;

const SOURCE: &str = include_str!("shim/disk_fault.c");

/// A fault that waits for its trigger.
#[derive(Debug)]
pub struct JournalFault {
    folder: TempDir,
}

impl JournalFault {
    /// Compiles the library with the machine's C compiler.
    pub fn build() -> Result<Self> {
        let fault = Self {
            folder: tempfile::Builder::new().prefix("disk-fault-").tempdir()?,
        };
        let source = fault.path("disk_fault.c");
        fs::write(&source, SOURCE)?;
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(fault.library())
            .arg(&source)
            .arg("-ldl")
            .status()
            .context("cannot run `cc`; on Debian: apt-get install gcc libc6-dev")?;
        ensure!(compiled.success(), "`cc` failed: {compiled}");
        Ok(fault)
    }

    /// Puts it under the node's next life.
    pub fn prepare(&self, node: &mut Node) {
        node.set_environment("LD_PRELOAD", &self.library());
        node.set_environment("DISK_FAULT_TRIGGER", &self.trigger_file());
    }

    /// From now on the disk fails.
    pub fn trigger(&self) -> Result<()> {
        Ok(fs::write(self.trigger_file(), [])?)
    }

    /// The disk works again.
    pub fn repair(&self) -> Result<()> {
        Ok(fs::remove_file(self.trigger_file())?)
    }

    fn library(&self) -> PathBuf {
        self.path("disk_fault.so")
    }

    fn trigger_file(&self) -> PathBuf {
        self.path("trigger")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(Path::new(name))
    }
}
