//! Verbs that look at accounts, the chain and the node, and change nothing.

use super::shared::{ApiArg, KeyArg, PassphraseArg};
use crate::cli::completion::accounts;
use blockchat_client::shapes::{Cursor, Direction, HistoryKind};
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use std::path::PathBuf;

pub(super) const BALANCE_EXAMPLES: &str = "\
Examples:
  blockchat-node balance                         your own account
  blockchat-node balance bob                     a contact or a wallet; an address works too
  blockchat-node balance --output json";

pub(super) const VIEW_EXAMPLES: &str = "\
Examples:
  blockchat-node view                            the last block
  blockchat-node view 12                         block 12
  blockchat-node view 12 --output json           with all transactions and signatures";

pub(super) const MESSAGES_EXAMPLES: &str = "\
Examples:
  blockchat-node inbox                           your last messages
  blockchat-node inbox bob --limit 100           those of another account
  blockchat-node inbox --follow                  then wait for more; Ctrl-C stops
  blockchat-node inbox --follow --output json    one JSON object per line, for a program";

pub(super) const STATUS_EXAMPLES: &str = "\
Examples:
  blockchat-node status                          phase, height, peers, validators
  blockchat-node status --api 192.168.1.7:7474   another node
  blockchat-node status --output json";

pub(super) const PEERS_EXAMPLES: &str = "\
Examples:
  blockchat-node peers                           who is connected, how far away, how it was found
  blockchat-node peers --known                   all peers that the node could dial";

pub(super) const HEALTH_EXAMPLES: &str = "\
Examples:
  blockchat-node health && echo ready            for scripts and probes";

#[derive(Debug, Args)]
pub(crate) struct BalanceArgs {
    /// Account: a contact, a wallet, or an address [default: your own]
    #[arg(add = ArgValueCompleter::new(accounts))]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// Height or hash [default: the last block]
    pub(crate) block: Option<String>,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

#[derive(Debug, Args)]
pub(crate) struct MessagesArgs {
    /// Account: a contact, a wallet, or an address [default: your own]
    #[arg(add = ArgValueCompleter::new(accounts))]
    pub(crate) account: Option<String>,
    /// Maximum number of entries
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Continue with older entries: the `next` value of the previous page, as `--output json` shows it
    #[arg(long, value_name = "TEXT")]
    pub(crate) cursor: Option<Cursor>,
    /// Keep running, and show each payment and message as it becomes final; Ctrl-C stops
    #[arg(long, short, conflicts_with = "cursor")]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

const HISTORY_EXAMPLES: &str = "\
Examples:
  blockchat-node history                            the last things that happened to you
  blockchat-node history bob --direction in         what came to bob, from others and from the chain
  blockchat-node history --kind fees --limit 100    what you earned as a leader
  blockchat-node history --from 1000 --to 1999      in these blocks only
  blockchat-node history --output json              with ids, and with `next` for --cursor
  blockchat-node history --csv --all > history.csv  everything, for a spreadsheet";

#[derive(Debug, Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub(crate) struct HistoryArgs {
    /// Account: a contact, a wallet, or an address [default: your own]
    #[arg(add = ArgValueCompleter::new(accounts))]
    pub(crate) account: Option<String>,
    /// Only incoming or outgoing entries; own: only what the account sent to itself, which is both
    #[arg(long, value_enum, value_name = "WAY")]
    pub(crate) direction: Option<DirectionArg>,
    /// Only entries of this kind
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: Option<KindArg>,
    /// Only from this block height on
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) from: Option<u64>,
    /// Last block [default: the tip] height
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) to: Option<u64>,
    /// Maximum number of entries
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Continue with older entries: the `next` value of the previous page
    #[arg(long, value_name = "TEXT")]
    pub(crate) cursor: Option<Cursor>,
    /// Print comma-separated values, newest first
    #[arg(long)]
    pub(crate) csv: bool,
    /// Print all pages: with --csv, or with --output json as one object per line
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

/// See [`Direction`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DirectionArg {
    In,
    Out,
    Own,
}

impl From<DirectionArg> for Direction {
    fn from(arg: DirectionArg) -> Self {
        match arg {
            DirectionArg::In => Self::In,
            DirectionArg::Out => Self::Out,
            DirectionArg::Own => Self::Own,
        }
    }
}

/// See [`HistoryKind`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KindArg {
    Payment,
    Message,
    Stake,
    Activate,
    Claim,
    Fees,
    Released,
    Jailed,
    Announce,
}

impl From<KindArg> for HistoryKind {
    fn from(arg: KindArg) -> Self {
        match arg {
            KindArg::Payment => Self::Payment,
            KindArg::Message => Self::Message,
            KindArg::Stake => Self::Stake,
            KindArg::Activate => Self::Activate,
            KindArg::Claim => Self::Claim,
            KindArg::Fees => Self::Fees,
            KindArg::Released => Self::Released,
            KindArg::Jailed => Self::Jailed,
            KindArg::Announce => Self::Announce,
        }
    }
}

const DASHBOARD_EXAMPLES: &str = "\
Examples:
  blockchat-node dashboard                          the node of this home; opens before it runs, too
  blockchat-node dashboard --dir net                all nodes of a network: who sees whom, who votes, why it waits
  blockchat-node dashboard --api http://a:7474 --api http://b:7474
  blockchat-node dashboard --output json | jq .height
  blockchat-node dashboard | tee blocks.txt         a line for each block, and for each change of how it is

The second line of the screen is the answer; ? shows all keys; q leaves. Colours are the terminal's own: NO_COLOR=1, or the
key t, goes without. A terminal of 60 columns and 20 lines is enough.";

#[derive(Debug, Args)]
#[command(after_help = DASHBOARD_EXAMPLES)]
pub(crate) struct DashboardArgs {
    /// Address of a node's API; may be repeated [default: the node of this home]
    #[arg(long, env = "BLOCKCHAT_API", hide_env_values = true, value_delimiter = ',', value_name = "URL")]
    pub(crate) api: Vec<String>,
    /// All nodes whose homes are in this folder, as `init` or `blockchat-testnet up --dir` writes them
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Account whose messages are shown: a contact, a wallet, or an address [default: your own]
    #[arg(long, value_name = "NAME")]
    pub(crate) wallet: Option<String>,
    /// Draw with plain ASCII [default: unless the locale is UTF-8]
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
}

#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    /// List all known peers: from the peer book, the local network, Kademlia
    #[arg(long)]
    pub(crate) known: bool,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}
