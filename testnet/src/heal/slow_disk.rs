//! A disk that is slow for one node: a control group of the system lets it write a few times a second.
//!
//! Always true: the group is ours alone, holds what was put into it, and is removed when this is dropped; a group that
//! is left by `kill -9` of this program is empty, and slows no process.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Writes a second.
const WRITES_PER_S: u32 = 20;
/// The paths at which systems mount their control groups: the older hierarchy of block devices, and the newer of
/// everything.
const OLDER: &str = "/sys/fs/cgroup/blkio";
const NEWER: &str = "/sys/fs/cgroup";
/// Synced writes with which slowness is proved, and how long they take at least.
const PROBES: u32 = 8;
const PROBES_TAKE: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug)]
pub(super) struct SlowDisk {
    group: PathBuf,
    above: PathBuf,
}

impl SlowDisk {
    /// A group that slows the disk of `folder`, without any process yet.
    ///
    /// Errors: this user may not make one, or the system has none for disks.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let device = device_of(folder)?;
        let name = format!("blockchat-heal-{}", std::process::id());
        let (above, file, limit) = if Path::new(OLDER).join("cgroup.procs").exists() {
            (PathBuf::from(OLDER), "blkio.throttle.write_iops_device", format!("{device} {WRITES_PER_S}"))
        } else {
            let enabled = fs::read_to_string(Path::new(NEWER).join("cgroup.subtree_control")).unwrap_or_default();
            ensure!(enabled.split_whitespace().any(|name| name == "io"), "this system has no control group for disks");
            (PathBuf::from(NEWER), "io.max", format!("{device} wiops={WRITES_PER_S}"))
        };
        let group = above.join(name);
        fs::create_dir(&group).with_context(|| format!("cannot make the control group {}", group.display()))?;
        let made = Self { group, above };
        let path = made.group.join(file);
        fs::write(&path, limit)
            .with_context(|| format!("cannot write {}: is {device} a whole disk?", path.display()))?;
        Ok(made)
    }

    /// From now on this process writes slowly.
    pub(super) fn slow(&self, pid: u32) -> Result<()> {
        self.put(&self.group, pid)
    }

    /// Is this process slowed?
    pub(super) fn holds(&self, pid: u32) -> bool {
        let held = fs::read_to_string(self.group.join("cgroup.procs")).unwrap_or_default();
        held.lines().any(|line| line == pid.to_string())
    }

    /// From now on this process writes as fast as before.
    fn release(&self, pid: u32) -> Result<()> {
        self.put(&self.above, pid)
    }

    fn put(&self, group: &Path, pid: u32) -> Result<()> {
        let path = group.join("cgroup.procs");
        fs::write(&path, pid.to_string()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes a few times from within the group, synced; how long that takes. An error if it is not slow.
    pub(super) fn prove(&self, folder: &Path) -> Result<Duration> {
        let script = format!(
            "echo $$ > \"$0/cgroup.procs\" && exec dd if=/dev/zero of=\"$1\" bs=4k count={PROBES} oflag=dsync status=none"
        );
        let probe = folder.join("probe");
        let begun = Instant::now();
        let output = Command::new("sh").arg("-c").arg(script).arg(&self.group).arg(&probe).output()?;
        let took = begun.elapsed();
        // It has no reader.
        drop(fs::remove_file(&probe));
        ensure!(output.status.success(), "cannot write: {}", String::from_utf8_lossy(&output.stderr).trim());
        if took < PROBES_TAKE {
            bail!("{PROBES} synced writes took {} ms: the disk is not slow", took.as_millis());
        }
        Ok(took)
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        for pid in fs::read_to_string(self.group.join("cgroup.procs")).unwrap_or_default().lines() {
            drop(pid.parse().map(|pid| self.release(pid)));
        }
        // One that is not empty stays, and slows what is in it until that ends.
        drop(fs::remove_dir(&self.group));
    }
}

/// The disk of a folder as the system counts them, such as `254:0`.
fn device_of(folder: &Path) -> Result<String> {
    let number = fs::metadata(folder).with_context(|| format!("cannot look at {}", folder.display()))?.dev();
    let major = (number >> 8) & 0xfff;
    let minor = (number & 0xff) | ((number >> 12) & 0xf_ff00);
    ensure!(major != 0, "{} is not on a disk", folder.display());
    Ok(format!("{major}:{minor}"))
}
