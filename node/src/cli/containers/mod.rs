//! Networks in containers: the files that Kubernetes and compose start one from, and what a container does first.
//!
//! Owns: names and paths that manifests, image and program agree on (below), the writers of `init --format k8s|compose`,
//! `pod-init`. Does not own: keys and genesis (`network`), the manifests themselves (`k8s/base` in the repository, carried in
//! the program).
//! Always true: writers only list files ([`super::planned_file`]); a validator's key is in one file of its own, and in one
//! Secret of its own.
//! Start reading at [`write`] and [`pod_init::pod_init`].

mod compose;
mod k8s;
pub(crate) mod pod_init;

use super::args::{InitArgs, InitFormat};
use super::failure::Failure;
use super::network::{Plan, Set, config_file};
use super::output::{Format, table};
use super::planned_file::{self, PlannedFile};
use crate::clock::unix_millis;
use crate::config::{ApiLayer, KeysLayer, Layer, LogFormat, LogLayer, P2pLayer};
use blockchat_host::path_json;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The name of a network in containers: of its namespace, stateful set, and the service whose name leads to every node
/// of it.
const NETWORK: &str = "blockchat";
/// Ports inside containers.
const API_PORT: u16 = 7474;
const PEER_PORT: u16 = 7475;
/// The folder of a node's key: in memory.
const KEY_FILE: &str = "/run/blockchat/validator.pem";
/// The image that is run, unless another one is named.
const IMAGE: &str = concat!("blockchat-node:", env!("CARGO_PKG_VERSION"));

/// The files that were written, for `--output json`.
#[derive(Debug, Serialize)]
struct Written {
    chain: String,
    genesis_hash: Hash32,
    #[serde(serialize_with = "path_json::shown")]
    dir: PathBuf,
    accounts: Vec<WrittenAccount>,
    /// The command that starts it.
    next: String,
}

#[derive(Debug, Serialize)]
struct WrittenAccount {
    name: String,
    address: Address,
}

/// Writes the files of `init --format k8s` or `compose`.
pub(crate) fn write(plan: &Plan, args: &InitArgs, format: Format) -> Result<(), Failure> {
    let set = Set::new(plan, unix_millis())?;
    let folder = &plan.folder;
    let (deciding, next) = match args.format {
        InitFormat::Compose => {
            ("compose.yaml", format!("docker compose -f {} up", folder.join("compose.yaml").display()))
        }
        _ => ("kustomization.yaml", format!("kubectl apply -k {}", folder.display())),
    };
    let refuse = || refuse_existing(folder, &[deciding, "genesis.json", KEYS_FOLDER, KEYS_FOLDER_OPEN, "base"]);
    planned_file::write_all(folder, refuse, || match args.format {
        InitFormat::Compose => compose::files(&set, plan, args),
        _ => k8s::files(&set, plan, args),
    })?;
    let accounts = set.accounts().into_iter().map(|(name, address)| WrittenAccount { name, address }).collect();
    let (chain, genesis_hash) = (set.genesis.short_name(), set.genesis.hash());
    let written = Written { chain, genesis_hash, dir: folder.clone(), accounts, next };
    format.print(&written, shown);
    Ok(())
}

/// Folder of the validators' keys, and what it is called where they are no secret.
const KEYS_FOLDER: &str = "keys";
const KEYS_FOLDER_OPEN: &str = "keys-NOT-SECRET";

fn keys_folder(args: &InitArgs) -> &'static str {
    if args.not_secret { KEYS_FOLDER_OPEN } else { KEYS_FOLDER }
}

/// The same of the further funded keys.
pub(crate) fn wallets_folder(args: &InitArgs) -> &'static str {
    if args.not_secret { "wallets-NOT-SECRET" } else { "wallets" }
}

fn refuse_existing(folder: &Path, names: &[&str]) -> Result<(), Failure> {
    match names.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        Some(path) => {
            let cause = format!("{} already exists, and nothing is overwritten", path.display());
            Err(Failure::new(cause, "choose another folder, or move the existing one").coded("exists"))
        }
        None => Ok(()),
    }
}

fn shown(written: &Written) -> String {
    let row = |account: &WrittenAccount| vec![account.name.clone(), account.address.to_string()];
    let accounts = table(&["account", "address"], &[], written.accounts.iter().map(row).collect());
    format!("chain {} in {}\n\n{accounts}\nstart it:\n  {}\n", written.chain, written.dir.display(), written.next)
}

/// The files that every pod or container gets besides its key: the chain, names, settings.
fn shared_files(set: &Set<'_>, folder: &Path) -> Result<Vec<PlannedFile>, Failure> {
    Ok(vec![
        set.contacts(folder.join("contacts.toml"))?,
        config_file(folder.join("config.toml"), &layer()),
        set.genesis_file(folder.join("genesis.json")),
    ])
}

/// Settings of a node in a container: reached from everywhere in its network, and finding the others by one name.
fn layer() -> Layer {
    Layer {
        api: ApiLayer { listen: Some(([0, 0, 0, 0], API_PORT).into()), ..ApiLayer::default() },
        p2p: P2pLayer {
            listen: Some(vec![format!("/ip4/0.0.0.0/tcp/{PEER_PORT}")]),
            peers: Some(vec![format!("/dns4/{NETWORK}/tcp/{PEER_PORT}")]),
            mdns: Some(false),
            ..P2pLayer::default()
        },
        keys: KeysLayer { validator: Some(KEY_FILE.into()), ..KeysLayer::default() },
        log: LogLayer { format: Some(LogFormat::Json), ..LogLayer::default() },
        ..Layer::default()
    }
}

/// The validators' key files, in order.
fn key_files(set: &Set<'_>, plan: &Plan, args: &InitArgs) -> Result<Vec<PlannedFile>, Failure> {
    let folder = plan.folder.join(keys_folder(args));
    set.validators(|index| folder.join(format!("{index}.pem")))
}
