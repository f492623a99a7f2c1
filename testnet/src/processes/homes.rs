//! Genesis, keys and address book of a network: written by the node program itself, read back here.

use super::node_bin;
use anyhow::{Context, Result, bail, ensure};
use blockchat_host::text;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, VerifiedGenesis};
use blockchat_proto::keys::{Address, Signer};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Longest genesis, in bytes.
const GENESIS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest key file, in bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// What `blockchat-node init --output json` prints.
#[derive(Debug, Deserialize)]
pub struct Homes {
    /// One a node, `id0` first.
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

/// What a network begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Nodes.
    pub nodes: usize,
    /// Transactions a block.
    pub capacity: u32,
    /// Coins of each node, stake included.
    pub fund: Coins,
    /// Of these, staked.
    pub stake: Coins,
    /// An empty block comes after this long, in ms, if not after the node's default.
    pub idle_block_interval_ms: Option<u64>,
}

/// Has the node program write the homes of a new network below `dir`.
pub fn create(node_bin: &Path, dir: &Path, begin: &Begin) -> Result<Homes> {
    let mut command = node_bin::command(node_bin);
    command.args(["init", "--name", "testnet", "--output", "json", "--validators", &begin.nodes.to_string()]);
    command.args(["--capacity", &begin.capacity.to_string(), "--fund", &begin.fund.to_string()]);
    if let Some(interval) = begin.idle_block_interval_ms {
        command.args(["--idle-block-interval", &interval.to_string()]);
    }
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

/// The genesis of a home.
pub fn genesis(home: &Path) -> Result<VerifiedGenesis> {
    let path = home.join("genesis.json");
    let text = text::read(&path, GENESIS_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))?;
    let genesis: Genesis = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    genesis.verify().with_context(|| format!("{} is refused", path.display()))
}

/// The key of a home's validator: in a testnet every node is a user, so its lines are signed with it.
pub fn validator_key(home: &Path) -> Result<Signer> {
    let path = home.join("keys").join("validator.pem");
    let pem = text::read(&path, KEY_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))?;
    let key = SigningKey::from_pkcs8_pem(&pem).with_context(|| format!("{} holds no ed25519 key", path.display()))?;
    Ok(Signer::from(key))
}
