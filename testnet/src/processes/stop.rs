//! Ending processes by their id, after making sure that the id is still the node's.

use super::network_file::NodeEntry;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// An orderly stop that takes longer is cut short.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How often a stopping process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Is the process of this entry running, and is it this node?
pub fn is_running(entry: &NodeEntry) -> bool {
    entry.pid.is_some_and(|pid| is_node(pid, &entry.home))
}

/// Asks the node to end, and kills it if it does not. False if it was not running.
pub async fn stop(entry: &NodeEntry) -> Result<bool> {
    let Some(pid) = entry.pid.filter(|pid| is_node(*pid, &entry.home)) else {
        return Ok(false);
    };
    send(pid, Signal::TERM).with_context(|| format!("cannot stop {}", entry.name))?;
    let begun = Instant::now();
    while is_node(pid, &entry.home) {
        if begun.elapsed() > STOP_WITHIN {
            send(pid, Signal::KILL).with_context(|| format!("cannot kill {}", entry.name))?;
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(true)
}

/// Asks a process of ours to end.
pub fn ask_to_end(pid: u32) -> Result<()> {
    send(pid, Signal::TERM)
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("not a process id")?;
    match kill_process(pid, signal) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        other => Ok(other?),
    }
}

/// Process ids are used again; a node's command line names its home.
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
