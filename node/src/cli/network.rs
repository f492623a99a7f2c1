//! Writes the homes of a new network: keys, guard, genesis, configuration, address book.
//!
//! A network is first made in memory ([`Set`]), then laid out as a list of files ([`PlannedFile`]), then written: homes here,
//! files for containers in `containers`.
//! Always true: nothing that exists is overwritten; the genesis is verified before the first file is written; all files
//! come to be or none, however this ends: the last file decides (see `unfinished`).
//! Start reading at [`write`].

use super::failure::Failure;
use super::hosts;
use super::planned_file::{self, PlannedFile};
use crate::config::{ApiLayer, Layer, P2pLayer};
use crate::net::peer_id_of;
use crate::store::guard::Guard;
use crate::wallet::address_book::{self, AddressBook};
use crate::wallet::keystore::{self, KeyUse, Passphrase};
use blockchat_host::path_json;
use blockchat_host::whole_file::Access;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::units::{RulesVersion, UnixMillis};
use serde::Serialize;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The first lines of every `config.toml` we write.
const CONFIG_HEAD: &str = "\
# A BlockChat node. Every line may be left out; unknown ones are refused.
# `blockchat-node run --help` lists the settings with their flags and environment variables, which win over this file.

";

/// The output to write.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The folder of all of it.
    pub(crate) folder: PathBuf,
    /// Name of the chain.
    pub(crate) name: String,
    /// Its constants.
    pub(crate) parameters: Parameters,
    /// Coins of each validator, stake included.
    pub(crate) fund: Coins,
    /// Of these, staked.
    pub(crate) stake: Coins,
    /// Coins for welcome grants.
    pub(crate) treasury: Coins,
    /// One home each: its folder and its name in the address book.
    pub(crate) homes: Vec<PlannedHome>,
    /// The folder for further funded keys.
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
    /// The peers that may connect.
    pub(crate) reach: Reach,
    /// The machine that it is for, by name or address, if that is another one.
    pub(crate) host: Option<String>,
}

/// In a home that is for another machine: what to do with it.
const README: &str = "README";

/// The name of a wallet with coins to give away.
pub(crate) const FAUCET: &str = "faucet";

/// The address of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// At its ports of the plan, for peers on every interface; it looks around on the local network.
    Everywhere,
    /// Wherever a node is reached that is told nothing: no port of the plan counts.
    Usual {
        /// By other machines too?
        share: bool,
    },
}

/// One funded key without a node.
#[derive(Clone, Debug)]
pub(crate) struct PlannedWallet {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) fund: Coins,
}

/// The files that were written, for `--output json`.
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
    /// Coins for welcome grants.
    pub(crate) treasury: Coins,
    /// A copy of its genesis; every home has the same.
    #[serde(serialize_with = "path_json::shown")]
    pub(crate) genesis: PathBuf,
}

/// One home that was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WrittenHome {
    pub(crate) name: String,
    #[serde(serialize_with = "path_json::shown")]
    pub(crate) home: PathBuf,
    pub(crate) address: Address,
    pub(crate) peer_id: String,
    pub(crate) api_port: u16,
    pub(crate) p2p_port: u16,
    /// The machine that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
}

/// One key that was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WrittenWallet {
    pub(crate) name: String,
    #[serde(serialize_with = "path_json::shown")]
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

/// A network, made but not written: its keys, its genesis, the names of its accounts.
pub(crate) struct Set<'a> {
    plan: &'a Plan,
    keys: Vec<HomeKeys>,
    wallet_keys: Vec<Signer>,
    pub(crate) genesis: VerifiedGenesis,
    book: AddressBook,
}

/// Writes the homes. Fails before the first file if the genesis is refused, or for the reason that `refuse` gives once the
/// leftovers of an interrupted run are gone.
pub(crate) fn write(
    plan: &Plan,
    now: UnixMillis,
    refuse: impl FnOnce() -> Result<(), Failure>,
) -> Result<Written, Failure> {
    let set = Set::new(plan, now)?;
    planned_file::write_all(&plan.folder, refuse, || set.homes())?;
    Ok(set.told())
}

impl<'a> Set<'a> {
    /// Draws the keys and verifies the genesis.
    pub(crate) fn new(plan: &'a Plan, now: UnixMillis) -> Result<Self, Failure> {
        let keys: Vec<_> = plan
            .homes
            .iter()
            .map(|_| HomeKeys { validator: keystore::generate(), p2p: keystore::generate() })
            .collect();
        let wallet_keys: Vec<_> = plan.wallets.iter().map(|_| keystore::generate()).collect();
        let genesis = genesis(plan, &keys, &wallet_keys, now)?;
        let book = address_book(plan, &keys, &wallet_keys)?;
        Ok(Self { plan, keys, wallet_keys, genesis, book })
    }

    /// Every home, in the order in which it is written.
    fn homes(&self) -> Result<Vec<PlannedFile>, Failure> {
        let mut files = self.wallets()?;
        for (home, own) in self.plan.homes.iter().zip(&self.keys) {
            files.extend(self.home(home, own)?);
        }
        let geneses = self.plan.homes.iter().map(|home| self.genesis_file(home.path.join("genesis.json")));
        files.extend(geneses);
        Ok(files)
    }

    /// One home without its genesis.
    fn home(&self, home: &PlannedHome, own: &HomeKeys) -> Result<Vec<PlannedFile>, Failure> {
        let folder = home.path.join("keys");
        let validator = folder.join("validator.pem");
        let layer = configuration(self.plan, &self.keys, home);
        let mut files = vec![
            PlannedFile::key(validator, &own.validator, KeyUse::Account, self.plan.passphrase.as_ref())?,
            PlannedFile::key(folder.join("p2p.pem"), &own.p2p, KeyUse::Peer, None)?,
            PlannedFile::new(folder.join("guard"), Guard::of_new_key(), Access::Private),
            self.contacts(address_book::path_in(&home.path))?,
            config_file(home.path.join("config.toml"), &layer),
        ];
        if let Some(host) = &home.host {
            let text = hosts::readme(&home.name, &self.genesis.short_name(), host, home.api_port, home.p2p_port);
            files.push(PlannedFile::new(home.path.join(README), text, Access::Public));
        }
        Ok(files)
    }

    /// The further funded keys.
    pub(crate) fn wallets(&self) -> Result<Vec<PlannedFile>, Failure> {
        let wallets = self.plan.wallets.iter().zip(&self.wallet_keys);
        wallets
            .map(|(wallet, signer)| Ok(PlannedFile::key(wallet.path.clone(), signer, KeyUse::Account, None)?))
            .collect()
    }

    /// The key of each validator, in order: written where `path` says.
    pub(crate) fn validators(&self, path: impl Fn(usize) -> PathBuf) -> Result<Vec<PlannedFile>, Failure> {
        let passphrase = self.plan.passphrase.as_ref();
        let key = |(index, own): (usize, &HomeKeys)| {
            Ok(PlannedFile::key(path(index), &own.validator, KeyUse::Account, passphrase)?)
        };
        self.keys.iter().enumerate().map(key).collect()
    }

    /// The genesis as a file.
    pub(crate) fn genesis_file(&self, path: PathBuf) -> PlannedFile {
        PlannedFile::new(path, json(self.genesis.genesis()), Access::Public)
    }

    /// Names of the accounts; those that the person of this folder has given before stay.
    pub(crate) fn contacts(&self, path: PathBuf) -> Result<PlannedFile, Failure> {
        let mut merged = AddressBook::read(&path)?;
        merged.add_free(&self.book);
        Ok(PlannedFile::replacing(path, merged.content()))
    }

    /// Names and addresses of the validators, then of the wallets.
    pub(crate) fn accounts(&self) -> Vec<(String, Address)> {
        let homes = self.plan.homes.iter().zip(&self.keys);
        let homes = homes.map(|(home, keys)| (home.name.clone(), keys.validator.address()));
        let wallets = self.plan.wallets.iter().zip(&self.wallet_keys);
        homes.chain(wallets.map(|(wallet, signer)| (wallet.name.clone(), signer.address()))).collect()
    }

    fn told(&self) -> Written {
        let home = |(home, keys): (&PlannedHome, &HomeKeys)| WrittenHome {
            name: home.name.clone(),
            home: home.path.clone(),
            address: keys.validator.address(),
            peer_id: keys.peer_id(),
            api_port: home.api_port,
            p2p_port: home.p2p_port,
            host: home.host.clone(),
        };
        let wallet = |(wallet, signer): (&PlannedWallet, &Signer)| WrittenWallet {
            name: wallet.name.clone(),
            path: wallet.path.clone(),
            address: signer.address(),
        };
        Written {
            homes: self.plan.homes.iter().zip(&self.keys).map(home).collect(),
            wallets: self.plan.wallets.iter().zip(&self.wallet_keys).map(wallet).collect(),
            chain: self.genesis.short_name(),
            genesis_hash: self.genesis.hash(),
            treasury: self.plan.treasury,
            genesis: self.plan.homes[0].path.join("genesis.json"),
        }
    }
}

/// Refuses a plan of which something is there already.
pub(crate) fn refuse_existing(plan: &Plan) -> Result<(), Failure> {
    let of_homes = plan
        .homes
        .iter()
        .flat_map(|home| ["config.toml", "genesis.json", "keys", "data"].map(|name| home.path.join(name)));
    let mut paths = of_homes.chain(plan.wallets.iter().map(|wallet| wallet.path.clone()));
    match paths.find(|path| path.exists()) {
        Some(path) => {
            let cause = format!("{} already exists, and nothing is overwritten", path.display());
            Err(Failure::new(cause, "choose another folder, or move the existing one").coded("exists"))
        }
        None => Ok(()),
    }
}

fn genesis(plan: &Plan, keys: &[HomeKeys], wallets: &[Signer], time: UnixMillis) -> Result<VerifiedGenesis, Failure> {
    let balance = plan.fund.checked_sub(plan.stake).ok_or_else(|| {
        let cause = format!("the stake of {} BCC is higher than the {} BCC of a validator", plan.stake, plan.fund);
        Failure::usage(cause, "lower --stake, or raise --fund")
    })?;
    // Names that are public on the chain. Wallets of this folder's owner alone are named in its contacts.
    let validator = |(home, keys): (&PlannedHome, &HomeKeys)| GenesisAccount {
        address: keys.validator.address(),
        balance,
        stake: plan.stake,
        name: Some(home.name.clone()),
    };
    let wallet = |(planned, signer): (&PlannedWallet, &Signer)| GenesisAccount {
        address: signer.address(),
        balance: planned.fund,
        stake: Coins::ZERO,
        name: (planned.name == FAUCET).then(|| FAUCET.to_owned()),
    };
    let homes = plan.homes.iter().zip(keys).map(validator);
    let mut accounts: Vec<_> = homes.chain(plan.wallets.iter().zip(wallets).map(wallet)).collect();
    accounts.sort_by_key(|account| account.address);
    let name = plan.name.clone();
    let genesis = Genesis {
        name,
        time,
        parameters: plan.parameters.clone(),
        treasury: plan.treasury,
        accounts,
        version: RulesVersion::KNOWN,
    };
    genesis.verify().map_err(|error| {
        Failure::usage(format!("invalid chain settings: {error}"), "correct it: `blockchat-node init --help`")
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
        let host = other.host.as_deref().unwrap_or("127.0.0.1");
        format!("{}/p2p/{}", hosts::multiaddr(host, other.p2p_port), keys.peer_id())
    };
    if let Reach::Usual { share } = home.reach {
        return Layer { p2p: P2pLayer { share: Some(share), ..P2pLayer::default() }, ..Layer::default() };
    }
    Layer {
        api: ApiLayer { listen: Some(([127, 0, 0, 1], home.api_port).into()), ..ApiLayer::default() },
        p2p: P2pLayer {
            listen: Some(vec![format!("/ip4/0.0.0.0/tcp/{}", home.p2p_port)]),
            peers: Some(others.map(dial).collect()),
            mdns: Some(true),
            external: home.host.as_ref().map(|host| vec![hosts::multiaddr(host, home.p2p_port)]),
            ..P2pLayer::default()
        },
        ..Layer::default()
    }
}

/// A configuration as a file.
pub(crate) fn config_file(path: PathBuf, layer: &Layer) -> PlannedFile {
    let layer = toml::to_string(layer).expect("a layer is plain numbers, texts and lists");
    PlannedFile::new(path, CONFIG_HEAD.to_owned() + &layer, Access::Public)
}

/// A genesis as the text of its file.
pub(crate) fn json(genesis: &Genesis) -> String {
    serde_json::to_string_pretty(genesis).expect("a genesis is plain numbers, texts and lists") + "\n"
}
