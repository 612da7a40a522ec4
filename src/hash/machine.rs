//! How much memory there is to hash with: the machine's, or what the control group of the process leaves of it.

use std::fs;
use std::path::Path;

/// Bytes that this process may use, as far as the system tells.
pub(super) fn memory() -> Option<u64> {
    memory_below(Path::new("/"))
}

/// [`memory`], with the system's files below `root`.
fn memory_below(root: &Path) -> Option<u64> {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let machine = read("proc/meminfo").and_then(|text| total_of(&text));
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(|line| limit_of(root, line));
    machine.into_iter().chain(limits).min()
}

/// `MemTotal:       24683484 kB`.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1024))
}

/// The narrowest limit along one line of `/proc/self/cgroup`, `number:controllers:path`; every group above counts too.
fn limit_of(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (mount, file) = if controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return None;
    };
    let mount = root.join(mount);
    let group = mount.join(path.trim_start_matches('/'));
    // A container sees its own group as the root, whatever its path is called outside.
    group
        .ancestors()
        .take_while(|folder| folder.starts_with(&mount))
        .filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::memory_below;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_narrowest_limit_counts_whoever_sets_it() {
        let system = tempfile::tempdir().unwrap();
        let root = system.path();
        assert_eq!(memory_below(root), None);
        write(root, "proc/meminfo", "MemTotal:       1000 kB\nMemFree:   1 kB\n");
        assert_eq!(memory_below(root), Some(1_024_000));
        write(root, "proc/self/cgroup", "4:cpu,memory:/a\n0::/a.slice/b.service\n");
        write(root, "sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
        assert_eq!(memory_below(root), Some(1_024_000));
        write(root, "sys/fs/cgroup/a.slice/memory.max", "5000\n");
        assert_eq!(memory_below(root), Some(5000));
        write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
        assert_eq!(memory_below(root), Some(4000));
    }
}
