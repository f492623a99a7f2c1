//! `start NAME...`: restarts nodes of a network; they keep running after this command.

use crate::args::NamesArgs;
use crate::command::up::runtime;
use crate::processes::launch::{Launcher, StartFailed};
use crate::processes::network_file::{FolderLock, NetworkFile};
use crate::processes::{ports, stop};
use anyhow::Result;
use blockchat_host::stream::say;
use std::process::ExitCode;

/// Starts the nodes one after the other, and waits for the answer of each.
pub fn run(args: &NamesArgs) -> Result<ExitCode> {
    let file = NetworkFile::read(&args.dir)?;
    let indexes = file.indexes_of(&args.names)?;
    runtime()?.block_on(start_nodes(args, &indexes))
}

async fn start_nodes(args: &NamesArgs, indexes: &[usize]) -> Result<ExitCode> {
    let _lock = FolderLock::take(&args.dir)?;
    let mut file = NetworkFile::read(&args.dir)?;
    for index in indexes {
        if stop::is_running(&file.nodes[*index]) {
            say(&format!("{} is running already", file.nodes[*index].name));
            continue;
        }
        start_node(&mut file, *index).await?;
        file.write(&args.dir)?;
        let node = &file.nodes[*index];
        say(&format!("{} started, API http://127.0.0.1:{}", node.name, node.api_port));
    }
    Ok(ExitCode::SUCCESS)
}

/// If another program has taken its ports, the node gets new ones. It dials its peers itself, so they find it.
///
async fn start_node(file: &mut NetworkFile, index: usize) -> Result<()> {
    let launcher = Launcher { detached: true, ..Launcher::new(file.node_bin.clone()) };
    let peers = file.peers_of(index);
    let node = &mut file.nodes[index];
    loop {
        match launcher.start(node, &peers).await {
            Ok(running) => {
                node.pid = Some(running.pid);
                running.let_go();
                return Ok(());
            }
            Err(StartFailed::PortTaken { .. }) => {
                let chosen = ports::choose(2)?;
                (node.api_port, node.p2p_port) = (chosen[0], chosen[1]);
            }
            Err(other) => return Err(other.into()),
        }
    }
}
