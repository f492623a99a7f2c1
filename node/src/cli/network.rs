//! Writes the homes of a new network: keys, guard, genesis, configuration, address book.
//!
//! Always true: nothing that exists is overwritten; the genesis is verified before the first file is written.
//! Start reading at [`write`].

use super::failure::Failure;
use crate::config::{ApiLayer, Layer, P2pLayer};
use crate::net::peer_id_of;
use crate::store::guard::Guard;
use crate::wallet::address_book::{self, AddressBook};
use crate::wallet::keystore::{self, KeyUse, Passphrase};
use crate::wallet::private_file;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::units::{RulesVersion, UnixMillis};
use serde::Serialize;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The first lines of every `config.toml` we write.
const CONFIG_HEAD: &str = "\
# A BlockChat node. Every line may be left out; unknown ones are refused.
# `blockchat-node run --help` lists the settings with their flags and environment variables, which win over this file.

";

/// What to write.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Name of the chain.
    pub(crate) name: String,
    /// Its constants.
    pub(crate) parameters: Parameters,
    /// Coins of each validator, stake included.
    pub(crate) fund: Coins,
    /// Of these, staked.
    pub(crate) stake: Coins,
    /// One home each: its folder and its name in the address book.
    pub(crate) homes: Vec<PlannedHome>,
    /// Where further funded keys are written.
    pub(crate) wallets: Vec<PlannedWallet>,
    /// Protects the validator keys.
    pub(crate) passphrase: Option<Passphrase>,
}

/// One node of the plan.
#[derive(Clone, Debug)]
pub(crate) struct PlannedHome {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) api_port: u16,
    pub(crate) p2p_port: u16,
    /// Who may connect.
    pub(crate) reach: Reach,
}

/// Where a node listens for peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On this machine only.
    Machine,
    /// On every interface, and it looks around on the local network.
    Everywhere,
}

/// One funded key without a node.
#[derive(Clone, Debug)]
pub(crate) struct PlannedWallet {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) fund: Coins,
}

/// What was written, for `--output json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Written {
    /// In order: id0 first.
    pub(crate) homes: Vec<WrittenHome>,
    /// Further funded keys.
    pub(crate) wallets: Vec<WrittenWallet>,
    /// Name of the chain with the first digits of its hash.
    pub(crate) chain: String,
    /// Its identity.
    pub(crate) genesis_hash: Hash32,
    /// A copy of its genesis; every home has the same.
    pub(crate) genesis: PathBuf,
}

/// One home that was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WrittenHome {
    pub(crate) name: String,
    pub(crate) home: PathBuf,
    pub(crate) address: Address,
    pub(crate) peer_id: String,
    pub(crate) api_port: u16,
    pub(crate) p2p_port: u16,
}

/// One key that was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WrittenWallet {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) address: Address,
}

/// The keys of one home, before they are on disk.
struct HomeKeys {
    validator: Signer,
    p2p: Signer,
}

impl HomeKeys {
    fn peer_id(&self) -> String {
        peer_id_of(&Zeroizing::new(self.p2p.signing_key().to_bytes()))
    }
}

/// Writes everything. Fails before the first file if the genesis is refused or something is there already.
pub(crate) fn write(plan: &Plan, now: UnixMillis) -> Result<Written, Failure> {
    refuse_existing(plan)?;
    let keys: Vec<_> =
        plan.homes.iter().map(|_| HomeKeys { validator: keystore::generate(), p2p: keystore::generate() }).collect();
    let wallet_keys: Vec<_> = plan.wallets.iter().map(|_| keystore::generate()).collect();
    let genesis = genesis(plan, &keys, &wallet_keys, now)?;
    let book = address_book(plan, &keys, &wallet_keys)?;
    for (wallet, signer) in plan.wallets.iter().zip(&wallet_keys) {
        keystore::create(&wallet.path, signer, KeyUse::Account, None)?;
    }
    let homes: Result<Vec<_>, Failure> = plan
        .homes
        .iter()
        .zip(&keys)
        .map(|(home, own)| {
            let layer = configuration(plan, &keys, home);
            write_home(home, own, &genesis, &book, &layer, plan.passphrase.as_ref())
        })
        .collect();
    let wallet = |(wallet, signer): (&PlannedWallet, &Signer)| WrittenWallet {
        name: wallet.name.clone(),
        path: wallet.path.clone(),
        address: signer.address(),
    };
    Ok(Written {
        homes: homes?,
        wallets: plan.wallets.iter().zip(&wallet_keys).map(wallet).collect(),
        chain: genesis.short_name(),
        genesis_hash: genesis.hash(),
        genesis: plan.homes[0].path.join("genesis.json"),
    })
}

fn refuse_existing(plan: &Plan) -> Result<(), Failure> {
    let of_homes = plan
        .homes
        .iter()
        .flat_map(|home| ["config.toml", "genesis.json", "keys", "data"].map(|name| home.path.join(name)));
    let mut paths = of_homes.chain(plan.wallets.iter().map(|wallet| wallet.path.clone()));
    match paths.find(|path| path.exists()) {
        Some(path) => {
            let cause = format!("{} exists already, and nothing is overwritten", path.display());
            Err(Failure::new(cause, "choose another folder, or move the old one away").coded("exists"))
        }
        None => Ok(()),
    }
}

fn genesis(plan: &Plan, keys: &[HomeKeys], wallets: &[Signer], time: UnixMillis) -> Result<VerifiedGenesis, Failure> {
    let balance = plan.fund.checked_sub(plan.stake).ok_or_else(|| {
        let cause = format!("a stake of {} BCC is more than the {} BCC of a validator", plan.stake, plan.fund);
        Failure::usage(cause, "lower --stake, or raise --fund")
    })?;
    let validator = |keys: &HomeKeys| GenesisAccount { address: keys.validator.address(), balance, stake: plan.stake };
    let wallet = |(planned, signer): (&PlannedWallet, &Signer)| GenesisAccount {
        address: signer.address(),
        balance: planned.fund,
        stake: Coins::ZERO,
    };
    let mut accounts: Vec<_> = keys.iter().map(validator).chain(plan.wallets.iter().zip(wallets).map(wallet)).collect();
    accounts.sort_by_key(|account| account.address);
    let name = plan.name.clone();
    let genesis = Genesis {
        name,
        time,
        parameters: plan.parameters.clone(),
        treasury: Coins::ZERO,
        accounts,
        version: RulesVersion::KNOWN,
    };
    genesis.verify().map_err(|error| {
        Failure::usage(format!("this is no chain: {error}"), "correct it: `blockchat-node init --help`")
    })
}

fn address_book(plan: &Plan, keys: &[HomeKeys], wallets: &[Signer]) -> Result<AddressBook, Failure> {
    let mut book = AddressBook::default();
    for (home, keys) in plan.homes.iter().zip(keys) {
        book.add(&home.name, keys.validator.address())?;
    }
    for (wallet, signer) in plan.wallets.iter().zip(wallets) {
        book.add(&wallet.name, signer.address())?;
    }
    Ok(book)
}

/// Ports, and the other nodes of this machine as first peers where their ports are known.
fn configuration(plan: &Plan, keys: &[HomeKeys], home: &PlannedHome) -> Layer {
    let others = plan.homes.iter().zip(keys).filter(|(other, _)| other.name != home.name && other.p2p_port != 0);
    let dial = |(other, keys): (&PlannedHome, &HomeKeys)| {
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", other.p2p_port, keys.peer_id())
    };
    let interface = match home.reach {
        Reach::Machine => "127.0.0.1",
        Reach::Everywhere => "0.0.0.0",
    };
    Layer {
        api: ApiLayer { listen: Some(([127, 0, 0, 1], home.api_port).into()) },
        p2p: P2pLayer {
            listen: Some(vec![format!("/ip4/{interface}/tcp/{}", home.p2p_port)]),
            peers: Some(others.map(dial).collect()),
            mdns: Some(home.reach == Reach::Everywhere),
            external: None,
        },
        ..Layer::default()
    }
}

fn write_home(
    home: &PlannedHome,
    keys: &HomeKeys,
    genesis: &VerifiedGenesis,
    book: &AddressBook,
    layer: &Layer,
    passphrase: Option<&Passphrase>,
) -> Result<WrittenHome, Failure> {
    let folder = home.path.join("keys");
    private_file::create_folder(&folder).map_err(|error| Failure::file(&folder, "create", &error))?;
    keystore::create(&folder.join("validator.pem"), &keys.validator, KeyUse::Account, passphrase)?;
    keystore::create(&folder.join("p2p.pem"), &keys.p2p, KeyUse::Peer, None)?;
    let guard = folder.join("guard");
    Guard::create(&guard).map_err(|error| Failure::new(error.to_string(), "check the folder and try again"))?;
    write_file(&home.path.join("genesis.json"), &json(genesis.genesis()))?;
    book.write(&address_book::path_in(&home.path))?;
    let layer = toml::to_string(layer).expect("a layer is plain numbers, texts and lists");
    write_file(&home.path.join("config.toml"), &(CONFIG_HEAD.to_owned() + &layer))?;
    Ok(WrittenHome {
        name: home.name.clone(),
        home: home.path.clone(),
        address: keys.validator.address(),
        peer_id: keys.peer_id(),
        api_port: home.api_port,
        p2p_port: home.p2p_port,
    })
}

/// A genesis as the text of its file.
pub(crate) fn json(genesis: &Genesis) -> String {
    serde_json::to_string_pretty(genesis).expect("a genesis is plain numbers, texts and lists") + "\n"
}

fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::file(path, "write", &error))
}
