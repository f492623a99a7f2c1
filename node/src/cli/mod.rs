//! The command line: one file per verb, each a function from its arguments to a result or a `Failure`.
//!
//! Owns: input and output of the command line. Does not own: the node's work; commands that need a node ask its API.
//! Exit codes: 0 done, 1 refused or failed, 2 the command line is invalid. Always true: a result that could not be
//! written, though the reader is still there, is a failure. Start reading at [`main`].

pub(crate) mod args;
mod ask;
mod balance;
mod claim;
mod completion;
mod containers;
mod csv;
mod dashboard;
mod db;
mod dev_chain;
pub(crate) mod failure;
mod greeting;
mod guard;
mod history;
pub(crate) mod home;
mod hosts;
mod init;
mod join;
mod man;
pub(crate) mod messages;
pub(crate) mod names;
mod network;
pub(crate) mod node;
pub(crate) mod output;
pub(crate) mod passphrase;
mod peers;
mod planned_file;
mod ports;
mod receipt;
mod replace;
mod run;
pub(crate) mod send;
mod stake;
mod status;
pub(crate) mod submit;
mod tx;
mod unfinished;
mod view;
mod wallet;

use crate::{logging, shell};
use args::{COMMIT, Cli, Command, RunArgs, TARGET};
use blockchat_host::{command_line, core_dump, stream};
use clap::{CommandFactory, FromArgMatches};
use failure::Failure;
use home::Home;
use output::Format;
use passphrase::Keyring;
use std::process::ExitCode;

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    if completion::answered() {
        return ExitCode::SUCCESS;
    }
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
    let mut command = command_line::laid_out(command_line::without_empty_variables(Cli::command()));
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|refused| refused.format(&mut command))
}

/// Work whose result could not be written is not done.
fn output_reached() -> Result<(), Failure> {
    match stream::lost() {
        None => Ok(()),
        Some(error) => {
            let cause = format!("the command succeeded, but its result could not be written: {error}");
            Err(Failure::new(cause, "free some space for the output, then look at the result again")
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

/// The text of a clap error without its layout: the first paragraph is the cause.
fn misspelt(refused: &clap::Error) -> Failure {
    let text = refused.to_string();
    let cause = text.split("\n\n").next().unwrap_or_default();
    Failure::usage(cause.trim_start_matches("error: ").trim(), "run the same command with --help to see its options")
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let format = cli.common.output;
    match cli.command {
        Command::Init(args) => init::init(args, format),
        Command::Run(args) => run::run(&Home::locate(cli.common.home)?, args, format),
        Command::PodInit(args) if args.run => {
            let home = Home::locate(cli.common.home.clone())?;
            wait_for(Box::pin(perform(&home, Command::PodInit(args), format, &mut Keyring::default())))?;
            run::run(&home, RunArgs::default(), format)
        }
        Command::Db(command) => db::db(&Home::locate(cli.common.home)?, command, format),
        Command::Completions { shell } => {
            stream::say_own(&completion::script(shell)?);
            Ok(())
        }
        Command::Man { dir } => man::man(&dir, format),
        Command::Shell(args) => wait_for(shell::session::shell(&Home::locate(cli.common.home)?, args, format)),
        Command::Chat(args) => wait_for(shell::chat::chat(&Home::locate(cli.common.home)?, args, format)),
        command => {
            let home = Home::locate(cli.common.home)?;
            wait_for(Box::pin(perform(&home, command, format, &mut Keyring::default())))
        }
    }
}

/// One thread is enough for what a person asks.
pub(crate) fn wait_for(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), "free some resources"))?;
    runtime.block_on(work)
}

/// Verbs that may ask a node: those of the command line and of the shell alike.
pub(crate) async fn perform(home: &Home, command: Command, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    match command {
        Command::Wallet(command) => wallet::wallet(home, command, format).await,
        Command::Contacts(command) => wallet::contacts(home, command, format),
        Command::Send(args) => send::send(home, args, format, keys).await,
        Command::Stake(args) => stake::stake(home, args, format, keys).await,
        Command::Balance(args) => balance::balance(home, args, format).await,
        Command::View(args) => view::view(home, args, format).await,
        Command::Tx(args) => tx::tx(home, args, format, keys).await,
        Command::Receipt(args) => receipt::receipt(home, args).await,
        Command::VerifyReceipt(args) => receipt::verify(home, &args, format),
        Command::Messages(args) => messages::inbox(home, args, format, keys).await,
        Command::Message(command) => messages::message(home, command, format, keys).await,
        Command::History(args) => history::history(home, args, format, keys).await,
        Command::Status(arg) => status::status(home, &arg, format).await,
        Command::Dashboard(args) => dashboard::dashboard(home, args, format).await,
        Command::Peers(args) => peers::peers(home, &args, format).await,
        Command::Health(arg) => peers::health(home, &arg, format).await,
        Command::Guard(command) => guard::guard(home, command, format).await,
        Command::PodInit(args) => containers::pod_init::pod_init(home, &args, format).await,
        Command::Version => {
            version(format);
            Ok(())
        }
        Command::Init(_)
        | Command::Run(_)
        | Command::Db(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Shell(_)
        | Command::Chat(_) => {
            unreachable!("done before a node is asked, and no verb at a prompt")
        }
    }
}

fn version(format: Format) {
    let (version, sources) = (env!("CARGO_PKG_VERSION"), blockchat_engine::SOURCES);
    let told = serde_json::json!({ "version": version, "commit": COMMIT, "target": TARGET, "sources": sources });
    format.print(&told, |_| format!("blockchat-node {version}\ncommit {COMMIT}\ntarget {TARGET}\nsources {sources}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// All verbs that do something, with the words that lead to them.
    fn verbs(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let own = || vec![(path.to_owned(), command.clone())];
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        let below: Vec<_> = below.flat_map(|below| verbs(below, &format!("{path} {}", below.get_name()))).collect();
        if below.is_empty() { own() } else { below }
    }

    #[test]
    fn every_verb_shows_examples_in_its_help() {
        for (path, mut verb) in verbs(&Cli::command(), "blockchat-node") {
            let help = verb.render_help().to_string();
            assert!(help.contains("Examples") && help.contains("  blockchat-node "), "{path}: {help}");
        }
    }
}
