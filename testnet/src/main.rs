//! The `blockchat-testnet` program: parse, dispatch, exit status.

use blockchat_testnet::cli::{Cli, Command};
use blockchat_testnet::command;
use blockchat_testnet::processes::exec_node;
use blockchat_testnet::sim;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(args) => command::up::run(args),
        Command::Status(args) => command::status::run(&args),
        Command::Stop(args) => command::stop::run(&args),
        Command::Start(args) => command::start::run(&args),
        Command::Down(args) => command::down::run(&args),
        Command::Bench(args) => command::bench::run(args),
        Command::Discover(args) => command::discover::run(&args),
        Command::Sim(args) => sim::command::run(&args),
        Command::ExecNode(args) => exec_node::become_node(args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
