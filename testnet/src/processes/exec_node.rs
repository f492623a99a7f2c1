//! The last step before a node runs: this program, started again, becomes the node.
//!
//! Between fork and exec nothing safe can run in Rust; so the launcher starts *itself* with the hidden command
//! `exec-node`, which arranges that the node dies with its launcher (or outlives it), then replaces itself by the node:
//! same process id, same standard output.

use anyhow::{Context, Result, anyhow, bail};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Options of `exec-node`.
#[derive(Debug, clap::Args)]
pub struct ExecArgs {
    /// Die with the process of this id (Linux).
    #[arg(long, conflicts_with = "detach")]
    parent: Option<i32>,
    /// Outlive the launcher and its terminal.
    #[arg(long)]
    detach: bool,
    /// The node program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the node. Returns only if that failed.
pub fn become_node(args: ExecArgs) -> Result<()> {
    if args.detach {
        rustix::process::setsid().context("cannot leave the terminal's session")?;
    }
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    let (program, rest) = args.command.split_first().ok_or_else(|| anyhow!("no program is named"))?;
    let error = Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("cannot run {}", program.to_string_lossy()))
}

/// Survives `exec`, since the node is an ordinary program without special rights.
#[cfg(target_os = "linux")]
fn die_with(parent: i32) -> Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // If the parent died before the line above, no signal would ever come.
    if getppid().map(rustix::process::Pid::as_raw_nonzero).map(i32::from) != Some(parent) {
        bail!("the launcher is gone already");
    }
    Ok(())
}

/// Elsewhere, a launcher that is killed leaves its nodes behind; one that ends in any other way does not.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: i32) -> Result<()> {
    Ok(())
}
