//! `stop NAME...` and `kill NAME...`: ends nodes of a running network, with a normal shutdown or at once.

use crate::args::NamesArgs;
use crate::command::up::runtime;
use crate::processes::network_file::{FolderLock, NetworkFile};
use crate::processes::stop;
use anyhow::Result;
use blockchat_host::stream::{note, say};
use std::process::ExitCode;

/// Way to end a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Normal shutdown by signal.
    Stop,
    /// `kill -9`.
    Kill,
}

/// Ends the nodes one after the other. A failure to end one does not spare the others.
pub fn run(args: &NamesArgs, how: How) -> Result<ExitCode> {
    let file = NetworkFile::read(&args.dir)?;
    let indexes = file.indexes_of(&args.names)?;
    runtime()?.block_on(stop_nodes(args, &indexes, how))
}

async fn stop_nodes(args: &NamesArgs, indexes: &[usize], how: How) -> Result<ExitCode> {
    let _lock = FolderLock::take(&args.dir)?;
    let mut file = NetworkFile::read(&args.dir)?;
    let mut code = ExitCode::SUCCESS;
    for index in indexes {
        let node = &mut file.nodes[*index];
        let (ended, word) = match how {
            How::Stop => (stop::stop(node).await, "stopped"),
            How::Kill => (stop::kill(node).await, "killed"),
        };
        match ended {
            Ok(was_running) => {
                node.pid = None;
                say(&format!("{} {}", node.name, if was_running { word } else { "was not running" }));
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
