//! What the kernel says about a process: processor time and memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Linux's `USER_HZ`, the unit of `/proc/PID/stat`; 100 on every architecture that Debian builds for.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time of all its threads so far.
pub(crate) fn processor_time(pid: i32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name stands in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("no name in `stat`")?;
    let times: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    let ticks: u64 = times.iter().sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Memory in use, in MiB.
pub(crate) fn resident_mib(pid: i32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no `VmRSS`")?;
    let kib: u32 = line
        .split_whitespace()
        .nth(1)
        .context("no figure in `VmRSS`")?
        .parse()?;
    Ok(f64::from(kib) / 1024.0)
}
