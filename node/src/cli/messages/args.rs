//! The command line of `message`: conversations, reading, searching, exporting, watching. No behaviour.

use crate::cli::args::{ApiArg, KeyArg};
use crate::cli::completion::accounts;
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

pub(crate) const EXAMPLES: &str = "\
Examples:
  blockchat-node message threads                 conversations, newest first, with what is unread
  blockchat-node message read bob                what bob wrote since you looked last; then it counts as read
  blockchat-node message search noon             all messages with this text, sealed ones too
  blockchat-node message export --format csv > messages.csv
  blockchat-node message watch                   each message as it becomes final; Ctrl-C stops";

const THREADS_EXAMPLES: &str = "\
Examples:
  blockchat-node message threads                 newest first
  blockchat-node message threads --unread        only those with something unread
  blockchat-node message threads --wallet bob    those of another wallet of yours
  blockchat-node message threads --output json";

const READ_EXAMPLES: &str = "\
Examples:
  blockchat-node message read bob                everything unread, and what came right before it
  blockchat-node message read bob --context 0    only what is unread
  blockchat-node message read                    of all conversations, in order
  blockchat-node message read bob --keep-unread  look without marking it as read";

const SEARCH_EXAMPLES: &str = "\
Examples:
  blockchat-node message search noon             upper and lower case are one
  blockchat-node message search \"at noon\" --with bob
  blockchat-node message search noon --limit 500 --output json";

const EXPORT_EXAMPLES: &str = "\
Examples:
  blockchat-node message export > messages.txt                   all conversations, oldest first
  blockchat-node message export --with bob --format csv > bob.csv
  blockchat-node message export --format json | jq .text         one object per line

Sealed messages are written in plain: keep the file as you keep your keys.";

const WATCH_EXAMPLES: &str = "\
Examples:
  blockchat-node message watch                   each message and payment to you as it becomes final
  blockchat-node message watch --unread          first what is unread, then what comes
  blockchat-node message watch --output json | while read -r line; do notify \"$line\"; done";

#[derive(Debug, Subcommand)]
pub(crate) enum MessageCommand {
    /// List conversations, newest first: messages and money in both directions, and unread counts
    #[command(after_help = THREADS_EXAMPLES)]
    Threads(ThreadsArgs),
    /// Show unread messages, oldest first, and mark them as read
    #[command(after_help = READ_EXAMPLES)]
    Read(ReadArgs),
    /// Find messages by their text, sealed ones included, newest last
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchArgs),
    /// Print all messages and payments, oldest first
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Keep running, and print each message and payment to you as it becomes final
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(WatchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ThreadsArgs {
    /// Only conversations with unread messages
    #[arg(long)]
    pub(crate) unread: bool,
    /// Maximum number of conversations
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Partner: a contact, a wallet, or an address [default: everybody]
    #[arg(add = ArgValueCompleter::new(accounts))]
    pub(crate) name: Option<String>,
    /// Number of earlier messages shown before the first unread one
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) context: u32,
    /// Maximum number of unread messages, oldest first; the next `read` continues after them
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Do not mark anything as read
    #[arg(long)]
    pub(crate) keep_unread: bool,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Part of the text; several words are one phrase
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Only the conversation with this partner: a contact, a wallet, or an address
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(accounts))]
    pub(crate) with: Option<String>,
    /// Maximum number of messages: the newest
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Only the conversation with this partner: a contact, a wallet, or an address
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(accounts))]
    pub(crate) with: Option<String>,
    /// Format [default: text; with --output json: json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<ExportFormat>,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

/// The format of `message export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A line per message, for people
    Text,
    /// Comma-separated values, for a spreadsheet
    Csv,
    /// A JSON object per line, for programs
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Only messages and payments from this partner: a contact, a wallet, or an address
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(accounts))]
    pub(crate) with: Option<String>,
    /// First print unread messages; they stay unread
    #[arg(long)]
    pub(crate) unread: bool,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

impl MessageCommand {
    /// Which key and which node it is about.
    pub(crate) fn about(&mut self) -> (&mut KeyArg, &mut ApiArg) {
        match self {
            Self::Threads(ThreadsArgs { key, api, .. })
            | Self::Read(ReadArgs { key, api, .. })
            | Self::Search(SearchArgs { key, api, .. })
            | Self::Export(ExportArgs { key, api, .. })
            | Self::Watch(WatchArgs { key, api, .. }) => (key, api),
        }
    }
}
