//! The command line: every verb, flag and environment variable, with its help. No behaviour.
//!
//! Here stand the verbs, and what every one of them understands; their flags stand in a file for each family.

mod look;
mod names;
mod network;
mod run;
mod shared;
mod spend;

pub(crate) use look::{BalanceArgs, DashboardArgs, HistoryArgs, MessagesArgs, PeersArgs, ViewArgs};
pub(crate) use names::{ContactsCommand, WalletCommand};
pub(crate) use network::{InitArgs, InitFormat, ParameterArgs, PodInitArgs};
pub(crate) use run::{DbCommand, ExportArgs, GuardCommand, GuardResetArgs, JoinArgs, RunArgs};
pub(crate) use shared::{ApiArg, KeyArg, PassphraseArg, Switch, WaitArg};
pub(crate) use spend::{CancelArgs, ChatArgs, SendArgs, ShellArgs, StakeArgs, TxArgs, TxCommand};

use super::messages;
use super::output::Format;
use super::receipt;
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;
use std::sync::LazyLock;

const EXAMPLES: &str = "\
Examples:
  blockchat-node run                   start a chain of your own on this machine
  blockchat-node run --share           the same, open to your network
  blockchat-node run --join            join a chain that runs on your network
  blockchat-node wallet new bob        create a key
  blockchat-node send bob 5 \"Hello\"    send coins and a message in one transaction
  blockchat-node chat bob              talk with bob
  blockchat-node inbox                 read your messages
  blockchat-node message threads       list your conversations, and what is unread
  blockchat-node init --validators 4 --dir net
                                       create the folders of a network of four nodes";

/// The commit that the program was built from; `unknown` in a development build.
pub(crate) const COMMIT: &str = env!("BLOCKCHAT_COMMIT");
/// The machine that it was built for.
pub(crate) const TARGET: &str = env!("BLOCKCHAT_TARGET");

fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let (version, sources) = (env!("CARGO_PKG_VERSION"), blockchat_engine::SOURCES);
        format!("{version}\ncommit {COMMIT}\ntarget {TARGET}\nsources {sources}")
    });
    &TEXT
}

const MAN_EXAMPLES: &str = "\
Examples:
  blockchat-node man --dir ~/.local/share/man/man1";

const VERSION_EXAMPLES: &str = "\
Examples:
  blockchat-node version
  blockchat-node version --output json";

const COMPLETION_EXAMPLES: &str = "\
Examples, each for the file that your shell reads at its start:
  source <(blockchat-node completions bash)                 ~/.bashrc
  source <(blockchat-node completions zsh)                  ~/.zshrc, after compinit
  blockchat-node completions fish | source                  ~/.config/fish/config.fish";

/// A decentralised node for signed chat messages and payments.
#[derive(Debug, Parser)]
#[command(name = "blockchat-node", version, long_version = long_version(), after_help = EXAMPLES)]
#[command(arg_required_else_help = true, max_term_width = 110, disable_help_flag = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Common {
    /// Folder with configuration, keys and chain [default: blockchat in your data folder]
    #[arg(long, global = true, env = "BLOCKCHAT_HOME", hide_env_values = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Output format: table for people, json for programs
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "BLOCKCHAT_OUTPUT",
        hide_env_values = true,
        value_name = "FORM"
    )]
    pub(crate) output: Format,
    /// Print help
    #[arg(long, short, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a new network: keys, genesis and configuration of each node
    Init(InitArgs),
    /// Run the node; without any files, with a new development chain
    Run(RunArgs),
    /// Prepare the home of a node inside a container
    PodInit(PodInitArgs),
    /// Create and list keys
    #[command(subcommand, after_help = names::WALLET_EXAMPLES)]
    Wallet(WalletCommand),
    /// Give names to addresses
    #[command(subcommand, after_help = names::CONTACTS_EXAMPLES)]
    Contacts(ContactsCommand),
    /// Send coins, a message, or both
    Send(SendArgs),
    /// Chat in the terminal; messages appear as they become final
    Chat(ChatArgs),
    /// Open a prompt for all commands, with short ones such as t and m; also reads a pipe
    Shell(ShellArgs),
    /// Set your stake; 0 leaves the validators
    #[command(after_help = spend::STAKE_EXAMPLES)]
    Stake(StakeArgs),
    /// Show the balance and stake of an account
    #[command(after_help = look::BALANCE_EXAMPLES)]
    Balance(BalanceArgs),
    /// Show a final block: the last one, or one by height or hash
    #[command(after_help = look::VIEW_EXAMPLES)]
    View(ViewArgs),
    /// Show the state of a transaction, or cancel one that is not final yet
    #[command(after_help = spend::TX_EXAMPLES)]
    Tx(TxArgs),
    /// Print a receipt: proof of a final transaction, or of the state of an account
    #[command(after_help = receipt::EXAMPLES)]
    Receipt(receipt::ReceiptArgs),
    /// Check a receipt against a hash that you trust; needs no node and no network
    #[command(after_help = receipt::VERIFY_EXAMPLES)]
    VerifyReceipt(receipt::VerifyReceiptArgs),
    /// Show messages to and from an account, newest last, and which are unread
    #[command(name = "inbox", alias = "messages", after_help = look::MESSAGES_EXAMPLES)]
    Messages(MessagesArgs),
    /// List, read, search, export and watch your conversations
    #[command(subcommand, after_help = messages::args::EXAMPLES)]
    Message(messages::args::MessageCommand),
    /// Show the history of an account: payments, messages, stake and fees, newest last
    History(HistoryArgs),
    /// Show the status of the node and its chain
    #[command(after_help = look::STATUS_EXAMPLES)]
    Status(ApiArg),
    /// Show a node or a network live; without a terminal, print one line per block
    Dashboard(DashboardArgs),
    /// List connected peers; with --known, all peers that the node can dial
    #[command(after_help = look::PEERS_EXAMPLES)]
    Peers(PeersArgs),
    /// Exit with 0 if the node takes part in its chain, else with 1
    #[command(after_help = look::HEALTH_EXAMPLES)]
    Health(ApiArg),
    /// Show or reset the guard, which prevents double signing
    #[command(subcommand, after_help = run::GUARD_EXAMPLES)]
    Guard(GuardCommand),
    /// Verify, export or prune the store of a stopped node
    #[command(subcommand, after_help = run::DB_EXAMPLES)]
    Db(DbCommand),
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
    /// Print the version and the digest of the rules
    #[command(after_help = VERSION_EXAMPLES)]
    Version,
}
