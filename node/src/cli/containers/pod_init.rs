//! `pod-init`: makes the home of a pod ready before the node runs in it.
//!
//! A pod is given the files of its network in one folder, and a volume for its home. A pod whose number has a key among the
//! files is that validator; any other one makes a key of its own on its volume, and observes until it stakes.
//!
//! Owns: which key and which guard a pod starts with. Does not own: what a node does without a guard (it signs nothing, and
//! says so).
//! Always true:
//! - a volume that belongs to another chain is refused, and a guard that is there is never touched;
//! - a validator gets a new guard on an empty volume only, and only if the chain does not show that it has voted: one
//!   that has lost its volume cannot know what it has signed. The new guard stands above the highest block that any
//!   node reported;
//! - the key that the node uses is on a volume in memory; only an observer's own is on its disk;
//! - doing it again changes nothing.
//!
//! Start reading at [`pod_init`].

use crate::cli::args::PodInitArgs;
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::network::json as genesis_json;
use crate::cli::output::{Format, pairs};
use crate::config::Layer;
use crate::store::guard::Guard;
use crate::wallet::address_book::{self, AddressBook};
use crate::wallet::keystore::{self, KeyUse};
use blockchat_client::Connections;
use blockchat_client::shapes::{BlocksRequest, Standing, StatusView};
use blockchat_client::{Client, ClientError};
use blockchat_engine::journal::GuardState;
use blockchat_host::whole_file::{self, Access};
use blockchat_host::{path_json, text};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest answer of another node's API that is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Most nodes that are asked how far the chain is.
const ASKED_MAX: usize = 32;
/// Of the first and of the last blocks, so many are looked at for signatures of the validator.
const LOOKED_AT: u64 = 8;
/// Leaders of so many of the last blocks are looked at.
const LEADERS: u16 = 500;
/// Longest settings and longest index, in bytes.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// The role in which a pod starts.
#[derive(Debug, Serialize)]
struct PodHome {
    pod: u32,
    chain: String,
    genesis_hash: Hash32,
    /// `validator` or `observer`.
    role: &'static str,
    address: Option<Address>,
    #[serde(serialize_with = "path_json::shown")]
    key: PathBuf,
    /// The result for the guard, for a person.
    guard: String,
}

/// Makes the home ready, and tells what the pod starts as.
pub(crate) async fn pod_init(home: &Home, args: &PodInitArgs, format: Format) -> Result<(), Failure> {
    let pod = index(args)?;
    let genesis = chain(home, &args.from)?;
    let layer = settings(home, &args.from)?;
    names(home, &args.from)?;
    let given = args.from.join("keys").join(pod.to_string()).join("validator.pem");
    let key = layer.validator_path(home.path());
    let guard = layer.guard_path(home.path());
    close_to_others(&layer.p2p_path(home.path()))?;
    let (role, address, guard) = if given.exists() {
        let address = keystore::install(&given, &key)?;
        ("validator", address, guard_of_validator(home, args, &guard, &genesis, address).await?)
    } else {
        let (address, guard) = observer(home, &key, &guard)?;
        ("observer", address, guard)
    };
    let told = PodHome { pod, chain: genesis.short_name(), genesis_hash: genesis.hash(), role, address, key, guard };
    format.print(&told, shown);
    Ok(())
}

/// The number of this pod.
fn index(args: &PodInitArgs) -> Result<u32, Failure> {
    if let Some(index) = args.index {
        return Ok(index);
    }
    let path = args.from.join("pod-index");
    let text = text::read(&path, CONFIG_BYTES_MAX).map_err(|error| given(&path, &error))?;
    text.trim().parse().map_err(|_| {
        let cause = format!("{} holds {:?}, which is no pod number", path.display(), text.trim());
        Failure::new(cause, "let it hold the label apps.kubernetes.io/pod-index, or give --index")
            .coded("bad_pod_index")
    })
}

/// A file of the pod's that cannot be read.
fn given(path: &Path, error: &std::io::Error) -> Failure {
    let cause = format!("cannot read {}, which the pod is given: {error}", path.display());
    Failure::new(cause, "see `blockchat-node pod-init --help` for what belongs there").coded("pod_files")
}

/// The chain of the files becomes that of the home; a home never changes its chain.
fn chain(home: &Home, from: &Path) -> Result<VerifiedGenesis, Failure> {
    let files = Home::locate(Some(from.into()))?;
    let wanted = files.genesis()?.ok_or_else(|| given(&files.genesis_path(), &std::io::ErrorKind::NotFound.into()))?;
    match home.genesis()? {
        Some(own) if own.hash() == wanted.hash() => Ok(wanted),
        Some(own) => {
            let cause = format!(
                "the volume {} belongs to chain {}, but the pod is given chain {}",
                home.path().display(),
                own.short_name(),
                wanted.short_name()
            );
            let next = "apply the files of that chain again; or, if it is given up for ever, delete its volume claims";
            Err(Failure::new(cause, next).coded("other_chain"))
        }
        None => {
            let path = home.genesis_path();
            make_folder_of(&path)?;
            whole_file::create(&path, genesis_json(wanted.genesis()).as_bytes(), Access::Public)
                .map_err(|error| Failure::file(&path, "write", &error))?;
            Ok(wanted)
        }
    }
}

/// The settings of the files become those of the home, each time anew.
fn settings(home: &Home, from: &Path) -> Result<Layer, Failure> {
    let source = from.join("config.toml");
    let layer = Layer::read(&source)?;
    let text = match text::read(&source, CONFIG_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(layer),
        Err(error) => return Err(given(&source, &error)),
    };
    let path = home.config_path();
    whole_file::replace(&path, text.as_bytes()).map_err(|error| Failure::file(&path, "write", &error))?;
    Ok(layer)
}

/// Names of the network's accounts, beside those that were given here.
fn names(home: &Home, from: &Path) -> Result<(), Failure> {
    let path = address_book::path_in(home.path());
    let mut merged = AddressBook::read(&path)?;
    let before = merged.clone();
    merged.add_free(&AddressBook::read(&address_book::path_in(from))?);
    if merged != before {
        merged.write(&path)?;
    }
    Ok(())
}

/// A kubelet that gives a volume to a group opens its files to that group; a key is its owner's alone.
fn close_to_others(key: &Path) -> Result<(), Failure> {
    match whole_file::open_bits(key) {
        Ok(0) | Err(_) => Ok(()),
        Ok(_) => whole_file::close_to_others(key).map_err(|error| Failure::file(key, "close", &error)),
    }
}

/// A pod that is no validator of the files: its own key, made at its first start, with a guard that says so.
fn observer(home: &Home, key: &Path, guard: &Path) -> Result<(Option<Address>, String), Failure> {
    let own = home.path().join("keys").join("own.pem");
    close_to_others(&own)?;
    let is_new = !own.exists();
    let told = match (guard.exists(), is_new) {
        (true, _) => KEPT.to_owned(),
        // Before the key: a key without a guard is one whose guard was lost.
        (false, true) => {
            make_folder_of(guard)?;
            Guard::create(guard)?;
            "new, as the key is".into()
        }
        (false, false) => LOST.into(),
    };
    if is_new {
        keystore::create(&own, &keystore::generate(), KeyUse::Account, None)?;
    }
    Ok((keystore::install(&own, key)?, told))
}

const KEPT: &str = "on the volume";
const LOST: &str = "lost: the key signs nothing until `blockchat-node guard reset`";

/// A guard is never made where the key may have signed something that is forgotten here.
async fn guard_of_validator(
    home: &Home,
    args: &PodInitArgs,
    guard: &Path,
    genesis: &VerifiedGenesis,
    address: Option<Address>,
) -> Result<String, Failure> {
    if guard.exists() {
        return Ok(KEPT.into());
    }
    if args.no_new_guard || home.path().join("data").join("store.redb").exists() {
        return Ok(LOST.into());
    }
    let nodes = match &args.ask {
        Some(name) => nodes_behind(name).await,
        None => vec![],
    };
    let highest = highest(&nodes, genesis).await;
    let state = match highest {
        None | Some((_, Height(0))) => GuardState::START,
        Some((node, height)) => {
            let voted = match address {
                Some(address) => has_voted(node, &address, height).await?,
                // Of an encrypted key that does not say whose it is, nothing is known.
                None => true,
            };
            if voted {
                return Ok(LOST.into());
            }
            // Others may hold votes for the block being decided.
            GuardState::end_of(height.next())
        }
    };
    make_folder_of(guard)?;
    Guard::create_at(guard, &state)?;
    Ok(match highest {
        None => "new: the chain begins, or nobody answered".into(),
        Some((_, height)) => format!("new: the chain is at {height}, and this key has never voted"),
    })
}

fn make_folder_of(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(file);
    whole_file::create_folder(folder).map_err(|error| Failure::file(folder, "create", &error))
}

/// The APIs behind a name; a name that leads nowhere yet is no error.
async fn nodes_behind(name: &str) -> Vec<Client> {
    let connections = Connections::new(ANSWER_WITHIN);
    let found = tokio::net::lookup_host(name).await.into_iter().flatten();
    found.take(ASKED_MAX).filter_map(|address| connections.to(&address.to_string()).ok()).collect()
}

/// The peer with the highest tip on our chain, and that height.
async fn highest<'a>(nodes: &'a [Client], genesis: &VerifiedGenesis) -> Option<(&'a Client, Height)> {
    let asked = nodes.iter().map(|node| async move { (node, node.status().await) });
    let answers = futures::future::join_all(asked).await;
    let ours = |status: &StatusView| status.genesis_hash == genesis.hash();
    let heights = answers.into_iter().filter_map(|(node, status)| Some((node, status.ok().filter(ours)?.height)));
    heights.max_by_key(|(_, height)| *height)
}

/// Does the chain show that this validator has taken part? It has led one of the last blocks, or signed one of the first or
/// of the last, or was found absent for so long that it is no member any more.
async fn has_voted(node: &Client, address: &Address, tip: Height) -> Result<bool, ClientError> {
    if node.account(address).await?.standing != Standing::Active {
        return Ok(true);
    }
    let last = BlocksRequest { limit: Some(LEADERS), ..BlocksRequest::default() };
    if node.blocks(&last).await?.items.iter().any(|block| block.leader == *address) {
        return Ok(true);
    }
    let ends = (1..=LOOKED_AT.min(tip.0)).chain(tip.0.saturating_sub(LOOKED_AT).max(LOOKED_AT) + 1..=tip.0);
    for height in ends {
        if node.block(height).await?.signers.contains(address) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn shown(told: &PodHome) -> String {
    let address = told.address.map_or("in an encrypted file".into(), |address| address.to_string());
    pairs(&[
        ("pod", told.pod.to_string()),
        ("chain", told.chain.clone()),
        ("genesis", told.genesis_hash.to_string()),
        ("role", told.role.into()),
        ("address", address),
        ("key", told.key.display().to_string()),
        ("guard", told.guard.clone()),
    ])
}
