//! `discover`: nodes find each other from one address, and again without it; measures idle traffic.

use crate::args::Output;
use crate::command::up::{INTERRUPTED, runtime, unless_told_to_end};
use crate::discover::report::{self, Report, Run};
use crate::discover::site::VALIDATORS;
use crate::discover::story::{self, Plan};
use crate::processes::node_bin;
use crate::screen::Screen;
use anyhow::{Context, Result};
use blockchat_host::stream::{say, say_json};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;

/// Maximum number of nodes: more of them on one machine measure the machine, not discovery.
const NODES_MAX: usize = 60;

const EXAMPLES: &str = "\
Examples:
  blockchat-testnet discover
      20 nodes, each told the first one's address and nothing else
  blockchat-testnet discover --nodes 5,10,20 --seconds 30
      what being connected costs, by the number of nodes

Without mDNS, every node finds all others through Kademlia; the first is killed for good and a new one joins through
another; all are killed and come back with nothing but their books. The exit status is 0 only if each time every node
knew every other, all were connected with each other (directly or through others), and all went on at one tip.";

/// Options of `discover`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiscoverArgs {
    /// Number of nodes; several numbers run one after the other
    #[arg(long, value_name = "N[,N...]", value_delimiter = ',', default_value = "20", value_parser = node_count)]
    pub nodes: Vec<usize>,
    /// Duration of the measurement of idle traffic
    #[arg(long, value_name = "S", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Time between empty blocks, in ms
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(500..=60_000))]
    pub idle_block_interval: u64,
    /// Path of blockchat-node [default: built by cargo if run by cargo, else beside this program, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

fn node_count(text: &str) -> Result<usize, String> {
    let count = text.trim().parse().ok().filter(|count| (VALIDATORS..=NODES_MAX).contains(count));
    count.ok_or_else(|| format!("{VALIDATORS} to {NODES_MAX} nodes: the first {VALIDATORS} are validators"))
}

/// Runs all stories and prints the results.
pub fn run(args: &DiscoverArgs) -> Result<ExitCode> {
    let node_bin = node_bin::find(args.node_bin.as_deref())?;
    let folder = tempfile::Builder::new().prefix("blockchat-discover-").tempdir();
    let folder = folder.context("cannot make a temporary folder")?;
    let Some(runs) = runtime()?.block_on(unless_told_to_end(play_all(args, &node_bin, &folder)))?.transpose()? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let ok = runs.iter().all(|run| run.ok);
    let dir = (!ok).then(|| folder.keep());
    let report = Report { runs, ok, dir };
    match args.output {
        Output::Json => say_json(&serde_json::to_string_pretty(&report)?),
        Output::Table => say(&report::render(&report)),
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play_all(args: &DiscoverArgs, node_bin: &std::path::Path, folder: &TempDir) -> Result<Vec<Run>> {
    let screen = Screen::new();
    let mut runs = vec![];
    for (number, nodes) in args.nodes.iter().enumerate() {
        let dir = folder.path().join(number.to_string());
        let idle_block_interval = Duration::from_millis(args.idle_block_interval);
        let plan = Plan { node_bin, dir: &dir, nodes: *nodes, seconds: args.seconds, idle_block_interval };
        runs.push(story::play(plan, &screen).await?);
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_nodes_that_three_of_the_validators_are_left() {
        assert_eq!(node_count("4"), Ok(4));
        assert!(node_count("3").is_err() && node_count("61").is_err() && node_count("x").is_err());
    }
}
