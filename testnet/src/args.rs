//! Options that several commands share, and those of `up`, `play`, `status`, `stop` and `load`.
//!
//! `bench`, `discover` and `sim` keep theirs in their own files.

use crate::faults::Fraction;
use crate::links::shape::Wan;
use crate::processes::homes::NodeStake;
use blockchat_proto::coins::Coins;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Output format.
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
  blockchat-testnet up --capacity 20 --kill-leader-at off
      how fast it is when no node dies
  blockchat-testnet up --fund 1000
      poor senders: lines that cannot be paid are refused with the reason
  blockchat-testnet up --watch
      slow enough to follow, with a live table: leader, heights, kills and catching up
  blockchat-testnet up --kill-leader-at off --kill-all-at 0.5
      all nodes killed with -9 at once: what was final stays final
  blockchat-testnet up --dashboard
      the same with the whole dashboard: who leads, who votes, the kill and the way back
  blockchat-testnet up --delay-ms 50:10 --bandwidth 20mbit
      the same over links as between cities
  blockchat-testnet up --keep-running --load --dir net
      after the report a light load goes on, until Ctrl-C; then, or in another terminal:
  blockchat-testnet stop id3 id4 --dir net
  blockchat-testnet status --dir net
      without a third of the stake the chain waits, and says for whom
  blockchat-testnet start id3 --dir net
      and goes on
  blockchat-testnet kill all --dir net; blockchat-testnet up --dir net; blockchat-testnet down
      all nodes killed with -9, started again, and stopped

The exit status is 0 only if all is well: every line final, or refused because its sender cannot pay; one tip and one
state root on all nodes; coins conserved to the micro-BCC; nothing that was final missing or changed.";

/// Options of `up`.
#[derive(Clone, Debug, Args)]
#[command(after_help = UP_EXAMPLES)]
pub struct UpArgs {
    /// Number of nodes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=128))]
    pub nodes: u32,
    /// Maximum transactions per block; this many pooled transactions start a block at once
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub capacity: u32,
    /// Staked coins of each node, in BCC
    #[arg(long, default_value = "10")]
    pub stake: Coins,
    /// Stake of one node, such as id0=100; may be repeated
    #[arg(long, value_name = "NODE=BCC")]
    pub stake_of: Vec<NodeStake>,
    /// Number of nodes that have a stake and never run, counted from the last
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub absent: u32,
    /// Coins of each node in BCC, stake included; with 1000, some nodes cannot pay for all of their lines
    #[arg(long, default_value = "10000")]
    pub fund: Coins,
    /// Folder with trans0.txt, trans1.txt ...: lines `id<receiver> <text>` that node 0, 1 ... sends [default: built in]
    #[arg(long, value_name = "DIR")]
    pub workload: Option<PathBuf>,
    /// New folder for homes and logs [default: a temporary folder, removed on success]; with the folder of an existing
    /// network, restart its nodes and do nothing else
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Kill the leader (-9) when this part of the lines is settled: 0 to 1, or `off`
    #[arg(long, value_name = "FRACTION|off", default_value = "0.5", value_parser = fraction_or_off)]
    pub kill_leader_at: Setting,
    /// Kill all nodes at once (-9) when this part of the lines is settled: 0 to 1, or `off`
    #[arg(long, value_name = "FRACTION|off", default_value = "off", value_parser = fraction_or_off)]
    pub kill_all_at: Setting,
    /// Links between the nodes.
    #[command(flatten)]
    pub wan: Wan,
    /// Run slowly enough to follow: half a minute, with a live table of leader, heights, kills and catching up
    #[arg(long, conflicts_with = "dashboard")]
    pub watch: bool,
    /// Leave the nodes running; see `status`, `stop`, `start` and `down`
    #[arg(long)]
    pub keep_running: bool,
    /// After the report, send one line per second until Ctrl-C; the nodes keep running. Same as the command `load`
    #[arg(long, requires = "keep_running")]
    pub load: bool,
    /// Show the dashboard in this terminal; after q, the report follows once the run is over
    #[arg(long)]
    pub dashboard: bool,
    /// Path of blockchat-node [default: built by cargo if run by cargo, else beside this program, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

const PLAY_EXAMPLES: &str = "\
Examples:
  blockchat-testnet play --api http://127.0.0.1:7474 --keys net/wallets
  blockchat-testnet play --service blockchat:7474 --nodes-min 5 --keys /wallets
      all nodes behind a name: what the job of k8s/overlays/load does

The exit status is 0 only if every line is final or refused, all nodes have one tip, and nothing was taken back.";

/// Options of `play`.
#[derive(Clone, Debug, Args)]
#[command(after_help = PLAY_EXAMPLES)]
pub struct PlayArgs {
    /// API of a node; may be repeated
    #[arg(long, value_name = "URL", required_unless_present = "service")]
    pub api: Vec<String>,
    /// The API of every node behind this name; may be repeated
    #[arg(long, value_name = "NAME:PORT")]
    pub service: Vec<String>,
    /// Number of nodes that must be ready before anything is sent
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub nodes_min: usize,
    /// Maximum wait for them, in seconds
    #[arg(long, default_value_t = 120, value_name = "S", value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub wait: u64,
    /// Folder with key files of funded accounts: the first one sends trans0.txt, and so on
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// Folder with trans0.txt, trans1.txt ...: lines `id<receiver> <text>` [default: built in]
    #[arg(long, value_name = "DIR")]
    pub workload: Option<PathBuf>,
    /// Format of the report
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

/// Choice of the network to stop.
#[derive(Clone, Debug, Args)]
pub struct DownArgs {
    /// Folder of the network, as given to or printed by `up` [default: all running networks of this machine]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Choice of a network, and the output format.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Folder of the network, as given to or printed by `up`
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Examples of `status`.
pub const STATUS_EXAMPLES: &str = "\
Examples:
  blockchat-testnet status --dir net
  blockchat-testnet status --dir net --output json";

/// Examples of `stop`, `start` and `kill`.
pub const NAMES_EXAMPLES: &str = "\
Examples:
  blockchat-testnet kill id3 --dir net           as a power cut would: kill -9
  blockchat-testnet stop id0 id1 --dir net       in order
  blockchat-testnet start all --dir net          all that do not run";

/// Examples of `down`.
pub const DOWN_EXAMPLES: &str = "\
Examples:
  blockchat-testnet down                         all networks that run on this machine, however they were started
  blockchat-testnet down --dir net               this one";

/// Examples of `load`.
pub const LOAD_EXAMPLES: &str = "\
Examples:
  blockchat-testnet load --dir net               a line a second, each from the next node
  blockchat-testnet load --dir net --every 100   ten a second";

/// Choice of a network, and the pace.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// Folder of the network, as given to or printed by `up`
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Time between two lines, in ms
    #[arg(long, default_value_t = 1_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub every: u64,
}

impl LoadArgs {
    /// The network in this folder, at the usual pace.
    pub fn usual(dir: PathBuf) -> Self {
        Self { dir, every: 1_000 }
    }

    /// Time between two lines.
    pub fn every(&self) -> Duration {
        Duration::from_millis(self.every)
    }
}

/// Choice of nodes of a network.
#[derive(Clone, Debug, Args)]
pub struct NamesArgs {
    /// Names of nodes, such as id3 id4, or all
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Folder of the network, as given to or printed by `up`
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}
