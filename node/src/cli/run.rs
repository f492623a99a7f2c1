//! `run`: settings from flags, environment and file; a development chain where there is none; then the runtime.

use super::args::{PassphraseArg, RunArgs, Switch};
use super::dev_chain;
use super::failure::Failure;
use super::home::Home;
use super::join;
use super::names::Names;
use super::output::{Format, bcc, json, pairs};
use super::passphrase;
use crate::config::{ApiLayer, Identity, KeysLayer, Layer, LogLayer, MDNS_DEFAULT, P2pLayer, Settings};
use crate::net::SearchConfig;
use crate::ready_file::Ready;
use crate::wallet::keystore::{self, KeyUse};
use blockchat_client::Client;
use blockchat_host::{stream, text};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Signer;
use std::path::Path;
use zeroize::Zeroizing;

/// Runs the node until it is told to stop.
pub(crate) fn run(home: &Home, args: RunArgs, format: Format) -> Result<(), Failure> {
    let mut settings = settings(home, args, format)?;
    settings.announce = match format {
        Format::Table => announce,
        Format::Json => |_, ready| tell(text::json(&json(ready)).into_owned()),
    };
    Ok(crate::runtime::run(settings)?)
}

/// Everything the runtime needs, read and checked.
fn settings(home: &Home, args: RunArgs, format: Format) -> Result<Settings, Failure> {
    let genesis = genesis(home, &args, format)?;
    let ready_file = args.ready_file.clone();
    let passphrase = args.passphrase.clone();
    let layer = layer_of(args).over(home.config()?);
    let identity = identity(home.path(), &layer, genesis, &passphrase)?;
    let mut settings = layer.into_settings(home.path(), identity)?;
    settings.ready_files.extend(ready_file);
    Ok(settings)
}

/// The chain of the home; else one that is found; else one of its own.
fn genesis(home: &Home, args: &RunArgs, format: Format) -> Result<VerifiedGenesis, Failure> {
    let demanded = args.join.genesis;
    match home.genesis()? {
        Some(own) => join::check_demanded(home, own, demanded),
        None if args.join.join => {
            let layer = layer_of(args.clone()).over(home.config()?);
            let search = SearchConfig {
                peers: layer.p2p.peers.unwrap_or_default(),
                mdns: layer.p2p.mdns.unwrap_or(MDNS_DEFAULT),
            };
            join::join(home, &args.join, &search, format)
        }
        None if demanded.is_some() => {
            let cause = format!("{} has no chain yet", home.path().display());
            Err(Failure::usage(cause, "add --join to look for the chain, or copy its genesis.json into the home"))
        }
        None => dev_chain::create(home),
    }
}

/// Flags and environment as a layer.
fn layer_of(args: RunArgs) -> Layer {
    // An empty variable means an empty list, not one empty address.
    let list = |given: Option<Vec<String>>| given.map(|all| all.into_iter().filter(|one| !one.is_empty()).collect());
    let mdns = match (args.no_mdns, args.mdns) {
        (true, _) => Some(false),
        (false, switch) => switch.map(|switch| switch == Switch::On),
    };
    Layer {
        api: ApiLayer { listen: args.api, allow_hosts: list(args.allow_host), allow_origins: list(args.allow_origin) },
        p2p: P2pLayer { listen: list(args.listen), peers: list(args.peer), mdns, external: list(args.external) },
        keys: KeysLayer { validator: args.validator_key.map(absolute), p2p: None, guard: args.guard.map(absolute) },
        log: LogLayer { filter: args.log, format: args.log_format },
        ..Layer::default()
    }
}

/// Paths on the command line are relative to where it was typed, not to the home.
fn absolute(path: std::path::PathBuf) -> std::path::PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn identity(
    home: &Path,
    layer: &Layer,
    genesis: VerifiedGenesis,
    passphrase: &PassphraseArg,
) -> Result<Identity, Failure> {
    let named = layer.keys.validator.is_some();
    let path = layer.validator_path(home);
    let validator = if named || path.exists() { Some(passphrase::open(&path, passphrase)?) } else { None };
    let p2p = peer_key(&layer.p2p_path(home))?;
    let p2p_seed = Zeroizing::new(p2p.signing_key().to_bytes());
    Ok(Identity { genesis, validator, p2p_seed })
}

/// A peer key is nobody's money: one that is missing is made.
fn peer_key(path: &Path) -> Result<Signer, Failure> {
    if path.exists() {
        return Ok(keystore::load(path, None)?);
    }
    let signer = keystore::generate();
    keystore::create(path, &signer, KeyUse::Peer, None)?;
    Ok(signer)
}

/// Tells the person at the terminal where everything is, with the balance as the node sees it.
fn announce(settings: &Settings, ready: &Ready) {
    let (settings, ready) = (settings.clone(), ready.clone());
    tokio::spawn(async move { tell(announcement(&settings, &ready).await) });
}

/// A remark on the way, not what the node is for: it runs without a reader of its output.
fn tell(text: String) {
    // The stream may be full, and nobody may read it.
    tokio::task::spawn_blocking(move || {
        if let Err(error) = stream::try_say(&text) {
            tracing::warn!(%error, "where the node is reached could not be written to standard output");
        }
    });
}

async fn announcement(settings: &Settings, ready: &Ready) -> String {
    let home = settings.home.display();
    let client = Client::new(&ready.api);
    let wallet = match (&settings.validator, client) {
        (Some(signer), Ok(client)) => {
            let balance = client.account(&signer.address()).await.map(|account| account.balance);
            let names = Home::locate(Some(settings.home.clone())).and_then(|home| Names::of(&home)).unwrap_or_default();
            let spendable = balance.map(|balance| format!(", {} to spend", bcc(balance))).unwrap_or_default();
            let name = names.name(&signer.address()).map(|name| format!("{name}, ")).unwrap_or_default();
            format!("{name}{}{spendable}", signer.address())
        }
        _ => "none: this node observes and does not vote".into(),
    };
    let lines = pairs(&[
        ("chain", settings.genesis.short_name()),
        ("api", ready.api.clone()),
        ("peers", ready.listen.join(" ")),
        ("wallet", wallet),
        ("data", settings.home.display().to_string()),
    ]);
    let flag = if is_default_home(&settings.home) { String::new() } else { format!(" --home {home}") };
    // An observer has nothing to send yet.
    let tries: &[&str] = match settings.validator {
        Some(_) => &["status", "wallet new bob --no-passphrase", "send bob 5 -m \"Hello Bob\"", "balance bob"],
        None => &["status", "peers", "wallet new bob --no-passphrase", "inbox"],
    };
    let tries: String = tries.iter().map(|words| format!("  blockchat-node {words}{flag}\n")).collect();
    format!(
        "BlockChat {} is running; Ctrl-C stops it\n\n{lines}\ntry in another terminal:\n{tries}",
        env!("CARGO_PKG_VERSION")
    )
}

fn is_default_home(home: &Path) -> bool {
    Home::locate(std::env::var_os("BLOCKCHAT_HOME").map(Into::into)).is_ok_and(|default| default.path() == home)
}
