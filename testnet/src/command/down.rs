//! `down`: stops all nodes of a network, even if another program started them. Its folder stays.

use crate::args::{DownArgs, NamesArgs};
use crate::command::stop::{self, How};
use crate::processes::network_file::{ALL, NetworkFile};
use crate::processes::stop::running_homes;
use anyhow::{Result, ensure};
use blockchat_host::stream::{note, say};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Stops every node of the named network, or of all running networks.
pub fn run(args: &DownArgs) -> Result<ExitCode> {
    if let Some(dir) = &args.dir {
        return stop_all(dir);
    }
    let networks = running();
    ensure!(!networks.is_empty(), "no network runs on this machine; one whose nodes you started by hand: --dir DIR");
    let mut code = ExitCode::SUCCESS;
    for dir in networks {
        say(&format!("network in {}", dir.display()));
        match stop_all(&dir) {
            Ok(stopped) if stopped == ExitCode::SUCCESS => {}
            Ok(failed) => code = failed,
            // The others have to stop all the same.
            Err(error) => {
                note(&format!("error: {error:#}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn stop_all(dir: &Path) -> Result<ExitCode> {
    stop::run(&NamesArgs { names: vec![ALL.into()], dir: dir.into() }, How::Stop)
}

/// Folders of all networks made by `up` that still have a running node.
fn running() -> BTreeSet<PathBuf> {
    let folders = running_homes().into_iter().filter_map(|home| Some(home.parent()?.to_owned()));
    folders.filter(|dir| NetworkFile::read(dir).is_ok()).collect()
}
