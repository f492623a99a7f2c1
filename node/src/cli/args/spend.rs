//! Verbs that sign: `send`, `stake`, and the conversations `chat` and `shell`.

use super::shared::{ApiArg, AskArg, KeyArg, WaitArg};
use crate::cli::completion::accounts;
use crate::cli::replace::Which;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;

const SEND_EXAMPLES: &str = "\
Examples:
  blockchat-node send bob \"Hello\"                a message; it costs a fee per character
  blockchat-node send bob 5                      coins
  blockchat-node send bob 5 \"Thanks for lunch\"   both
  blockchat-node send bob -m \"- milk\"            a message that begins with a dash, or is a number
  blockchat-node send bob 500 --yes              without being asked first
  blockchat-node send bob \"Hello\" --sealed       only bob and you can read it
  blockchat-node send bob 5 --expires 10         void unless it is in one of the next 10 blocks
  blockchat-node send bob 6 --replace 7          in place of the transaction with nonce 7, if that is not final yet
  blockchat-node send bob 5 --print              sign it and print it, for those who use the HTTP API";

#[derive(Clone, Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub(crate) struct SendArgs {
    /// The recipient: a contact, one of your wallets, a key file, or an address
    #[arg(value_name = "RECIPIENT", add = ArgValueCompleter::new(accounts))]
    pub(crate) to: String,
    /// Amount in BCC; optional if there is a message
    #[arg(allow_negative_numbers = true, value_name = "AMOUNT")]
    pub(crate) amount: Option<String>,
    /// The message; everybody can read it, unless it is sealed
    #[arg(allow_negative_numbers = true, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// The message, if it could be read as an amount or a flag
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// Seal the message: only you and its recipient can read it. Who writes to whom, when and how long stays public
    #[arg(long)]
    pub(crate) sealed: bool,
    #[command(flatten)]
    pub(crate) ask: AskArg,
    /// Replace a transaction that is not final yet, given by its id or nonce. The fee must be one eighth higher
    #[arg(long, value_name = "ID|NONCE")]
    pub(crate) replace: Option<Which>,
    /// Invalid unless it is in one of the next N blocks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) expires: Option<u64>,
    /// Sign without submitting: print the transaction and the command that submits it
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArg,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

const CHAT_EXAMPLES: &str = "\
Examples:
  blockchat-node chat bob         what you type goes to bob; his answers appear above the prompt
  blockchat-node chat bob --sealed  the same, and only bob and you can read it
  blockchat-node chat             messages of everybody; write with @NAME TEXT
In the chat:
  Hello                           a message; its fee is shown while you type
  +5 Thanks for lunch             5 BCC with a message
  @carol Hello                    to somebody else, from now on
  /balance, /history, /help       all verbs of the shell
  \\/slash                        a text that begins with a mark";

#[derive(Clone, Debug, Args)]
#[command(after_help = CHAT_EXAMPLES)]
pub(crate) struct ChatArgs {
    /// Partner: a contact, a wallet, or an address [default: everybody]
    #[arg(add = ArgValueCompleter::new(accounts))]
    pub(crate) name: Option<String>,
    /// Seal what you write: only you and the recipient can read it
    #[arg(long)]
    pub(crate) sealed: bool,
    /// In a terminal, ask for confirmation above this total, fee included
    #[arg(long, env = "BLOCKCHAT_ASK_ABOVE", hide_env_values = true, default_value = "200", value_name = "BCC")]
    pub(crate) ask_above: Coins,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

const SHELL_EXAMPLES: &str = "\
Examples:
  blockchat-node shell                      a prompt; `help` lists what can be typed
  blockchat-node shell --wallet bob         the same, signing as bob
  blockchat-node shell < lines.txt          lines of a file, one after the other
At the prompt:
  t bob 5 Thanks for lunch                  coins, with a message
  m bob Hello                               a message
  load trans0.txt                           lines of a file: verbs, or `NAME TEXT` for a message";

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = SHELL_EXAMPLES)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

pub(super) const STAKE_EXAMPLES: &str = "\
Examples:
  blockchat-node stake 10                        stake 10 BCC in all; the node of this key votes and leads
  blockchat-node stake 0                         leave; the coins come back after the unbonding time";

#[derive(Debug, Args)]
pub(crate) struct StakeArgs {
    /// New stake in BCC, not the difference; 0 leaves the validators
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: Coins,
    #[command(flatten)]
    pub(crate) wait: WaitArg,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

/// Examples of `tx`.
pub(super) const TX_EXAMPLES: &str = "\
Examples:
  blockchat-node tx 170ceab0...64 hex digits     as `send` printed it
  blockchat-node tx cancel 170ceab0...           call it off, as long as it is not final";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TxArgs {
    /// Id of the transaction: 64 hex digits
    #[arg(required = true)]
    pub(crate) id: Option<Hash32>,
    #[command(flatten)]
    pub(crate) api: ApiArg,
    #[command(subcommand)]
    pub(crate) command: Option<TxCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TxCommand {
    /// Cancel a transaction that is not final yet, for a fee one eighth higher than its own
    Cancel(CancelArgs),
}

const CANCEL_EXAMPLES: &str = "\
Examples:
  blockchat-node tx cancel 170ceab0...           the id that `send` printed
  blockchat-node tx cancel 7                     your transaction with nonce 7, as `tx ID` shows it
  blockchat-node send bob 6 --replace 7          send something else in its place

A payment or a text to yourself takes its nonce. If the transaction becomes final all the same, you are told.";

#[derive(Debug, Args)]
#[command(after_help = CANCEL_EXAMPLES)]
pub(crate) struct CancelArgs {
    /// The transaction: its id, or its nonce
    #[arg(value_name = "ID|NONCE")]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) ask: AskArg,
    #[command(flatten)]
    pub(crate) wait: WaitArg,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}
