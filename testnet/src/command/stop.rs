//! `stop NAME...`: stops nodes of a network that was kept running, in order.

use crate::args::NamesArgs;
use crate::command::up::runtime;
use crate::processes::network_file::{FolderLock, NetworkFile};
use crate::processes::stop;
use anyhow::Result;
use blockchat_host::stream::{note, say};
use std::process::ExitCode;

/// Stops them one after the other; one that cannot be stopped keeps no other running.
pub fn run(args: &NamesArgs) -> Result<ExitCode> {
    let file = NetworkFile::read(&args.dir)?;
    let indexes = args.names.iter().map(|name| file.index_of(name)).collect::<Result<Vec<_>>>()?;
    runtime()?.block_on(stop_nodes(args, &indexes))
}

async fn stop_nodes(args: &NamesArgs, indexes: &[usize]) -> Result<ExitCode> {
    let _lock = FolderLock::take(&args.dir)?;
    let mut file = NetworkFile::read(&args.dir)?;
    let mut code = ExitCode::SUCCESS;
    for index in indexes {
        let node = &mut file.nodes[*index];
        match stop::stop(node).await {
            Ok(was_running) => {
                node.pid = None;
                say(&format!("{} {}", node.name, if was_running { "stopped" } else { "was not running" }));
            }
            // The others have to stop all the same.
            Err(error) => {
                note(&format!("error: {error:#}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    file.write(&args.dir)?;
    Ok(code)
}
