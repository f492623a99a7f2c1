//! The `blockchat-testnet` program: parse, dispatch, exit status.

use blockchat_host::{command_line, completions, core_dump, stream};
use blockchat_testnet::cli::{Cli, Command};
use blockchat_testnet::command;
use blockchat_testnet::command::stop::How;
use blockchat_testnet::hosts::door;
use blockchat_testnet::processes::exec_node;
use blockchat_testnet::sim;
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

fn main() -> ExitCode {
    if completions::answered(Cli::command) {
        return ExitCode::SUCCESS;
    }
    if let Err(error) = core_dump::forbid() {
        stream::note(&format!("warning: a crash may write keys into a core dump: {error}"));
    }
    let parsed = command_line::laid_out(Cli::command()).try_get_matches();
    let code = match parsed.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => done(cli.command),
        Err(said) => ExitCode::from(command_line::tell(&said)),
    };
    match stream::lost() {
        Some(error) if code == ExitCode::SUCCESS => {
            stream::note(&format!("error: the command succeeded, but its result could not be written: {error}"));
            ExitCode::FAILURE
        }
        _ => code,
    }
}

fn done(command: Command) -> ExitCode {
    let done = match command {
        Command::Up(args) => command::up::run(args),
        Command::Play(args) => command::play::run(&args),
        Command::Status(args) => command::status::run(&args),
        Command::Stop(args) => command::stop::run(&args, How::Stop),
        Command::Kill(args) => command::stop::run(&args, How::Kill),
        Command::Start(args) => command::start::run(&args),
        Command::Load(args) => command::load::run(&args),
        Command::Completions { shell } => command::pages::completions(shell),
        Command::Man { dir } => command::pages::man(Cli::command(), &dir),
        Command::Down(args) => command::down::run(&args),
        Command::Bench(args) => command::bench::run(args),
        Command::Experiment(args) => command::experiment::run(&args),
        Command::Heal(args) => command::heal::run(&args),
        Command::Discover(args) => command::discover::run(&args),
        Command::Sim(args) => sim::command::run(&args),
        Command::HostDoor(args) => door::keep(&args).map(|()| ExitCode::SUCCESS),
        Command::ExecNode(args) => exec_node::become_node(args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        stream::note(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}
