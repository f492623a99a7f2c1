//! Ends processes by their id, after a check that the id still belongs to the node.

use super::network_file::NodeEntry;
use anyhow::{Context, Result};
use blockchat_host::text;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Maximum duration of a normal shutdown; after it, the process is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Interval between looks at a stopping process.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The ready file of a node, reduced to what is used here.
#[derive(Deserialize)]
struct Ready {
    pid: u32,
}

/// Maximum size of a ready file, in bytes.
const READY_BYTES_MAX: u64 = 64 * 1024;

/// Is this node running?
pub fn is_running(entry: &NodeEntry) -> bool {
    process_of(entry).is_some()
}

/// Its process, if it runs: the one that we started, or the one named in its home, even if another program started
/// it.
pub fn process_of(entry: &NodeEntry) -> Option<u32> {
    let by_home = || pid_in(&entry.home);
    entry.pid.filter(|pid| is_node(*pid, &entry.home)).or_else(by_home)
}

/// The process of the node that runs in this home.
pub fn pid_in(home: &Path) -> Option<u32> {
    let text = text::read(&home.join("data").join("ready.json"), READY_BYTES_MAX).ok()?;
    let Ready { pid } = serde_json::from_str(&text).ok()?;
    Some(pid).filter(|pid| is_node(*pid, home))
}

/// Asks the node to end, and kills it after the timeout. False if it was not running.
pub async fn stop(entry: &NodeEntry) -> Result<bool> {
    end(entry, Signal::TERM).await
}

/// Ends it at once, as `kill -9` does. False if it was not running.
pub async fn kill(entry: &NodeEntry) -> Result<bool> {
    end(entry, Signal::KILL).await
}

async fn end(entry: &NodeEntry, signal: Signal) -> Result<bool> {
    let Some(pid) = process_of(entry) else { return Ok(false) };
    send(pid, signal).with_context(|| format!("cannot stop {}", entry.name))?;
    let begun = Instant::now();
    while is_node(pid, &entry.home) {
        if begun.elapsed() > STOP_WITHIN {
            send(pid, Signal::KILL).with_context(|| format!("cannot kill {}", entry.name))?;
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(true)
}

/// Homes of all running nodes of this machine that were started with `--home`, sorted by path.
pub fn running_homes() -> Vec<PathBuf> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return vec![] };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut homes: Vec<_> = pids.filter_map(|pid: u32| home_of(&command_line(pid)?)).collect();
    homes.sort();
    homes.dedup();
    homes
}

/// The home in a node's command line.
fn home_of(line: &[u8]) -> Option<PathBuf> {
    let words: Vec<_> = line.split(|byte| *byte == 0).collect();
    let program = Path::new(OsStr::from_bytes(words.first()?)).file_name()?;
    let home = words.windows(2).find(|pair| pair[0] == b"--home")?[1];
    let runs = program == "blockchat-node" && words.contains(&&b"run"[..]);
    runs.then(|| PathBuf::from(OsStr::from_bytes(home)))
}

/// Asks a process of ours to end.
pub fn ask_to_end(pid: u32) -> Result<()> {
    send(pid, Signal::TERM)
}

/// Freezes a process of ours.
pub fn freeze(pid: u32) -> Result<()> {
    send(pid, Signal::STOP)
}

/// Lets a frozen process continue.
pub fn thaw(pid: u32) -> Result<()> {
    send(pid, Signal::CONT)
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("not a process id")?;
    match kill_process(pid, signal) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        other => Ok(other?),
    }
}

/// Process ids are reused, so the command line of the process must name the home.
fn is_node(pid: u32, home: &Path) -> bool {
    let holds = |line: &[u8], part: &[u8]| line.windows(part.len()).any(|piece| piece == part);
    command_line(pid).is_some_and(|line| holds(&line, home.as_os_str().as_encoded_bytes()) && holds(&line, b"run"))
}

/// The command line of a process that is not a zombie.
fn command_line(pid: u32) -> Option<Vec<u8>> {
    let from_proc = std::fs::read(format!("/proc/{pid}/cmdline")).ok();
    let line = from_proc.or_else(|| {
        let ps = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?;
        Some(ps.stdout)
    })?;
    Some(line).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_of_a_node_is_read_off_its_command_line() {
        let home = |line: &str| home_of(line.replace(' ', "\0").as_bytes());
        assert_eq!(home("/x/blockchat-node run --home /net/id0 --api 127.0.0.1:1"), Some("/net/id0".into()));
        assert_eq!(home("blockchat-node --home /net/id1 run"), Some("/net/id1".into()));
        assert_eq!(home("blockchat-node --home /net/id1 status"), None, "it only asks");
        assert_eq!(home("vim run --home /net/id1"), None, "another program");
    }
}
