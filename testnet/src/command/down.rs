//! `down`: stops all nodes of a network. Its folder stays.

use crate::args::{DirArgs, NamesArgs};
use crate::command::stop;
use crate::processes::network_file::NetworkFile;
use anyhow::Result;
use std::process::ExitCode;

/// Stops every node of the network.
pub fn run(args: &DirArgs) -> Result<ExitCode> {
    let file = NetworkFile::read(&args.dir)?;
    let names = file.nodes.into_iter().map(|node| node.name).collect();
    stop::run(&NamesArgs { names, dir: args.dir.clone() })
}
