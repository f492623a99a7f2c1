//! Verbs that run a node and keep its data: `run`, `guard`, `db`.

use super::shared::{ApiArg, PassphraseArg, Switch, WAIT_S_MAX};
use crate::config::{Announce, LogFormat};
use blockchat_proto::hash::Hash32;
use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

const RUN_EXAMPLES: &str = "\
Examples:
  blockchat-node run                      the chain of the home; without a home, one of your own
  blockchat-node run --share              the same, and others on your network can join it
  blockchat-node run --join               find a chain on the local network, and observe it
  blockchat-node run --join --chain club  of several chains, the one whose name or hash begins so
  blockchat-node run --shell              node and prompt in one terminal
  blockchat-node run --home two --join    a second node on this machine; it takes free ports
  blockchat-node run --join --peer /ip4/192.168.1.7/tcp/7475
                                          the chain of the node at this address, wherever it is
  blockchat-node run --join --genesis 8d5e...64 hex digits
                                          this chain and no other, whatever else is around
  blockchat-node run --only-peers --announce none --peer /ip4/10.0.0.2/tcp/7475/p2p/12D3Koo...
                                          a private network: nobody else gets in, and nobody is told where we are";

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) join: JoinArgs,
    /// Create a development chain if the home has no chain; without --home, this is the default
    #[arg(long, conflicts_with = "join")]
    pub(crate) dev: bool,
    /// Open the node to your network: listen on all interfaces, and answer mDNS
    #[arg(long, env = "BLOCKCHAT_SHARE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) share: bool,
    /// Address of the HTTP API; port 0 takes a free one [default: 127.0.0.1:7474, or the next free of 7484, 7494, ...]
    #[arg(long, env = "BLOCKCHAT_API_LISTEN", hide_env_values = true, value_name = "ADDR:PORT")]
    #[arg(value_parser = parse_listen)]
    pub(crate) api: Option<SocketAddr>,
    /// Host name that the API accepts, besides its addresses and localhost; may be repeated
    #[arg(long, env = "BLOCKCHAT_ALLOW_HOST", hide_env_values = true, value_delimiter = ',', value_name = "NAME")]
    pub(crate) allow_host: Option<Vec<String>>,
    /// Origin of web pages that may use the API, such as https://wallet.example, or * for all; may be repeated
    #[arg(long, env = "BLOCKCHAT_ALLOW_ORIGIN", hide_env_values = true, value_delimiter = ',', value_name = "ORIGIN")]
    pub(crate) allow_origin: Option<Vec<String>>,
    /// Listen address for peers; may be repeated [default: /ip4/0.0.0.0/tcp/7475, or the next free of 7485, 7495, ...]
    #[arg(long, env = "BLOCKCHAT_P2P_LISTEN", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) listen: Option<Vec<String>>,
    /// Peer to dial; may be repeated
    #[arg(long, env = "BLOCKCHAT_PEERS", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) peer: Option<Vec<String>>,
    /// Address at which peers reach this node; may be repeated
    #[arg(long, env = "BLOCKCHAT_EXTERNAL", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) external: Option<Vec<String>>,
    /// Discover peers on the local network with mDNS [default: on]
    #[arg(long, env = "BLOCKCHAT_MDNS", hide_env_values = true, value_enum, value_name = "SWITCH")]
    pub(crate) mdns: Option<Switch>,
    /// The same as --mdns off
    #[arg(long, conflicts_with = "mdns")]
    pub(crate) no_mdns: bool,
    /// Private network: connect only to the peers given by --peer, each with its /p2p/ID; no mDNS, no Kademlia, no peer book
    #[arg(long, env = "BLOCKCHAT_ONLY_PEERS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) only_peers: bool,
    /// Addresses that the node announces to others [default: all]
    #[arg(long, env = "BLOCKCHAT_ANNOUNCE", hide_env_values = true, value_enum, value_name = "WHICH")]
    pub(crate) announce: Option<Announce>,
    /// Validator key [default: keys/validator.pem in the home; without a key, the node only observes]
    #[arg(long, env = "BLOCKCHAT_VALIDATOR_KEY", hide_env_values = true, value_name = "FILE")]
    pub(crate) validator_key: Option<PathBuf>,
    /// Guard file of the validator key [default: keys/guard in the home]
    #[arg(long, env = "BLOCKCHAT_GUARD", hide_env_values = true, value_name = "FILE")]
    pub(crate) guard: Option<PathBuf>,
    /// Write the addresses of the node to this file once it is ready
    #[arg(long, env = "BLOCKCHAT_READY_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Show payments and messages to the wallets of the home as they become final [default: on in a terminal]
    #[arg(long, value_enum, value_name = "SWITCH")]
    pub(crate) inbox: Option<Switch>,
    /// Open a prompt in the same terminal, as `shell` does; the log goes to a file
    #[arg(long)]
    pub(crate) shell: bool,
    /// Write the log to this file instead of standard error [default with --shell: data/node.log in the home]
    #[arg(long, env = "BLOCKCHAT_LOG_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Log filter, such as debug or warn,blockchat_node=debug [default: info]
    #[arg(long, env = "BLOCKCHAT_LOG", hide_env_values = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Log format [default: text]
    #[arg(long, env = "BLOCKCHAT_LOG_FORMAT", hide_env_values = true, value_enum, value_name = "FORM")]
    pub(crate) log_format: Option<LogFormat>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
}

/// Heading of the options for joining; named at each one, or the options that follow would stand below it too.
const JOINING: &str = "Joining a chain";

/// Becoming part of a chain that others have begun.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct JoinArgs {
    /// Find a chain if the home has none: on the local network, on this machine, and at each --peer; keep its genesis
    #[arg(long, help_heading = JOINING, env = "BLOCKCHAT_JOIN", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) join: bool,
    /// Accept only the chain with this genesis hash: 64 hex digits
    #[arg(long, help_heading = JOINING, env = "BLOCKCHAT_GENESIS", hide_env_values = true, value_name = "HASH", value_parser = parse_genesis)]
    pub(crate) genesis: Option<Hash32>,
    /// Choose one of several chains: the beginning of its name (such as dev-0a1b2c3d) or genesis hash
    #[arg(long, help_heading = JOINING, value_name = "NAME", value_parser = parse_chain)]
    pub(crate) chain: Option<String>,
    /// Stop searching for a chain after this many seconds, at most 30 days; 0: never
    #[arg(long, help_heading = JOINING, env = "BLOCKCHAT_JOIN_WAIT", hide_env_values = true, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=WAIT_S_MAX))]
    pub(crate) join_wait: u64,
}

fn parse_genesis(text: &str) -> Result<Hash32, &'static str> {
    text.parse().map_err(|_| {
        "invalid genesis hash: it has 64 hex digits, as `run --join` shows them (a name such as chat-0a1b2c3d proves nothing)"
    })
}

fn parse_chain(text: &str) -> Result<String, &'static str> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match !text.is_empty() && text.bytes().all(is_name) {
        true => Ok(text.to_owned()),
        false => Err("a chain is named by lower-case letters, digits and dashes, such as dev-0a1b2c3d"),
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "invalid address: write an IP address and a port, such as 127.0.0.1:7474")
}

pub(super) const GUARD_EXAMPLES: &str = "\
Examples:
  blockchat-node guard show
  blockchat-node guard reset                     after the guard was lost; asks a node how far the chain is";

pub(super) const DB_EXAMPLES: &str = "\
Examples, each with the node stopped:
  blockchat-node db verify                       checks and executes every block again
  blockchat-node db export blocks.jsonl
  blockchat-node db prune --keep 1000            keeps the last 1000 blocks";

/// Work on a store while no node runs in its home.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Check every block, execute all of them again, and compare the state
    #[command(after_help = DB_EXAMPLES)]
    Verify,
    /// Copy final blocks to a file: a JSON object a line, with the canonical bytes as hex
    Export(ExportArgs),
    /// Remove all blocks except the last ones and free their disk space; lists begin there from then on
    #[command(after_help = DB_EXAMPLES)]
    Prune {
        /// Number of blocks to keep, counted from the tip
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        keep: u64,
    },
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  blockchat-node db export blocks.jsonl                       all blocks
  blockchat-node db export some.jsonl --from 1000 --to 1999   these only";

/// Which blocks, and where to.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArgs {
    /// The new file
    pub(crate) file: PathBuf,
    /// First block [default: the oldest in the store]
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) from: Option<u64>,
    /// Last block [default: the tip]
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) to: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// Show the highest vote that the validator key has signed
    #[command(after_help = GUARD_EXAMPLES)]
    Show,
    /// Create a new guard after the old one was lost: asks a node for the height of the chain, and signs only above it; or
    /// release a lock
    #[command(after_help = GUARD_EXAMPLES)]
    Reset(GuardResetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GuardResetArgs {
    /// Do not ask a node: the key has signed nothing above this height
    #[arg(long, value_name = "H")]
    pub(crate) height: Option<u64>,
    /// Replace a guard that is not damaged
    #[arg(long)]
    pub(crate) force: bool,
    /// Keep the guard, but vote without the lock that it remembers. For a height that cannot end, because data was lost and
    /// nobody has kept the locked block or the votes that prove it. If more than a third of the stake does this, a block
    /// that was decided can be contradicted
    #[arg(long, conflicts_with_all = ["height", "force", "api"])]
    pub(crate) drop_lock: bool,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}
