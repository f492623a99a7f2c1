//! `completions` and `man`: completion scripts and manual pages.

use anyhow::{Context, Result};
use blockchat_host::stream::{say, say_own};
use blockchat_host::{completions, whole_file};
use clap_complete::Shell;
use std::path::Path;
use std::process::ExitCode;

/// Prints the completion script for this shell.
pub fn completions(shell: Shell) -> Result<ExitCode> {
    say_own(&completions::script(shell, "blockchat-testnet")?);
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for the program and one per command, and replaces existing pages. `program` is the whole command
/// line.
pub fn man(program: clap::Command, dir: &Path) -> Result<ExitCode> {
    whole_file::create_folder(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    clap_mangen::generate_to(program, dir).with_context(|| format!("cannot write into {}", dir.display()))?;
    say(&format!("manual pages in {}", dir.display()));
    Ok(ExitCode::SUCCESS)
}
