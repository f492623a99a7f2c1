//! The command line: the list of commands. Does not own: their options (`args`), what they do (`command`).

use crate::args::{DownArgs, NamesArgs, PlayArgs, StatusArgs, UpArgs};
use crate::command::bench::BenchArgs;
use crate::command::discover::DiscoverArgs;
use crate::command::experiment::ExperimentArgs;
use crate::command::heal::HealArgs;
use crate::processes::exec_node::ExecArgs;
use crate::sim::command::SimArgs;
use clap::{Parser, Subcommand};

/// Many BlockChat nodes on one machine: load, faults, and the proof that nothing was lost.
#[derive(Debug, Parser)]
#[command(name = "blockchat-testnet", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a network, let every node send its file at once, break it, and report
    Up(UpArgs),
    /// Send a workload to a network that runs elsewhere, and report
    Play(PlayArgs),
    /// How the nodes of a network that was kept running are
    Status(StatusArgs),
    /// Stop nodes of a network that was kept running
    Stop(NamesArgs),
    /// Start nodes of a network again
    Start(NamesArgs),
    /// Kill nodes of a network with -9
    Kill(NamesArgs),
    /// Stop all nodes of a network, or of all networks that run
    Down(DownArgs),
    /// Measure how fast a network is
    Bench(BenchArgs),
    /// Break a network on purpose and watch it heal: each scenario says beforehand what will happen, and ends with a verdict
    Heal(HealArgs),
    /// The experiments of the course and two more, as one HTML report
    Experiment(ExperimentArgs),
    /// Nodes that find each other from one address, and again without it; and what being found costs
    Discover(DiscoverArgs),
    /// Simulate many networks with everything going wrong, each from a seed
    Sim(SimArgs),
    /// Become a node: used by the launcher itself
    #[command(hide = true)]
    ExecNode(ExecArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Setting;
    use blockchat_proto::coins::Coins;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_the_demo() {
        let Command::Up(args) = Cli::parse_from(["blockchat-testnet", "up"]).command else { panic!("not up") };
        assert_eq!((args.nodes, args.capacity), (5, 10));
        assert_eq!((args.stake, args.fund), (Coins::from_bcc(10), Coins::from_bcc(10_000)));
        assert_eq!(args.kill_leader_at, Setting("0.5".parse().ok()));
        assert_eq!(args.kill_all_at, Setting(None));
    }

    #[test]
    fn a_fault_is_a_fraction_or_off() {
        let parse = |text: &str| Cli::try_parse_from(["blockchat-testnet", "up", "--kill-leader-at", text]);
        assert!(parse("off").is_ok() && parse("0.25").is_ok());
        assert!(parse("2").is_err() && parse("on").is_err());
    }
}
