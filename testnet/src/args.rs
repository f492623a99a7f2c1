//! What the commands are told: the options that are not of one command alone, and those of the shows.
//!
//! `bench`, `discover` and `sim` keep theirs beside what they do.

use crate::faults::Fraction;
use blockchat_proto::coins::Coins;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For scripts.
    Json,
}

const UP_EXAMPLES: &str = "\
Examples:
  blockchat-testnet up
      five nodes, our own messages; the leader is killed when half of the lines are settled
  blockchat-testnet up --capacity 20 --fund 10000 --kill-leader-at off
      how fast it is when nobody dies and everybody can pay
  blockchat-testnet up --kill-leader-at off --kill-all-at 0.5
      all nodes killed with -9 at once: what was final stays final
  blockchat-testnet up --keep-running --dir net
  blockchat-testnet stop id3 id4 --dir net
  blockchat-testnet status --dir net
      without a third of the stake the chain waits, and says for whom
  blockchat-testnet start id3 --dir net
      and goes on

The exit status is 0 only if all is well: every line final, or refused because its sender cannot pay; one tip and one
state root on all nodes; coins conserved to the micro-BCC; nothing that was final missing or changed.";

/// What `up` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = UP_EXAMPLES)]
pub struct UpArgs {
    /// How many nodes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=128))]
    pub nodes: u32,
    /// Transactions a block: so many in the pool start one at once
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub capacity: u32,
    /// Staked coins of each node, in BCC
    #[arg(long, default_value = "10")]
    pub stake: Coins,
    /// All coins of each node, in BCC, the stake included
    #[arg(long, default_value = "1000")]
    pub fund: Coins,
    /// Folder with trans0.txt, trans1.txt ...: lines `id<receiver> <text>` that node 0, 1 ... sends [default: our own]
    #[arg(long, value_name = "DIR")]
    pub workload: Option<PathBuf>,
    /// New folder for the network's homes and logs [default: a temporary one, removed if all went well]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Kill the leader (-9) when this part of the lines is final or refused: 0 to 1, or `off`
    #[arg(long, value_name = "FRACTION|off", default_value = "0.5", value_parser = fraction_or_off)]
    pub kill_leader_at: Setting,
    /// Kill all nodes at once (-9) when this part of the lines is final or refused: 0 to 1, or `off`
    #[arg(long, value_name = "FRACTION|off", default_value = "off", value_parser = fraction_or_off)]
    pub kill_all_at: Setting,
    /// Leave the nodes running; see `status`, `stop`, `start` and `down`
    #[arg(long)]
    pub keep_running: bool,
    /// The program blockchat-node [default: built by cargo if run by cargo, else beside this one, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// A fault that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting(pub Option<Fraction>);

fn fraction_or_off(text: &str) -> Result<Setting, String> {
    if text == "off" {
        return Ok(Setting(None));
    }
    text.parse().map(|fraction| Setting(Some(fraction))).map_err(|reason: String| format!("{reason}, or `off`"))
}

/// Which network.
#[derive(Clone, Debug, Args)]
pub struct DirArgs {
    /// Folder of the network, as given to or printed by `up`
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// Which network, and how to print it.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Folder of the network, as given to or printed by `up`
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Which nodes of which network.
#[derive(Clone, Debug, Args)]
pub struct NamesArgs {
    /// Nodes, such as id3
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Folder of the network, as given to or printed by `up`
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}
