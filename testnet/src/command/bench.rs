//! `bench`: how fast the network is. Owns: its options, and how results are printed.

use crate::args::Output;
use crate::bench::cluster::Plan;
use crate::bench::{course, load, report, restart};
use crate::command::up::{INTERRUPTED, runtime, unless_told_to_end};
use crate::links::shape::Wan;
use crate::processes::node_bin;
use crate::screen::Screen;
use anyhow::{Context, Result};
use blockchat_host::stream::{note, say, say_json};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  blockchat-testnet bench
      four validators: how many transfers a second become final, and how long one takes at a tenth of that
  blockchat-testnet bench --nodes 7 --seconds 60 --output json
  blockchat-testnet bench --delay-ms 50
      the same over links that delay 50 ms one way
  blockchat-testnet bench course
  blockchat-testnet bench restart --transactions 1000000

Everything is signed before it is measured; a transfer counts when all nodes have reported its block as final, checked and
on disk. The exit status is 0 only if all accepted transfers are final, all nodes have one tip, and coins are conserved.";

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// Measurement [default: the load]
    #[command(subcommand)]
    pub what: Option<What>,
    /// Options of the load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// The things that can be measured.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Transfers per second that become final, and their latency (what `bench` alone does)
    #[command(after_help = EXAMPLES)]
    Load(LoadArgs),
    /// The workload of the course on five nodes, at capacity 5, 10 and 20, beside the figures of the fastest predecessor
    #[command(after_help = EXAMPLES)]
    Course(CourseArgs),
    /// Time from kill -9 until a node serves, and until it is back at the tip
    #[command(after_help = EXAMPLES)]
    Restart(RestartArgs),
}

/// Options of the course's workloads.
#[derive(Clone, Debug, Args)]
pub struct CourseArgs {
    /// Number of nodes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=128))]
    pub nodes: u32,
    /// Folder with trans0.txt, trans1.txt ... [default: our own lines]
    #[arg(long, value_name = "DIR")]
    pub workload: Option<PathBuf>,
    /// The links between the nodes.
    #[command(flatten)]
    pub wan: Wan,
    /// Path of blockchat-node [default: built by cargo if run by cargo, else beside this program, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of the restart measurement.
#[derive(Clone, Debug, Args)]
pub struct RestartArgs {
    /// Number of validators
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(4..=64))]
    pub nodes: u32,
    /// Transfers in the store before the kill
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..=20_000_000))]
    pub transactions: u32,
    /// Path of blockchat-node [default: built by cargo if run by cargo, else beside this program, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of the load.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// Number of validators, each a process of its own
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub nodes: u32,
    /// Duration of the measured run
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Maximum transactions per block
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub capacity: u32,
    /// Block interval of the genesis, in ms [default: the genesis's own]
    #[arg(long, value_name = "MS")]
    pub block_interval: Option<u64>,
    /// Number of sending accounts
    #[arg(long, default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=8_000))]
    pub accounts: u32,
    /// Transactions per submit
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub batch: u32,
    /// The links between the nodes.
    #[command(flatten)]
    pub wan: Wan,
    /// Path of blockchat-node [default: built by cargo if run by cargo, else beside this program, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Measures and prints.
pub fn run(args: BenchArgs) -> Result<ExitCode> {
    match args.what {
        None => run_load(&args.load),
        Some(What::Load(args)) => run_load(&args),
        Some(What::Course(args)) => run_course(&args),
        Some(What::Restart(args)) => run_restart(&args),
    }
}

fn run_course(args: &CourseArgs) -> Result<ExitCode> {
    let Some(report) = course::run(args.nodes, args.workload.as_deref(), args.wan, args.node_bin.as_deref())? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    print(args.output, &report, course::render)?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_restart(args: &RestartArgs) -> Result<ExitCode> {
    let node_bin = node_bin::find(args.node_bin.as_deref())?;
    let (nodes, transactions) = (usize::try_from(args.nodes)?, usize::try_from(args.transactions)?);
    let screen = Screen::new();
    in_folder(
        async |dir| restart::run(node_bin, nodes, transactions, dir, &screen).await,
        |report| {
            print(args.output, report, restart::render)?;
            Ok(report.ok)
        },
    )
}

fn run_load(args: &LoadArgs) -> Result<ExitCode> {
    let plan = Plan {
        node_bin: node_bin::find(args.node_bin.as_deref())?,
        nodes: usize::try_from(args.nodes)?,
        capacity: args.capacity,
        block_interval_ms: args.block_interval,
        wan: args.wan,
    };
    let (accounts, batch) = (usize::try_from(args.accounts)?, usize::try_from(args.batch)?);
    let asked = load::Asked { plan, accounts, batch, steady: Duration::from_secs(args.seconds) };
    let screen = Screen::new();
    in_folder(
        async |dir| load::run(&asked, dir, &screen).await,
        |report| {
            print(args.output, report, report::render)?;
            Ok(report.ok)
        },
    )
}

/// Measures in a temporary folder. On failure, the folder is kept and its path printed.
fn in_folder<T>(
    measure: impl AsyncFnOnce(&Path) -> Result<T>,
    judge: impl FnOnce(&T) -> Result<bool>,
) -> Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("blockchat-bench-").tempdir();
    let folder = folder.context("cannot make a temporary folder")?;
    let Some(outcome) = runtime()?.block_on(unless_told_to_end(measure(folder.path())))? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let good = match &outcome {
        Ok(measured) => judge(measured)?,
        Err(_) => false,
    };
    if good {
        return Ok(ExitCode::SUCCESS);
    }
    let dir = folder.keep();
    outcome.with_context(|| format!("the measurement failed; homes and logs are in {}", dir.display()))?;
    note(&format!("homes and logs are in {}", dir.display()));
    Ok(ExitCode::FAILURE)
}

fn print<T: serde::Serialize>(output: Output, report: &T, render: impl Fn(&T) -> String) -> Result<()> {
    match output {
        Output::Json => say_json(&serde_json::to_string_pretty(report)?),
        Output::Table => say(&render(report)),
    }
    Ok(())
}
