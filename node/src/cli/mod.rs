//! The command line: one file per verb, each a function from its arguments to a result or a `Failure`.
//!
//! Owns: what is typed and what is printed. Does not own: anything a node does; commands that need one ask its API.
//! Exit codes: 0 done, 1 refused or failed, 2 the command line makes no sense.
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
mod view;
mod wallet;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use failure::Failure;
use home::Home;
use output::Format;
use std::process::ExitCode;

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) if refused.use_stderr() && asks_for_json() => return misspelt(&refused).report(Format::Json),
        Err(refused) => refused.exit(),
    };
    let format = cli.common.output;
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(format),
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
            clap_complete::generate(shell, &mut Cli::command(), "blockchat-node", &mut std::io::stdout());
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
