//! Arguments that several verbs share.

use crate::cli::completion::keys;
use blockchat_proto::coins::Coins;
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use std::path::PathBuf;

/// Longest wait that may be asked for, in seconds: 30 days. No clock overflows.
pub(super) const WAIT_S_MAX: u64 = 30 * 24 * 3600;

/// Which node to ask.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ApiArg {
    /// Address of the node's API [default: the node of this home]
    #[arg(long, env = "BLOCKCHAT_API", hide_env_values = true, value_name = "URL")]
    pub(crate) api: Option<String>,
}

/// Which key signs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeyArg {
    /// Wallet whose key is used: a name or a key file [default: the validator key of the home, or its only wallet]
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(keys))]
    pub(crate) wallet: Option<String>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
}

/// The source of the passphrase. Never the passphrase itself: other users can read command lines.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PassphraseArg {
    /// File with the passphrase in its first line, readable by you alone; BLOCKCHAT_PASSPHRASE works too [default: ask]
    #[arg(long, env = "BLOCKCHAT_PASSPHRASE_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// The maximum wait for finality.
#[derive(Clone, Debug, Args)]
pub(crate) struct WaitArg {
    /// Return once the node has accepted the transaction, before it is final
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Maximum wait for finality, in seconds, at most 30 days
    #[arg(long, default_value_t = 60, value_name = "S", conflicts_with = "no_wait")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=WAIT_S_MAX))]
    pub(crate) wait: u64,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Do it
    On,
    /// Do not
    Off,
}

/// The amount from which the user is asked before coins are spent.
#[derive(Clone, Debug, Args)]
pub(crate) struct AskArg {
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// In a terminal, ask for confirmation above this total, fee included
    #[arg(long, env = "BLOCKCHAT_ASK_ABOVE", hide_env_values = true, default_value = "200", value_name = "BCC")]
    pub(crate) ask_above: Coins,
}
