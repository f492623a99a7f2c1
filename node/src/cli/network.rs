//! Writes the homes of a new network: keys, guard, genesis, configuration, address book.
//!
//! Always true: nothing that exists is overwritten; the genesis is verified before the first file is written; all files
//! come to be or none, however this ends: the last genesis decides (see [`Unfinished`]).
//! Start reading at [`write`].

use super::failure::Failure;
use super::unfinished::Unfinished;
use crate::config::{ApiLayer, Layer, P2pLayer};
use crate::net::peer_id_of;
use crate::store::guard::Guard;
use crate::wallet::address_book::{self, AddressBook};
use crate::wallet::keystore::{self, KeyUse, Passphrase};
use blockchat_host::path_json;
use blockchat_host::whole_file::{self, Access};
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

/// What is on disk in the end.
struct Set<'a> {
    plan: &'a Plan,
    keys: Vec<HomeKeys>,
    wallet_keys: Vec<Signer>,
    genesis: VerifiedGenesis,
    book: AddressBook,
}

/// Writes everything. Fails before the first file if the genesis is refused, or for the reason that `refuse` gives once
/// the leftovers of an interrupted run are gone.
pub(crate) fn write(
    plan: &Plan,
    now: UnixMillis,
    refuse: impl FnOnce() -> Result<(), Failure>,
) -> Result<Written, Failure> {
    let keys: Vec<_> =
        plan.homes.iter().map(|_| HomeKeys { validator: keystore::generate(), p2p: keystore::generate() }).collect();
    let wallet_keys: Vec<_> = plan.wallets.iter().map(|_| keystore::generate()).collect();
    let genesis = genesis(plan, &keys, &wallet_keys, now)?;
    let book = address_book(plan, &keys, &wallet_keys)?;
    let set = Set { plan, keys, wallet_keys, genesis, book };
    let mut unfinished = Unfinished::begin(&plan.folder)?;
    if let Err(refused) = refuse() {
        unfinished.finish();
        return Err(refused);
    }
    let files = set.files();
    let written = unfinished.announce(&files).and_then(|()| set.write());
    match written {
        Ok(()) => unfinished.finish(),
        Err(_) => unfinished.undo(&files),
    }
    written.map(|()| set.told())
}

impl Set<'_> {
    /// Everything that is new, in the order in which it is written.
    fn files(&self) -> Vec<PathBuf> {
        let wallets = self.plan.wallets.iter().map(|wallet| wallet.path.clone());
        let of_home = ["keys/validator.pem", "keys/p2p.pem", "keys/guard", "contacts.toml", "config.toml"];
        let of_homes = self.plan.homes.iter().flat_map(|home| of_home.map(|name| home.path.join(name)));
        let geneses = self.plan.homes.iter().map(|home| home.path.join("genesis.json"));
        // Contacts that are there already stay, whatever becomes of this.
        wallets.chain(of_homes).filter(|path| !path.exists()).chain(geneses).collect()
    }

    fn write(&self) -> Result<(), Failure> {
        let Self { plan, keys, wallet_keys, genesis, book } = self;
        for (wallet, signer) in plan.wallets.iter().zip(wallet_keys) {
            keystore::create(&wallet.path, signer, KeyUse::Account, None)?;
        }
        for (home, own) in plan.homes.iter().zip(keys) {
            let layer = configuration(plan, keys, home);
            write_home(home, own, book, &layer, plan.passphrase.as_ref())?;
        }
        let text = json(genesis.genesis());
        plan.homes.iter().try_for_each(|home| write_file(&home.path.join("genesis.json"), &text))
    }

    fn told(&self) -> Written {
        let home = |(home, keys): (&PlannedHome, &HomeKeys)| WrittenHome {
            name: home.name.clone(),
            home: home.path.clone(),
            address: keys.validator.address(),
            peer_id: keys.peer_id(),
            api_port: home.api_port,
            p2p_port: home.p2p_port,
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
        api: ApiLayer { listen: Some(([127, 0, 0, 1], home.api_port).into()), ..ApiLayer::default() },
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
    book: &AddressBook,
    layer: &Layer,
    passphrase: Option<&Passphrase>,
) -> Result<(), Failure> {
    let folder = home.path.join("keys");
    whole_file::create_folder(&folder).map_err(|error| Failure::file(&folder, "create", &error))?;
    keystore::create(&folder.join("validator.pem"), &keys.validator, KeyUse::Account, passphrase)?;
    keystore::create(&folder.join("p2p.pem"), &keys.p2p, KeyUse::Peer, None)?;
    Guard::create(&folder.join("guard"))?;
    write_contacts(&address_book::path_in(&home.path), book)?;
    let layer = toml::to_string(layer).expect("a layer is plain numbers, texts and lists");
    write_file(&home.path.join("config.toml"), &(CONFIG_HEAD.to_owned() + &layer))
}

/// Names that the person of this home has given before stay.
fn write_contacts(path: &Path, book: &AddressBook) -> Result<(), Failure> {
    let mut merged = AddressBook::read(path)?;
    for (name, address) in book.entries() {
        if merged.address(name).is_none() {
            merged.add(name, address)?;
        }
    }
    Ok(merged.write(path)?)
}

/// A genesis as the text of its file.
pub(crate) fn json(genesis: &Genesis) -> String {
    serde_json::to_string_pretty(genesis).expect("a genesis is plain numbers, texts and lists") + "\n"
}

fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    whole_file::create(path, text.as_bytes(), Access::Public).map_err(|error| Failure::file(path, "write", &error))
}
