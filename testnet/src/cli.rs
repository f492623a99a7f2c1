//! The command line: the list of commands. Does not own: their options (`args`), what they do (`command`).

use crate::args::{self, DownArgs, LoadArgs, NamesArgs, PlayArgs, StatusArgs, UpArgs};
use crate::command::bench::BenchArgs;
use crate::command::discover::DiscoverArgs;
use crate::command::experiment::ExperimentArgs;
use crate::command::heal::HealArgs;
use crate::hosts::door::DoorArgs;
use crate::processes::exec_node::ExecArgs;
use crate::sim::command::SimArgs;
use clap::{ArgAction, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  blockchat-testnet up --watch               five nodes, a kill and the way back, slow enough to follow
  blockchat-testnet heal                     what can be broken on purpose, and what will happen
  blockchat-testnet up --keep-running --dir net
  blockchat-testnet kill id3 id4 --dir net   and look: blockchat-testnet status --dir net
  blockchat-testnet start all --dir net
  blockchat-testnet down                     all networks that run on this machine";

const COMPLETION_EXAMPLES: &str = "\
Examples, each for the file that your shell reads at its start:
  source <(blockchat-testnet completions bash)                 ~/.bashrc
  source <(blockchat-testnet completions zsh)                  ~/.zshrc, after compinit
  blockchat-testnet completions fish | source                  ~/.config/fish/config.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  blockchat-testnet man --dir ~/.local/share/man/man1";

/// Many BlockChat nodes on one machine: load, faults, and the proof that nothing was lost.
#[derive(Debug, Parser)]
#[command(name = "blockchat-testnet", version, propagate_version = true, max_term_width = 110, after_help = EXAMPLES)]
#[command(disable_help_flag = true, arg_required_else_help = true)]
pub struct Cli {
    /// Print help
    #[arg(long, short, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a network, send messages from every node, kill nodes, and report
    Up(UpArgs),
    /// Send a workload to a network that runs elsewhere, and report
    Play(PlayArgs),
    /// Show the state of each node of a network that was kept running
    #[command(after_help = args::STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Stop nodes of a network that was kept running
    #[command(after_help = args::NAMES_EXAMPLES)]
    Stop(NamesArgs),
    /// Start nodes of a network again
    #[command(after_help = args::NAMES_EXAMPLES)]
    Start(NamesArgs),
    /// Kill nodes of a network with -9
    #[command(after_help = args::NAMES_EXAMPLES)]
    Kill(NamesArgs),
    /// Send a light load to a network that was kept running, until Ctrl-C
    #[command(after_help = args::LOAD_EXAMPLES)]
    Load(LoadArgs),
    /// Stop all nodes of a network, or of all networks that run
    #[command(after_help = args::DOWN_EXAMPLES)]
    Down(DownArgs),
    /// Measure throughput and latency
    Bench(BenchArgs),
    /// Inject faults and measure recovery; each scenario predicts its outcome and ends with a verdict
    Heal(HealArgs),
    /// Run the experiments of the course and two more, and write one HTML report
    Experiment(ExperimentArgs),
    /// Measure how nodes find each other, from one address and from none
    Discover(DiscoverArgs),
    /// Simulate many networks with faults, each from a seed
    Sim(SimArgs),
    /// Carry calls to the host of a node: used by the launcher itself
    #[command(hide = true)]
    HostDoor(DoorArgs),
    /// Print a completion script for your shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The folder, such as /usr/local/share/man/man1
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
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

    /// All commands that do something, with the words that lead to them.
    fn verbs(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let shown = |below: &&clap::Command| below.get_name() != "help" && !below.is_hide_set();
        let below = command.get_subcommands().filter(shown);
        let below: Vec<_> = below.flat_map(|below| verbs(below, &format!("{path} {}", below.get_name()))).collect();
        if below.is_empty() { vec![(path.to_owned(), command.clone())] } else { below }
    }

    #[test]
    fn every_command_shows_examples_in_its_help() {
        for (path, mut verb) in verbs(&Cli::command(), "blockchat-testnet") {
            let help = verb.render_help().to_string();
            assert!(help.contains("Examples") && help.contains("  blockchat-testnet "), "{path}: {help}");
        }
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
