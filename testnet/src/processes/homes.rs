//! Genesis, keys and address book of a network: written by the node program, read back here.

use super::node_bin;
use anyhow::{Context, Result, bail, ensure};
use blockchat_host::text;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, VerifiedGenesis};
use blockchat_proto::keys::{Address, Signer};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Maximum size of a genesis, in bytes.
const GENESIS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Time in which power grows by an eighth in a network with spares, in ms.
const SPARES_CHURN_MS: u64 = 1_000;
/// Maximum size of a key file, in bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// The output of `blockchat-node init --output json`.
#[derive(Debug, Deserialize)]
pub struct Homes {
    /// One per node, `id0` first.
    pub homes: Vec<Home>,
}

/// One node's home.
#[derive(Clone, Debug, Deserialize)]
pub struct Home {
    /// `idN`.
    pub name: String,
    /// Its folder.
    pub home: PathBuf,
    /// The account of its validator key.
    pub address: Address,
    /// Its libp2p identity.
    pub peer_id: String,
}

/// The genesis settings of a network.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Number of nodes.
    pub nodes: usize,
    /// Maximum transactions per block.
    pub capacity: u32,
    /// Coins of each node, stake included.
    pub fund: Coins,
    /// Stake of each node, part of its coins.
    pub stake: Coins,
    /// Time between empty blocks, in ms; `None`: the node's default.
    pub idle_block_interval_ms: Option<u64>,
}

/// Short, so that a show does not wait an hour until a stake counts.
const CHURN_MS: u64 = 10_000;

/// The stake of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStake {
    /// `idN`.
    pub node: String,
    /// Its stake, part of its coins.
    pub stake: Coins,
}

impl FromStr for NodeStake {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(node, stake)| Some((node.to_owned(), stake.parse().ok()?)));
        let (node, stake) = parsed.ok_or("a stake of one node is its name and BCC, such as id0=100")?;
        Ok(Self { node, stake })
    }
}

/// Lets the node program write the homes of a new network below `dir`.
pub fn create(node_bin: &Path, dir: &Path, begin: &Begin) -> Result<Homes> {
    let mut command = node_bin::command(node_bin);
    command.args(["init", "--name", "testnet", "--output", "json", "--validators", &begin.nodes.to_string()]);
    command.args(["--capacity", &begin.capacity.to_string(), "--fund", &begin.fund.to_string()]);
    if let Some(interval) = begin.idle_block_interval_ms {
        command.args(["--idle-block-interval", &interval.to_string()]);
    }
    command.args(["--churn", &CHURN_MS.to_string()]);
    command.args(["--stake", &begin.stake.to_string(), "--dir"]).arg(dir);
    let output = command.output().with_context(|| format!("cannot run {}", node_bin.display()))?;
    if !output.status.success() {
        bail!("`blockchat-node init` failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let mut homes: Homes =
        serde_json::from_slice(&output.stdout).context("`blockchat-node init` printed no readable JSON")?;
    ensure!(homes.homes.len() == begin.nodes, "`blockchat-node init` wrote {} homes", homes.homes.len());
    // Not as printed: JSON holds no path that is no UTF-8.
    homes.homes.iter_mut().for_each(|home| home.home = dir.join(&home.name));
    Ok(homes)
}

/// Gives single nodes another stake out of the same coins. Call before any node runs.
pub fn restake(homes: &[Home], stakes: &[NodeStake]) -> Result<()> {
    if stakes.is_empty() {
        return Ok(());
    }
    let mut genesis = genesis(&homes[0].home)?.genesis().clone();
    for NodeStake { node, stake } in stakes {
        let home = homes.iter().find(|home| home.name == *node).with_context(|| format!("there is no node {node}"))?;
        let account = genesis.accounts.iter_mut().find(|account| account.address == home.address);
        let account = account.with_context(|| format!("{node} has no account"))?;
        let all = account.balance.checked_add(account.stake).context("more coins than there may be")?;
        account.balance =
            all.checked_sub(*stake).with_context(|| format!("{node} has {all} BCC and cannot stake {stake}"))?;
        account.stake = *stake;
    }
    write_genesis(&genesis.verify().context("the genesis with other stakes is refused")?, homes)
}

fn write_genesis(genesis: &VerifiedGenesis, homes: &[Home]) -> Result<()> {
    let text = serde_json::to_string(genesis.genesis())? + "\n";
    for home in homes {
        let path = home.home.join("genesis.json");
        std::fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Adds spare homes: their keys have coins in the genesis, which all homes then share, and no stake. Power grows within
/// seconds instead of the usual hour, so that accounts which stake later become validators quickly. Call before any
/// node runs.
pub fn spares(node_bin: &Path, homes: &[Home], begin: &Begin, count: usize) -> Result<Vec<Home>> {
    let first = &homes[0].home;
    let apart = first.with_file_name("spares");
    let more = create(node_bin, &apart, &Begin { nodes: count, ..begin.clone() })?.homes;
    let mut genesis = genesis(first)?.genesis().clone();
    let funded =
        |home: &Home| GenesisAccount { address: home.address, balance: begin.fund, stake: Coins::ZERO, name: None };
    genesis.accounts.extend(more.iter().map(funded));
    genesis.parameters.churn_ms = SPARES_CHURN_MS;
    genesis.accounts.sort_by_key(|account| account.address);
    let genesis = genesis.verify().context("the genesis with more accounts is refused")?;
    let rename = |(index, home): (usize, Home)| Home { name: format!("id{}", begin.nodes + index), ..home };
    let more: Vec<_> = more.into_iter().enumerate().map(rename).collect();
    write_genesis(&genesis, homes)?;
    write_genesis(&genesis, &more)?;
    Ok(more)
}

/// The genesis of a home.
pub fn genesis(home: &Path) -> Result<VerifiedGenesis> {
    let path = home.join("genesis.json");
    let text = text::read(&path, GENESIS_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))?;
    let genesis: Genesis = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    genesis.verify().with_context(|| format!("{} is refused", path.display()))
}

/// The key of a home's validator: in a testnet every node is a user, and signs its lines with it.
pub fn validator_key(home: &Path) -> Result<Signer> {
    key(&home.join("keys").join("validator.pem"))
}

/// Reads a key from an unencrypted file.
pub fn key(path: &Path) -> Result<Signer> {
    let pem = text::read(path, KEY_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))?;
    let key = SigningKey::from_pkcs8_pem(&pem).with_context(|| format!("{} holds no ed25519 key", path.display()))?;
    Ok(Signer::from(key))
}
