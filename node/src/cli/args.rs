//! The command line: every verb, flag and environment variable, with its help. No behaviour.

use super::output::Format;
use crate::config::LogFormat;
use blockchat_client::shapes::{Cursor, Direction, HistoryKind};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Longest wait that may be asked for, in seconds: 30 days. No clock overflows.
const WAIT_S_MAX: u64 = 30 * 24 * 3600;

const EXAMPLES: &str = "\
Examples:
  blockchat-node run                          a chain of your own on this machine, at once
  blockchat-node wallet new bob               a new key
  blockchat-node send bob 5 -m \"Hello Bob\"    coins and a message in one transaction
  blockchat-node inbox                        messages to and from you
  blockchat-node init --validators 4 --dir net   the homes of a network of four
  blockchat-node run --join                   take part in a chain that is on the local network";

fn long_version() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| format!("{}\nsources {}", env!("CARGO_PKG_VERSION"), blockchat_engine::SOURCES));
    &TEXT
}

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

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Common {
    /// Folder with configuration, keys and chain [default: blockchat in the user's data folder]
    #[arg(long, global = true, env = "BLOCKCHAT_HOME", hide_env_values = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// How results are printed
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
    /// Print this help
    #[arg(long, short, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the homes of a new network: keys, genesis, configuration
    Init(InitArgs),
    /// Run the node; without any files, a development chain of its own
    Run(RunArgs),
    /// Make and list keys
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Names for addresses
    #[command(subcommand)]
    Contacts(ContactsCommand),
    /// Send coins, a message, or both
    Send(SendArgs),
    /// Set the stake of a key; 0 leaves the validators
    Stake(StakeArgs),
    /// What an account has
    Balance(BalanceArgs),
    /// Show a final block: the last one, or one by height or hash
    View(ViewArgs),
    /// Where a transaction is: queued, pooled, in a block, final, or refused and why
    Tx(TxArgs),
    /// Messages to and from an account, newest last
    #[command(visible_alias = "inbox")]
    Messages(MessagesArgs),
    /// What happened to an account: payments and messages both ways, stake, fees earned, newest last
    History(HistoryArgs),
    /// How the node is
    Status(ApiArg),
    /// Connected peers; with --known, all that the node could dial
    Peers(PeersArgs),
    /// Exit code 0 if the node takes part in its chain, 1 otherwise
    Health(ApiArg),
    /// The guard that keeps the validator key from contradicting itself
    #[command(subcommand)]
    Guard(GuardCommand),
    /// Print a completion script: `source <(blockchat-node completions bash)`
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Version of the program, and the digest of the rules it was built from
    Version,
}

/// Which node to ask.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ApiArg {
    /// Address of the node's API [default: the node of this home]
    #[arg(long, env = "BLOCKCHAT_API", hide_env_values = true, value_name = "URL")]
    pub(crate) api: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    /// All peers that the node knows of: from its book, the local network, Kademlia
    #[arg(long)]
    pub(crate) known: bool,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

/// Which key signs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeyArg {
    /// Wallet that signs, by name or file [default: the home's validator key, or its only wallet]
    #[arg(long, value_name = "NAME")]
    pub(crate) wallet: Option<String>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
}

/// How an encrypted key is opened. Never a passphrase itself: other users can read command lines.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PassphraseArg {
    /// File whose first line is the passphrase, readable by you alone; BLOCKCHAT_PASSPHRASE works too [default: ask]
    #[arg(long, env = "BLOCKCHAT_PASSPHRASE_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Nodes, each a validator with a home of its own
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=128))]
    pub(crate) validators: u32,
    /// Where the homes are written, as id0, id1, ...
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// What is written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: InitFormat,
    /// Name of the chain: lower-case letters, digits, dashes
    #[arg(long, default_value = "blockchat")]
    pub(crate) name: String,
    /// Coins of each validator, stake included
    #[arg(long, default_value = "1000", value_name = "BCC")]
    pub(crate) fund: Coins,
    /// Of these, staked
    #[arg(long, default_value = "10", value_name = "BCC")]
    pub(crate) stake: Coins,
    /// Further funded accounts, written as DIR/wallets/user0.pem, ...
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(..=8000))]
    pub(crate) wallets: u32,
    /// Coins of each of these
    #[arg(long, default_value = "1000", value_name = "BCC")]
    pub(crate) wallet_fund: Coins,
    /// First port: node i takes API port P + 2i and peer port P + 2i + 1; 0 takes free ones at every start
    #[arg(long, default_value_t = 7474, value_name = "P")]
    pub(crate) base_port: u16,
    /// Encrypt the validator keys with the first line of this file, readable by you alone
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) parameters: ParameterArgs,
}

/// Constants of the new chain; those not named have the defaults of the rules.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Constants of the chain, for ever")]
pub(crate) struct ParameterArgs {
    /// Most transactions a block holds; so many pooled ones start a block at once [default: 5000]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u32>,
    /// A transaction waits at most this long for others, in ms [default: 50]
    #[arg(long, value_name = "MS")]
    pub(crate) block_interval: Option<u64>,
    /// Without transactions, a block comes after this long, in ms [default: 10000]
    #[arg(long, value_name = "MS")]
    pub(crate) idle_block_interval: Option<u64>,
    /// Fee on sent coins, in 1/10,000 [default: 300, which is 3 %]
    #[arg(long, value_name = "BP")]
    pub(crate) fee_basis_points: Option<u32>,
    /// Fee per character of a message [default: 1]
    #[arg(long, value_name = "BCC")]
    pub(crate) fee_per_character: Option<Coins>,
    /// Least fee of a transaction [default: 0.001]
    #[arg(long, value_name = "BCC")]
    pub(crate) fee_min: Option<Coins>,
    /// Absences and departures never bring the validators below this [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) validators_min: Option<u32>,
    /// A lowered stake stays locked this long, in ms [default: two days]
    #[arg(long, value_name = "MS")]
    pub(crate) unbonding: Option<u64>,
    /// Misbehaviour can be punished this long, in ms [default: one day]
    #[arg(long, value_name = "MS")]
    pub(crate) evidence_window: Option<u64>,
}

/// What `init` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum InitFormat {
    /// A folder per node
    #[default]
    Dir,
}

const RUN_EXAMPLES: &str = "\
Examples:
  blockchat-node run                      the chain of the home; in an empty home, one of your own
  blockchat-node run --join               find a chain on the local network, and observe it
  blockchat-node run --join --peer /ip4/192.168.1.7/tcp/7475
                                          the chain of the node at this address, wherever it is
  blockchat-node run --join --genesis 8d5e...64 hex digits
                                          this chain and no other, whatever else is around";

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) join: JoinArgs,
    /// Address of the HTTP API; port 0 takes a free one [default: 127.0.0.1:7474]
    #[arg(long, env = "BLOCKCHAT_API_LISTEN", hide_env_values = true, value_name = "ADDR:PORT")]
    #[arg(value_parser = parse_listen)]
    pub(crate) api: Option<SocketAddr>,
    /// A name under which the API may be asked, beside its addresses and localhost; may be repeated
    #[arg(long, env = "BLOCKCHAT_ALLOW_HOST", hide_env_values = true, value_delimiter = ',', value_name = "NAME")]
    pub(crate) allow_host: Option<Vec<String>>,
    /// Web pages of this origin may ask the API, such as https://wallet.example, or * for all; may be repeated
    #[arg(long, env = "BLOCKCHAT_ALLOW_ORIGIN", hide_env_values = true, value_delimiter = ',', value_name = "ORIGIN")]
    pub(crate) allow_origin: Option<Vec<String>>,
    /// Listen for peers here; may be repeated [default: /ip4/0.0.0.0/tcp/7475]
    #[arg(long, env = "BLOCKCHAT_P2P_LISTEN", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) listen: Option<Vec<String>>,
    /// Dial this peer; may be repeated
    #[arg(long, env = "BLOCKCHAT_PEERS", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) peer: Option<Vec<String>>,
    /// Tell others to reach this node here; may be repeated
    #[arg(long, env = "BLOCKCHAT_EXTERNAL", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) external: Option<Vec<String>>,
    /// Look for peers on the local network [default: on]
    #[arg(long, env = "BLOCKCHAT_MDNS", hide_env_values = true, value_enum, value_name = "SWITCH")]
    pub(crate) mdns: Option<Switch>,
    /// The same as --mdns off
    #[arg(long, conflicts_with = "mdns")]
    pub(crate) no_mdns: bool,
    /// The validator key [default: keys/validator.pem in the home; without one, the node only observes]
    #[arg(long, env = "BLOCKCHAT_VALIDATOR_KEY", hide_env_values = true, value_name = "FILE")]
    pub(crate) validator_key: Option<PathBuf>,
    /// The guard of the validator key [default: keys/guard in the home]
    #[arg(long, env = "BLOCKCHAT_GUARD", hide_env_values = true, value_name = "FILE")]
    pub(crate) guard: Option<PathBuf>,
    /// Also write where the node is reached to this file, once it serves
    #[arg(long, env = "BLOCKCHAT_READY_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// What is logged, such as debug or warn,blockchat_node=debug [default: info]
    #[arg(long, env = "BLOCKCHAT_LOG", hide_env_values = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How it is logged [default: text]
    #[arg(long, env = "BLOCKCHAT_LOG_FORMAT", hide_env_values = true, value_enum, value_name = "FORM")]
    pub(crate) log_format: Option<LogFormat>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
}

/// Heading of what belongs to joining; named at each option, or those after it would stand below it too.
const JOINING: &str = "Joining a chain";

/// Becoming part of a chain that others have begun.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct JoinArgs {
    /// If this home has no chain yet, find one: on the local network, and at each --peer; keep its genesis and observe it
    #[arg(long, help_heading = JOINING, env = "BLOCKCHAT_JOIN", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) join: bool,
    /// Run only on the chain with this genesis hash: 64 hex digits
    #[arg(long, help_heading = JOINING, env = "BLOCKCHAT_GENESIS", hide_env_values = true, value_name = "HASH", value_parser = parse_genesis)]
    pub(crate) genesis: Option<Hash32>,
    /// Stop looking for a chain after so many seconds, at most 30 days; 0: never
    #[arg(long, help_heading = JOINING, env = "BLOCKCHAT_JOIN_WAIT", hide_env_values = true, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=WAIT_S_MAX))]
    pub(crate) join_wait: u64,
}

fn parse_genesis(text: &str) -> Result<Hash32, &'static str> {
    text.parse().map_err(|_| {
        "this is no genesis hash: 64 hex digits, as `run --join` shows them (a name such as chat-0a1b2c3d proves nothing)"
    })
}

fn parse_listen(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "this is no address and port, such as 127.0.0.1:7474")
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Do it
    On,
    /// Do not
    Off,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a new key, protected by a passphrase
    New {
        /// What to call it; `validator` makes the key that this home's node votes with
        name: String,
        /// Protect it by its file permissions only
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
        #[command(flatten)]
        passphrase: PassphraseArg,
    },
    /// All keys of this home
    List,
    /// Address, file and balance of one key
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        api: ApiArg,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Give an address a name
    Add {
        /// The name
        name: String,
        /// The address: bcc1...
        address: Address,
    },
    /// Forget a name
    Remove {
        /// The name
        name: String,
    },
    /// All names
    List,
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Who receives: a contact, one of your wallets, a key file, or an address
    pub(crate) to: String,
    /// How many BCC; may be left out if there is a message
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: Option<Coins>,
    /// The message; everybody can read it
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    #[command(flatten)]
    pub(crate) wait: WaitArg,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

/// How long a command waits for finality.
#[derive(Clone, Debug, Args)]
pub(crate) struct WaitArg {
    /// Return once the node has accepted it, before it is final
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Longest wait for finality, in seconds: at most 30 days
    #[arg(long, default_value_t = 60, value_name = "S", conflicts_with = "no_wait")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=WAIT_S_MAX))]
    pub(crate) wait: u64,
}

#[derive(Debug, Args)]
pub(crate) struct StakeArgs {
    /// The new stake in BCC, not the difference; 0 leaves
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: Coins,
    #[command(flatten)]
    pub(crate) wait: WaitArg,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

#[derive(Debug, Args)]
pub(crate) struct BalanceArgs {
    /// Whose: a contact, a wallet, or an address [default: your own]
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
pub(crate) struct TxArgs {
    /// Id of the transaction: 64 hex digits
    pub(crate) id: Hash32,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

#[derive(Debug, Args)]
pub(crate) struct MessagesArgs {
    /// Whose: a contact, a wallet, or an address [default: your own]
    pub(crate) account: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Older ones: `next` of the answer before, as `--output json` shows it
    #[arg(long, value_name = "TEXT")]
    pub(crate) cursor: Option<Cursor>,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

const HISTORY_EXAMPLES: &str = "\
Examples:
  blockchat-node history                            the last things that happened to you
  blockchat-node history bob --direction in         what came to bob, from others and from the chain
  blockchat-node history --kind fees --limit 100    what you earned as a leader
  blockchat-node history --from 1000 --to 1999      in these blocks only
  blockchat-node history --output json              with ids, and with `next` for --cursor";

#[derive(Debug, Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub(crate) struct HistoryArgs {
    /// Whose: a contact, a wallet, or an address [default: your own]
    pub(crate) account: Option<String>,
    /// Only what came in, or went out; own: only what the account sent to itself, which is in both
    #[arg(long, value_enum, value_name = "WAY")]
    pub(crate) direction: Option<DirectionArg>,
    /// Only one kind of thing
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: Option<KindArg>,
    /// Only from this block on
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) from: Option<u64>,
    /// Only up to this block
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) to: Option<u64>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Older ones: `next` of the answer before
    #[arg(long, value_name = "TEXT")]
    pub(crate) cursor: Option<Cursor>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// The highest thing the validator key has signed
    Show,
    /// Make a new guard after the old one was lost: asks a node how far the chain is, and signs above that only; or give up
    /// a lock
    Reset(GuardResetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GuardResetArgs {
    /// Do not ask a node: this key never signed anything above this height
    #[arg(long, value_name = "H")]
    pub(crate) height: Option<u64>,
    /// Replace a guard that is whole
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
