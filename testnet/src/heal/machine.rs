//! Surroundings that some stories need of their machine: clocks that can be set, a disk that can be filled. Nothing of
//! it is in the node: it runs as it ships, with other surroundings.
//!
//! Always true: a clock is that of one process, a disk is mounted in a mount namespace that only its node and one helper
//! process are in; both end with this program, however it ends. What is missing is said in words for a person.

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

/// The path at which distributions install libfaketime; the variant for programs with threads.
const CLOCK_LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];
/// Room on a small disk: an empty store, and some thousand transactions.
const DISK_MIB: u32 = 64;
/// Asking a node for the time takes no longer.
const DATE_WITHIN: Duration = Duration::from_secs(2);

/// The library with which a process has a clock of its own; or why there is none.
pub(super) fn clock_library() -> Result<PathBuf, String> {
    let found = CLOCK_LIBRARIES.iter().map(PathBuf::from).find(|path| path.is_file());
    found.ok_or_else(|| "libfaketime is not installed (Debian and Ubuntu: apt-get install libfaketime)".into())
}

/// Can there be hosts? Tried where it matters not, and gone again at once.
pub(super) fn try_hosts() -> Result<()> {
    let hosts = Hosts::plug(&ports::choose(1)?)?;
    hosts.carried(0).map(drop)
}

/// Runs a program that takes only the processor time that others leave.
const LOW_PRIORITY: [&str; 3] = ["nice", "-n", "19"];

/// Does this machine have it?
pub(super) fn try_low_priority() -> Result<()> {
    let [program, arguments @ ..] = LOW_PRIORITY;
    let done = Command::new(program).args(arguments).arg("true").status();
    let done = done.with_context(|| format!("cannot run {program}"))?;
    if done.success() { Ok(()) } else { bail!("{program} ended with {done}") }
}

/// From its next start on, this node takes only the processor time that others leave.
pub(super) fn give_low_priority(surroundings: &mut Surroundings) {
    surroundings.wrapper = LOW_PRIORITY.map(OsString::from).into();
}

/// The file that says how far a node's clock is from this machine's.
fn clock_file(home: &Path) -> PathBuf {
    home.join("clock")
}

/// Sets the clock of the node with this home.
pub(super) fn set_clock(home: &Path, seconds: i64) -> io::Result<()> {
    fs::write(clock_file(home), format!("{seconds:+}s\n"))
}

/// From its next start on, this node has a clock that [`set_clock`] sets.
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

/// The time by the clock of the node that serves this port, in unix seconds: every HTTP answer has a date.
pub(super) fn time_at(port: u16) -> io::Result<i64> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(DATE_WITHIN))?;
    socket.write_all(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let date = answer.lines().find_map(|line| line.strip_prefix("date: ").or_else(|| line.strip_prefix("Date: ")));
    date.and_then(unix_seconds).ok_or_else(|| io::Error::other("the answer has no date"))
}

/// Of a date such as `Thu, 26 Nov 2026 01:37:55 GMT`.
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

/// A small disk, mounted over a node's data folder for that node alone.
#[derive(Debug)]
pub(super) struct SmallDisk {
    /// Keeps the mount namespace.
    holder: Child,
    data: PathBuf,
}

impl SmallDisk {
    /// Mounts it over `data`, which is created.
    ///
    /// Errors: this user may not mount, or the programs for it are not there.
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

    /// From its next start on, this node is where the disk is.
    pub(super) fn give(&self, launcher: &Launcher, name: &str) {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        let wrapper = ["nsenter".into(), namespace.into(), "--".into()];
        launcher.surround(name, |surroundings| surroundings.wrapper = wrapper.into());
    }

    /// The disk as this process sees it.
    fn filler(&self) -> PathBuf {
        let data = self.data.strip_prefix("/").unwrap_or(&self.data);
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(data).join("filler")
    }

    /// Writes until nothing more fits; how many bytes that was.
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

    /// Makes room again. Nothing to do is fine.
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
