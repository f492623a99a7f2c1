//! Surroundings that some stories need from the machine: adjustable clocks, a disk that can be filled. The node is
//! the normal program; only its surroundings differ.
//!
//! Always true: a clock affects one process; a disk is mounted in a mount namespace of its node and one helper
//! process; both end with this program, however it ends. A missing tool is reported in words.

use crate::hosts::Hosts;
use crate::processes::launch::{Launcher, Surroundings};
use crate::processes::ports;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

/// Path of libfaketime in distributions; the variant for programs with threads.
const CLOCK_LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];
/// Size of a small disk: room for an empty store and some thousand transactions.
const DISK_MIB: u32 = 64;
/// Timeout of a request for a node's time.
const DATE_WITHIN: Duration = Duration::from_secs(2);

/// The library that gives a process its own clock. Errors: the reason why there is none.
pub(super) fn clock_library() -> Result<PathBuf, String> {
    let found = CLOCK_LIBRARIES.iter().map(PathBuf::from).find(|path| path.is_file());
    found.ok_or_else(|| "libfaketime is not installed (Debian and Ubuntu: apt-get install libfaketime)".into())
}

/// Can this machine create hosts? Creates and removes a test host.
pub(super) fn try_hosts() -> Result<()> {
    let hosts = Hosts::plug(&ports::choose(1)?)?;
    hosts.carried(0).map(drop)
}

/// Command prefix that gives a program low priority.
const LOW_PRIORITY: [&str; 3] = ["nice", "-n", "19"];

/// Does this machine have it?
pub(super) fn try_low_priority() -> Result<()> {
    let [program, arguments @ ..] = LOW_PRIORITY;
    let done = Command::new(program).args(arguments).arg("true").status();
    let done = done.with_context(|| format!("cannot run {program}"))?;
    if done.success() { Ok(()) } else { bail!("{program} ended with {done}") }
}

/// From its next start on, this node runs with low priority.
pub(super) fn give_low_priority(surroundings: &mut Surroundings) {
    surroundings.wrapper = LOW_PRIORITY.map(OsString::from).into();
}

/// The file with the offset of a node's clock from this machine's clock.
fn clock_file(home: &Path) -> PathBuf {
    home.join("clock")
}

/// Sets the clock of the node with this home.
pub(super) fn set_clock(home: &Path, seconds: i64) -> io::Result<()> {
    fs::write(clock_file(home), format!("{seconds:+}s\n"))
}

/// From its next start on, this node uses a clock that [`set_clock`] sets.
pub(super) fn give_clock(surroundings: &mut Surroundings, library: &Path, home: &Path) {
    let set = |name: &str, value: OsString| (OsString::from(name), value);
    surroundings.environment.extend([
        set("LD_PRELOAD", library.into()),
        set("FAKETIME_TIMESTAMP_FILE", clock_file(home).into()),
        // The file is read again every second.
        set("FAKETIME_CACHE_DURATION", "1".into()),
        // Only what the wall says is wrong: intervals pass as ever.
        set("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        set("DONT_FAKE_MONOTONIC", "1".into()),
    ]);
}

/// Clock of the node at this port, in unix seconds, from the date of an HTTP answer.
pub(super) fn time_at(port: u16) -> io::Result<i64> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(DATE_WITHIN))?;
    socket.write_all(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let date = answer.lines().find_map(|line| line.strip_prefix("date: ").or_else(|| line.strip_prefix("Date: ")));
    date.and_then(unix_seconds).ok_or_else(|| io::Error::other("the answer has no date"))
}

/// Parses a date such as `Thu, 26 Nov 2026 01:37:55 GMT`.
fn unix_seconds(date: &str) -> Option<i64> {
    let parts: Vec<_> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = parts.as_slice() else {
        return None;
    };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| name == month)? + 1;
    let text = format!("{year}-{month:02}-{day}T{hour}:{minute}:{second}Z");
    let time = humantime::parse_rfc3339(&text).ok()?;
    i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// A small disk, mounted over the data folder of one node, visible to that node only.
#[derive(Debug)]
pub(super) struct SmallDisk {
    /// The process that keeps the mount namespace.
    holder: Child,
    data: PathBuf,
}

impl SmallDisk {
    /// Mounts it over `data`, which is created.
    ///
    /// Errors: this user may not mount, or a program for it is missing.
    pub(super) fn mount(data: &Path) -> Result<Self> {
        fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
        let own = std::env::current_exe().context("cannot find this program's own file")?;
        let mount =
            format!("mount -t tmpfs -o size={DISK_MIB}m,mode=0700 tmpfs \"$0\" && echo mounted && exec sleep 1000000");
        let mut command = Command::new(own);
        command.args(["exec-node", "--parent", &std::process::id().to_string(), "--"]);
        command.args(["unshare", "--mount", "--propagation", "private", "sh", "-c", &mount]).arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = command.spawn().context("cannot start a process that holds the disk")?;
        let mut said = String::new();
        let stdout = holder.stdout.take().context("its output was asked for")?;
        BufReader::new(stdout).read_line(&mut said)?;
        if said.trim() != "mounted" {
            let mut why = String::new();
            holder.stderr.take().map(|mut stderr| stderr.read_to_string(&mut why)).transpose()?;
            drop(holder.wait());
            bail!("a disk for one node cannot be mounted: {}", why.trim());
        }
        Ok(Self { holder, data: data.to_owned() })
    }

    /// From its next start on, this node runs in the namespace of the disk.
    pub(super) fn give(&self, launcher: &Launcher, name: &str) {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        let wrapper = ["nsenter".into(), namespace.into(), "--".into()];
        launcher.surround(name, |surroundings| surroundings.wrapper = wrapper.into());
    }

    /// The path of the disk as this process sees it.
    fn filler(&self) -> PathBuf {
        let data = self.data.strip_prefix("/").unwrap_or(&self.data);
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(data).join("filler")
    }

    /// Fills the disk. Returns the number of bytes written.
    pub(super) fn fill(&self) -> io::Result<u64> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.filler())?;
        let mut written = 0;
        for size in [1024 * 1024, 4096, 1] {
            let piece = vec![0x55; size];
            loop {
                match file.write_all(&piece) {
                    Ok(()) => written += u64::try_from(size).unwrap_or(u64::MAX),
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(written)
    }

    /// Removes the filling. No error if there is none.
    pub(super) fn empty(&self) {
        // Its length counts, not its name: another program may still have it open.
        let _ = File::create(self.filler());
        let _ = fs::remove_file(self.filler());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_http_answer_is_a_time() {
        assert_eq!(unix_seconds("Thu, 26 Nov 2026 01:37:55 GMT"), Some(1_795_657_075));
        assert_eq!(unix_seconds("Thu, 01 Jan 1970 00:00:10 GMT"), Some(10));
        for wrong in ["", "yesterday", "Thu, 26 Foo 2026 01:37:55 GMT", "Thu, 26 Nov 2026 01:37:55 CET"] {
            assert_eq!(unix_seconds(wrong), None, "{wrong}");
        }
    }
}
