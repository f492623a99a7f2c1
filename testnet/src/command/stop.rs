//! `stop NAME...`: stops nodes of a network that was kept running, in order.

use crate::args::NamesArgs;
use crate::command::up::runtime;
use crate::processes::network_file::{FolderLock, NetworkFile};
use crate::processes::stop;
use anyhow::Result;
use std::process::ExitCode;

/// Stops them one after the other.
pub fn run(args: &NamesArgs) -> Result<ExitCode> {
    let file = NetworkFile::read(&args.dir)?;
    let indexes = args.names.iter().map(|name| file.index_of(name)).collect::<Result<Vec<_>>>()?;
    runtime()?.block_on(stop_nodes(args, &indexes))
}

async fn stop_nodes(args: &NamesArgs, indexes: &[usize]) -> Result<ExitCode> {
    let _lock = FolderLock::take(&args.dir)?;
    let mut file = NetworkFile::read(&args.dir)?;
    for index in indexes {
        let node = &mut file.nodes[*index];
        let was_running = stop::stop(node).await?;
        node.pid = None;
        println!("{} {}", node.name, if was_running { "stopped" } else { "was not running" });
    }
    file.write(&args.dir)?;
    Ok(ExitCode::SUCCESS)
}
