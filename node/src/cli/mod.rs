//! The command line: one file per verb, each a function from its arguments to a result or a `Failure`.
//!
//! Owns: what is typed and what is printed. Does not own: anything a node does; commands that need one ask its API.
//! Exit codes: 0 done, 1 refused or failed, 2 the command line makes no sense.
//! Always true: a result that could not be written, though somebody may still read, is a failure.
//! Start reading at [`main`].

mod args;
mod balance;
mod dev_chain;
mod failure;
mod guard;
mod history;
mod home;
mod init;
mod join;
mod messages;
mod names;
mod network;
mod node;
mod output;
mod passphrase;
mod peers;
mod run;
mod send;
mod stake;
mod status;
mod submit;
mod tx;
mod unfinished;
mod view;
mod wallet;

use crate::logging;
use args::{Cli, Command};
use blockchat_host::{command_line, core_dump, stream};
use clap::{CommandFactory, FromArgMatches};
use failure::Failure;
use home::Home;
use output::Format;
use std::process::ExitCode;

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    if let Err(error) = core_dump::forbid() {
        output::note(&format!("warning: a crash may write keys into a core dump: {error}"));
    }
    let (format, done) = match parse() {
        Ok(cli) => (cli.common.output, dispatch(cli)),
        Err(refused) if refused.use_stderr() && asks_for_json() => (Format::Json, Err(misspelt(&refused))),
        Err(refused) => {
            let code = command_line::tell(&refused);
            if code != 0 {
                return ExitCode::from(code);
            }
            (Format::Table, Ok(()))
        }
    };
    logging::flush();
    match done.and_then(|()| output_reached()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(format),
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let mut command = command_line::without_empty_variables(Cli::command());
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|refused| refused.format(&mut command))
}

/// Work whose result reached nobody is not done.
fn output_reached() -> Result<(), Failure> {
    match stream::lost() {
        None => Ok(()),
        Some(error) => {
            let cause = format!("it is done, but the result could not be written: {error}");
            Err(Failure::new(cause, "make room where the output goes, then look at the result again")
                .coded("output_lost"))
        }
    }
}

/// Does a command line that cannot be understood ask for JSON all the same?
fn asks_for_json() -> bool {
    let args: Vec<_> = std::env::args_os().collect();
    let named = |pair: &[std::ffi::OsString]| pair[0] == "--output" && pair[1] == "json";
    let by_variable = || std::env::var_os("BLOCKCHAT_OUTPUT").is_some_and(|form| form == "json");
    args.windows(2).any(named) || args.iter().any(|arg| arg == "--output=json") || by_variable()
}

/// What clap says, without its own layout: the first paragraph is the cause.
fn misspelt(refused: &clap::Error) -> Failure {
    let text = refused.to_string();
    let cause = text.split("\n\n").next().unwrap_or_default();
    Failure::usage(cause.trim_start_matches("error: ").trim(), "the same command with --help lists what it takes")
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let format = cli.common.output;
    match cli.command {
        Command::Init(args) => init::init(args, format),
        Command::Run(args) => run::run(&Home::locate(cli.common.home)?, args, format),
        Command::Completions { shell } => {
            let mut script = vec![];
            clap_complete::generate(shell, &mut Cli::command(), "blockchat-node", &mut script);
            stream::say_own(&String::from_utf8_lossy(&script));
            Ok(())
        }
        Command::Version => {
            version(format);
            Ok(())
        }
        command => ask(&Home::locate(cli.common.home)?, command, format),
    }
}

/// Commands that may ask a node: short-lived, so one thread is enough.
fn ask(home: &Home, command: Command, format: Format) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), "free some resources"))?;
    runtime.block_on(async {
        match command {
            Command::Wallet(command) => wallet::wallet(home, command, format).await,
            Command::Contacts(command) => wallet::contacts(home, command, format),
            Command::Send(args) => send::send(home, args, format).await,
            Command::Stake(args) => stake::stake(home, args, format).await,
            Command::Balance(args) => balance::balance(home, args, format).await,
            Command::View(args) => view::view(home, args, format).await,
            Command::Tx(args) => tx::tx(home, args, format).await,
            Command::Messages(args) => messages::messages(home, args, format).await,
            Command::History(args) => history::history(home, args, format).await,
            Command::Status(arg) => status::status(home, &arg, format).await,
            Command::Peers(args) => peers::peers(home, &args, format).await,
            Command::Health(arg) => peers::health(home, &arg, format).await,
            Command::Guard(command) => guard::guard(home, command, format).await,
            Command::Init(_) | Command::Run(_) | Command::Completions { .. } | Command::Version => {
                unreachable!("answered before a node is asked")
            }
        }
    })
}

fn version(format: Format) {
    let (version, sources) = (env!("CARGO_PKG_VERSION"), blockchat_engine::SOURCES);
    format.print(&serde_json::json!({ "version": version, "sources": sources }), |_| {
        format!("blockchat-node {version}\nsources {sources}")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
