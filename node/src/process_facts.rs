//! Facts about this process from the system: memory, processor time, open files, room on disk. They come from `/proc`
//! on Linux; values that another system does not report are absent.

use std::fs;
use std::path::Path;

/// Resources of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Open files and sockets.
    pub open_files: Option<u64>,
    /// Their maximum.
    pub open_files_max: Option<u64>,
    /// Resident memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time of all threads so far, in ms.
    pub cpu_ms: Option<u64>,
}

/// Bytes in a folder, and free bytes beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFacts {
    /// Bytes of the files under the folder, as far as the disk really holds them.
    pub used_bytes: Option<u64>,
    /// Bytes that are free there for us.
    pub free_bytes: Option<u64>,
}

/// Of this process, now. Cost: some reads of `/proc`, and one entry an open file.
pub fn process() -> ProcessFacts {
    ProcessFacts {
        open_files: fs::read_dir("/proc/self/fd").ok().and_then(|files| u64::try_from(files.count()).ok()),
        open_files_max: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        memory_bytes: memory_bytes(&fs::read_to_string("/proc/self/statm").unwrap_or_default()),
        cpu_ms: cpu_ms(&fs::read_to_string("/proc/self/stat").unwrap_or_default()),
    }
}

/// Of a folder with few files. Blocks.
pub fn disk(folder: &Path) -> DiskFacts {
    let free = rustix::fs::statvfs(folder).ok().map(|system| system.f_bavail.saturating_mul(system.f_frsize));
    DiskFacts { used_bytes: used_bytes(folder), free_bytes: free }
}

/// Resident pages are the second number of `statm`.
fn memory_bytes(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

/// User and system time are the 14th and 15th field of `stat`; the second one, a name in brackets, may hold anything.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Files below this are counted, folders in folders too; more would be no data folder of ours.
const FILES_MAX: usize = 10_000;

fn used_bytes(folder: &Path) -> Option<u64> {
    let (mut bytes, mut left, mut folders) = (0, FILES_MAX, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            left = left.checked_sub(1)?;
            // A file that is gone meanwhile uses nothing.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() { folders.push(entry.path()) } else { bytes += on_disk(&metadata) }
        }
    }
    Some(bytes)
}

#[cfg(unix)]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_read_where_linux_has_them() {
        assert_eq!(
            memory_bytes("100 3 1 1 0 1 0").map(|bytes| bytes / 3),
            u64::try_from(rustix::param::page_size()).ok()
        );
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 5 1 1";
        assert_eq!(cpu_ms(stat), Some(200 * 1_000 / rustix::param::clock_ticks_per_second()));
        assert_eq!((memory_bytes(""), cpu_ms("no such thing")), (None, None));
    }

    #[test]
    fn a_folder_is_counted_with_what_is_below_it() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/file"), vec![1; 100_000]).unwrap();
        let facts = disk(folder.path());
        assert!(facts.used_bytes.is_some_and(|bytes| bytes >= 50_000) && facts.free_bytes.is_some(), "{facts:?}");
        assert_eq!(disk(&folder.path().join("nothing")).used_bytes, None);
    }
}
