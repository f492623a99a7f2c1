//! Verbs that make a network: `init`, and `pod-init` for its containers.

use blockchat_proto::coins::Coins;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

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
    #[arg(long, value_delimiter = ',', value_name = "HOST,...", value_parser = crate::cli::hosts::parse, conflicts_with = "validators")]
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
    /// Stake of each validator [default: nine tenths of its coins]. At genesis, stake counts at once; later, its power grows slowly
    #[arg(long, value_name = "BCC")]
    pub(crate) stake: Option<Coins>,
    /// Coins of a faucet account, to give away to people who join; its key is DIR/wallets/faucet.pem; 0: no faucet
    #[arg(long, default_value = "100000", value_name = "BCC")]
    pub(crate) faucet: Coins,
    /// Coins of the treasury, from which new accounts claim grants with proof of work: `wallet claim`; 0: no treasury
    #[arg(long, default_value = "0", value_name = "BCC")]
    pub(crate) treasury: Coins,
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
    /// With --format k8s: path of the kustomize base, relative to DIR [default: a copy of ours in DIR/base]
    #[arg(long, help_heading = IN_CONTAINERS, value_name = "PATH")]
    pub(crate) base: Option<PathBuf>,
    /// With --format k8s or compose: run this image [default: blockchat-node with the version of this program]
    #[arg(long, help_heading = IN_CONTAINERS, value_name = "NAME:TAG")]
    pub(crate) image: Option<String>,
    /// With --format k8s or compose: mark the keys as published, with NOT-SECRET in the names of files and Secrets
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
    /// Coins per welcome grant. While the treasury is full, it costs about one hash per micro-BCC [default: 10]
    #[arg(long, value_name = "BCC")]
    pub(crate) grant: Option<Coins>,
    /// What grants of one day may take, in 1/10,000 of the stake of the validators; one grant at least [default: 100, which is
    /// 1 %]
    #[arg(long, value_name = "BP")]
    pub(crate) grant_cap: Option<u32>,
    /// Time during which misbehaviour can be punished, in ms [default: one day]
    #[arg(long, value_name = "MS")]
    pub(crate) evidence_window: Option<u64>,
}

/// The output of `init`.
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

/// Preparation of a pod's home.
#[derive(Debug, Args)]
#[command(after_help = POD_INIT_EXAMPLES)]
pub(crate) struct PodInitArgs {
    /// Folder mounted into the pod: genesis.json, config.toml, contacts.toml, pod-index, keys/INDEX/validator.pem
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
    /// Before creating a new guard, ask the API of every node behind this name how far the chain is
    #[arg(long, value_name = "NAME:PORT")]
    pub(crate) ask: Option<String>,
    /// Never create a guard: a validator on an empty volume signs nothing until `guard reset`
    #[arg(long)]
    pub(crate) no_new_guard: bool,
    /// Then run the node
    #[arg(long)]
    pub(crate) run: bool,
}
