//! This process, as Prometheus's own clients describe theirs.

use std::fs;

use super::exposition::Exposition;

/// What Linux counts processor time in, whatever the machine's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: f64 = 4096.0;

/// Adds what the system says of this process; nothing where it says nothing.
pub(super) fn describe(exposition: &mut Exposition) {
    if let Some((seconds, threads, pages)) = stat() {
        exposition.counter(
            "process_cpu_seconds_total",
            "Processor time of this process, in seconds.",
            &[],
            seconds,
        );
        exposition.gauge("process_threads", "Threads of this process.", &[], threads);
        exposition.gauge(
            "process_resident_memory_bytes",
            "Memory of this process that is in use, in bytes.",
            &[],
            pages * PAGE_BYTES,
        );
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        exposition.gauge(
            "process_open_fds",
            "Files and sockets of this process.",
            &[],
            open.into(),
        );
    }
}

/// Processor time, threads and pages in memory (`proc_pid_stat(5)`). The name of the program, which may hold anything, stands
/// in parentheses before them.
fn stat() -> Option<(f64, f64, f64)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<f64> = fields
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let at = |field: usize| fields.get(field).copied();
    Some(((at(10)? + at(11)?) / TICKS_PER_SECOND, at(16)?, at(20)?))
}

#[cfg(test)]
mod tests {
    use super::stat;

    #[test]
    fn the_system_says_something_of_this_process() {
        let (seconds, threads, pages) = stat().unwrap();
        assert!(
            seconds >= 0.0 && threads >= 1.0 && pages > 100.0,
            "{seconds} {threads} {pages}"
        );
    }
}
