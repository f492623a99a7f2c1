//! The command line: every verb, flag and environment variable, with its help. No behaviour.

use super::completion::{accounts, contacts, keys};
use super::examples;
use super::output::Format;
use crate::config::{Announce, LogFormat};
use blockchat_client::shapes::{Cursor, Direction, HistoryKind};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCompleter;
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
  blockchat-node chat bob                     talk with bob
  blockchat-node inbox                        messages to and from you
  blockchat-node init --validators 4 --dir net   the homes of a network of four
  blockchat-node run --share                  the same, open to the local network
  blockchat-node run --join                   take part in a chain that is on the local network";

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
    /// Prepare the home of a container: chain, settings, key, guard
    PodInit(PodInitArgs),
    /// Create and list keys
    #[command(subcommand, after_help = examples::WALLET)]
    Wallet(WalletCommand),
    /// Give names to addresses
    #[command(subcommand, after_help = examples::CONTACTS)]
    Contacts(ContactsCommand),
    /// Send coins, a message, or both
    Send(SendArgs),
    /// Talk with somebody in the terminal: what they write appears as it becomes final
    Chat(ChatArgs),
    /// A prompt for all verbs, with short ones: t, m, load, logs; works with a pipe too
    Shell(ShellArgs),
    /// Set your stake; 0 leaves the validators
    #[command(after_help = examples::STAKE)]
    Stake(StakeArgs),
    /// Show the balance and stake of an account
    #[command(after_help = examples::BALANCE)]
    Balance(BalanceArgs),
    /// Show a final block: the last one, or one by height or hash
    #[command(after_help = examples::VIEW)]
    View(ViewArgs),
    /// Show the state of a transaction: queued, pooled, in a block, final, or refused and why
    #[command(after_help = examples::TX)]
    Tx(TxArgs),
    /// Print a receipt: proof that a transaction is final, or of what an account holds
    #[command(after_help = super::receipt::EXAMPLES)]
    Receipt(super::receipt::ReceiptArgs),
    /// Check a receipt with one hash that you know; needs no node and no network
    #[command(after_help = super::receipt::VERIFY_EXAMPLES)]
    VerifyReceipt(super::receipt::VerifyReceiptArgs),
    /// Show messages to and from an account, newest last
    #[command(visible_alias = "inbox", after_help = examples::MESSAGES)]
    Messages(MessagesArgs),
    /// Show the history of an account: payments, messages, stake and fees, newest last
    History(HistoryArgs),
    /// Show the status of the node and its chain
    #[command(after_help = examples::STATUS)]
    Status(ApiArg),
    /// Show a node or a whole network live in this terminal; without a terminal, one line per block
    Dashboard(DashboardArgs),
    /// List connected peers; with --known, all peers that the node can dial
    #[command(after_help = examples::PEERS)]
    Peers(PeersArgs),
    /// Exit with 0 if the node takes part in its chain, with 1 otherwise
    #[command(after_help = examples::HEALTH)]
    Health(ApiArg),
    /// Show or reset the guard, which keeps the validator key from signing two different votes
    #[command(subcommand, after_help = examples::GUARD)]
    Guard(GuardCommand),
    /// Verify, export or prune the store of a stopped node
    #[command(subcommand, after_help = examples::DB)]
    Db(DbCommand),
    /// Print a completion script for your shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Write the manual pages, one a command, into a folder
    #[command(after_help = examples::MAN)]
    Man {
        /// The folder, such as /usr/local/share/man/man1
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
    /// Print the version, and the digest of the rules that the program was built from
    #[command(after_help = examples::VERSION)]
    Version,
}

const COMPLETION_EXAMPLES: &str = "\
Examples, each for the file that your shell reads at its start:
  source <(blockchat-node completions bash)                 ~/.bashrc
  source <(blockchat-node completions zsh)                  ~/.zshrc, after compinit
  blockchat-node completions fish | source                  ~/.config/fish/config.fish";

/// Which node to ask.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ApiArg {
    /// Address of the node's API [default: the node of this home]
    #[arg(long, env = "BLOCKCHAT_API", hide_env_values = true, value_name = "URL")]
    pub(crate) api: Option<String>,
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
    /// Whose messages are shown: a contact, a wallet, or an address [default: your own]
    #[arg(long, value_name = "NAME")]
    pub(crate) wallet: Option<String>,
    /// Draw with plain ASCII [default: unless the locale is UTF-8]
    #[arg(long)]
    pub(crate) ascii: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    /// List all known peers: from the peer book, the local network, Kademlia
    #[arg(long)]
    pub(crate) known: bool,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

/// Which key signs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeyArg {
    /// Wallet that signs: a name or a key file [default: the validator key of the home, or its only wallet]
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(keys))]
    pub(crate) wallet: Option<String>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
}

/// How an encrypted key is opened. Never a passphrase itself: other users can read command lines.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PassphraseArg {
    /// File with the passphrase in its first line, readable by you alone; BLOCKCHAT_PASSPHRASE works too [default: ask]
    #[arg(long, env = "BLOCKCHAT_PASSPHRASE_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Heading of what belongs to networks in containers.
const IN_CONTAINERS: &str = "In containers";

const INIT_EXAMPLES: &str = "\
Examples:
  blockchat-node init --validators 4 --dir net                  a folder for each of four machines
  blockchat-node init --validators 5 --format k8s --dir net     then: kubectl apply -k net
  blockchat-node init --validators 5 --format compose --dir net
                                                                then: docker compose -f net/compose.yaml up";

#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub(crate) struct InitArgs {
    /// Number of nodes; each is a validator with its own folder
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=128))]
    pub(crate) validators: u32,
    /// Machines of the network, one node each: host names or IP addresses. All nodes use the same ports, and each folder gets a
    /// README for its machine
    #[arg(long, value_delimiter = ',', value_name = "HOST,...", value_parser = super::hosts::parse, conflicts_with = "validators")]
    pub(crate) hosts: Vec<String>,
    /// Folder for the network; the nodes are DIR/id0, DIR/id1, ...
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Output format of the network
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: InitFormat,
    /// Name of the chain: lower-case letters, digits, dashes
    #[arg(long, default_value = "blockchat")]
    pub(crate) name: String,
    /// Coins of each validator, including its stake
    #[arg(long, default_value = "1000", value_name = "BCC")]
    pub(crate) fund: Coins,
    /// Stake of each validator [default: nine tenths of its coins]. At the genesis, stake counts at once; later it grows slowly
    #[arg(long, value_name = "BCC")]
    pub(crate) stake: Option<Coins>,
    /// Coins of a faucet account, to give away to people who join; its key is DIR/wallets/faucet.pem; 0: no faucet
    #[arg(long, default_value = "100000", value_name = "BCC")]
    pub(crate) faucet: Coins,
    /// Number of further funded accounts; their keys are DIR/wallets/user0.pem, ...
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(..=8000))]
    pub(crate) wallets: u32,
    /// Coins of each further account
    #[arg(long, default_value = "1000", value_name = "BCC")]
    pub(crate) wallet_fund: Coins,
    /// First port: node i uses API port P + 2i and peer port P + 2i + 1; 0 uses free ports at every start
    #[arg(long, default_value_t = 7474, value_name = "P")]
    pub(crate) base_port: u16,
    /// Encrypt the validator keys with the first line of this file, readable by you alone
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// With --format k8s: build upon this kustomize base, as seen from DIR [default: a copy of ours in DIR/base]
    #[arg(long, help_heading = IN_CONTAINERS, value_name = "PATH")]
    pub(crate) base: Option<PathBuf>,
    /// With --format k8s or compose: run this image [default: blockchat-node with the version of this program]
    #[arg(long, help_heading = IN_CONTAINERS, value_name = "NAME:TAG")]
    pub(crate) image: Option<String>,
    /// With --format k8s or compose: say in the names of files and Secrets that these keys are published
    #[arg(long, help_heading = IN_CONTAINERS)]
    pub(crate) not_secret: bool,
    #[command(flatten)]
    pub(crate) parameters: ParameterArgs,
}

/// Settings of the new chain; those not named have the defaults of the rules.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Immutable chain settings")]
pub(crate) struct ParameterArgs {
    /// Maximum number of transactions per block; this many pooled transactions start a block at once [default: 5000]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u32>,
    /// Maximum time a transaction waits for others before its block starts, in ms [default: 50]
    #[arg(long, value_name = "MS")]
    pub(crate) block_interval: Option<u64>,
    /// Time between blocks without transactions, in ms [default: 10000]
    #[arg(long, value_name = "MS")]
    pub(crate) idle_block_interval: Option<u64>,
    /// Fee on sent coins, in 1/10,000 [default: 300, which is 3 %]
    #[arg(long, value_name = "BP")]
    pub(crate) fee_basis_points: Option<u32>,
    /// Fee per character of a message [default: 1]
    #[arg(long, value_name = "BCC")]
    pub(crate) fee_per_character: Option<Coins>,
    /// Minimum fee per transaction [default: 0.001]
    #[arg(long, value_name = "BCC")]
    pub(crate) fee_min: Option<Coins>,
    /// Minimum number of validators; jailing and leaving never go below it [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) validators_min: Option<u32>,
    /// Time until an unstaked amount is released, in ms [default: two days]
    #[arg(long, value_name = "MS")]
    pub(crate) unbonding: Option<u64>,
    /// Time in which the power of the validators grows by at most one eighth, in ms [default: one hour]
    #[arg(long, value_name = "MS")]
    pub(crate) churn: Option<u64>,
    /// Time during which misbehaviour can be punished, in ms [default: one day]
    #[arg(long, value_name = "MS")]
    pub(crate) evidence_window: Option<u64>,
}

/// What `init` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum InitFormat {
    /// A folder per node
    #[default]
    Dir,
    /// A kustomization: the chain as a ConfigMap, a Secret per validator
    K8s,
    /// A compose file, with a key file per validator
    Compose,
}

const POD_INIT_EXAMPLES: &str = "\
Examples:
  blockchat-node pod-init --ask blockchat:7474         what the init container of k8s/base does
  blockchat-node pod-init --ask blockchat:7474 --run   what a container of `init --format compose` does";

/// How the home of a pod is made ready.
#[derive(Debug, Args)]
#[command(after_help = POD_INIT_EXAMPLES)]
pub(crate) struct PodInitArgs {
    /// What the pod was given: genesis.json, config.toml, contacts.toml, pod-index, keys/INDEX/validator.pem
    #[arg(
        long,
        env = "BLOCKCHAT_POD_FILES",
        hide_env_values = true,
        value_name = "DIR",
        default_value = "/etc/blockchat"
    )]
    pub(crate) from: PathBuf,
    /// Number of this pod, from 0 [default: as the file pod-index says]
    #[arg(long, env = "BLOCKCHAT_POD_INDEX", hide_env_values = true, value_name = "N")]
    pub(crate) index: Option<u32>,
    /// Before a new guard is made, ask the API of every node behind this name how far the chain is
    #[arg(long, value_name = "NAME:PORT")]
    pub(crate) ask: Option<String>,
    /// Never make a guard: a validator on an empty volume signs nothing until `guard reset`
    #[arg(long)]
    pub(crate) no_new_guard: bool,
    /// Then run the node
    #[arg(long)]
    pub(crate) run: bool,
}

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
    /// A name under which the API may be asked, beside its addresses and localhost; may be repeated
    #[arg(long, env = "BLOCKCHAT_ALLOW_HOST", hide_env_values = true, value_delimiter = ',', value_name = "NAME")]
    pub(crate) allow_host: Option<Vec<String>>,
    /// Web pages of this origin may ask the API, such as https://wallet.example, or * for all; may be repeated
    #[arg(long, env = "BLOCKCHAT_ALLOW_ORIGIN", hide_env_values = true, value_delimiter = ',', value_name = "ORIGIN")]
    pub(crate) allow_origin: Option<Vec<String>>,
    /// Listen address for peers; may be repeated [default: /ip4/0.0.0.0/tcp/7475, or the next free of 7485, 7495, ...]
    #[arg(long, env = "BLOCKCHAT_P2P_LISTEN", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) listen: Option<Vec<String>>,
    /// Peer to dial; may be repeated
    #[arg(long, env = "BLOCKCHAT_PEERS", hide_env_values = true, value_delimiter = ',', value_name = "MULTIADDR")]
    pub(crate) peer: Option<Vec<String>>,
    /// Address under which others reach this node; may be repeated
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
    /// Create a key, protected by a passphrase
    #[command(after_help = examples::WALLET)]
    New {
        /// Name of the key; `validator` creates the key that the node of this home votes with
        name: String,
        /// Protect the key by its file permissions only
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
        #[command(flatten)]
        passphrase: PassphraseArg,
    },
    /// List all keys of the home, each with its use and its fault if it has one
    #[command(after_help = examples::WALLET_LIST)]
    List,
    /// Show address, file and balance of one key
    #[command(after_help = examples::WALLET_SHOW)]
    Show {
        /// Name of the key
        #[arg(add = ArgValueCompleter::new(keys))]
        name: String,
        #[command(flatten)]
        api: ApiArg,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Add a name for an address
    #[command(after_help = examples::CONTACTS)]
    Add {
        /// The name
        name: String,
        /// The address: bcc1...
        address: Address,
    },
    /// Remove a name
    #[command(after_help = examples::CONTACTS)]
    Remove {
        /// The name
        #[arg(add = ArgValueCompleter::new(contacts))]
        name: String,
    },
    /// List all names
    #[command(after_help = examples::CONTACTS)]
    List,
}

const SEND_EXAMPLES: &str = "\
Examples:
  blockchat-node send bob \"Hello\"                a message; it costs a fee per character
  blockchat-node send bob 5                      coins
  blockchat-node send bob 5 \"Thanks for lunch\"   both
  blockchat-node send bob -m \"- milk\"            a message that begins with a dash, or is a number
  blockchat-node send bob 500 --yes              without being asked first
  blockchat-node send bob \"Hello\" --sealed       only bob and you can read it
  blockchat-node send bob 5 --expires 10         void unless it is in one of the next 10 blocks
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
    /// The message, where it could be taken for an amount or a flag
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// Seal the message: only you and its recipient can read it. Who writes to whom, when and how long stays public
    #[arg(long)]
    pub(crate) sealed: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// In a terminal, ask for confirmation above this total, fee included
    #[arg(long, env = "BLOCKCHAT_ASK_ABOVE", hide_env_values = true, default_value = "200", value_name = "BCC")]
    pub(crate) ask_above: Coins,
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

/// How long a command waits for finality.
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
pub(crate) struct TxArgs {
    /// Id of the transaction: 64 hex digits
    pub(crate) id: Hash32,
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
    /// Only up to this block height
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

/// Work on a store while no node runs in its home.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Check every block, execute all of them again, and compare the state
    #[command(after_help = examples::DB)]
    Verify,
    /// Copy final blocks to a file: a JSON object a line, with the canonical bytes as hex
    Export(ExportArgs),
    /// Take out all blocks but the last ones, and give their room back: lists begin there from then on
    #[command(after_help = examples::DB)]
    Prune {
        /// How many of the last blocks stay
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
    /// Only from this block on
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) from: Option<u64>,
    /// Only up to this block
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) to: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// Show the highest vote that the validator key has signed
    #[command(after_help = examples::GUARD)]
    Show,
    /// Create a new guard after the old one was lost: asks a node for the height of the chain, and signs only above it; or
    /// release a lock
    #[command(after_help = examples::GUARD)]
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
