//! `run`: settings from flags, environment and file; a new development chain if there is no chain; then the runtime.

use super::args::{ApiArg, PassphraseArg, RunArgs, ShellArgs, Switch};
use super::dev_chain;
use super::failure::Failure;
use super::greeting::greeting;
use super::home::{Home, LOG_FILE_WITH_SHELL};
use super::join::{self, Start};
use super::messages::index::Entry;
use super::messages::seals::Seals;
use super::names::Names;
use super::output::{Format, json, note, quoted};
use super::passphrase::Keyring;
use super::{passphrase, ports};
use crate::config::{Announce, ApiLayer, Identity, KeysLayer, Layer, LogLayer, P2pLayer, Settings};
use crate::held_ports::HeldPorts;
use crate::net::SearchConfig;
use crate::ready_file::Ready;
use crate::shell::arrivals::{Arrival, Arrivals};
use crate::shell::{session, shown};
use crate::wallet::keystore::{self, KeyUse};
use blockchat_client::Client;
use blockchat_host::stream::{self, Stream};
use blockchat_host::text;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Signer;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::path::Path;
use zeroize::Zeroizing;

/// Runs the node until it is told to stop.
pub(crate) fn run(home: &Home, args: RunArgs, format: Format) -> Result<(), Failure> {
    let (shell, inbox) = (args.shell, args.inbox);
    let mut settings = settings(home, args, format)?;
    let follows = inbox.map_or_else(|| Stream::Output.is_terminal(), |switch| switch == Switch::On);
    settings.announce = match (format, shell, follows) {
        (Format::Json, _, _) => |_, ready| tell(text::json(&json(ready)).into_owned()),
        (Format::Table, true, _) => with_shell,
        (Format::Table, false, true) => with_inbox,
        (Format::Table, false, false) => announce,
    };
    let terminal = Terminal::as_it_is();
    let ended = crate::runtime::run(settings);
    // The line editor of a prompt may still be reading.
    terminal.restore();
    Ok(ended?)
}

/// Everything the runtime needs, read and checked.
fn settings(home: &Home, args: RunArgs, format: Format) -> Result<Settings, Failure> {
    let Start { genesis, met } = start(home, &args, format)?;
    let (ready_file, passphrase, shell) = (args.ready_file.clone(), args.passphrase.clone(), args.shell);
    let mut layer = layer_of(args).over(home.config()?);
    let held = HeldPorts::default();
    ports::choose(&mut layer, &held).iter().for_each(|said| note(said));
    layer.p2p.peers.get_or_insert_default().extend(met);
    if shell {
        layer.log.file.get_or_insert_with(|| LOG_FILE_WITH_SHELL.into());
    }
    let identity = identity(home.path(), &layer, genesis, &passphrase)?;
    let mut settings = Settings { held, ..layer.into_settings(home.path(), identity)? };
    settings.ready_files.extend(ready_file);
    Ok(settings)
}

/// The chain of the home; else one that is found; else one of its own.
fn start(home: &Home, args: &RunArgs, format: Format) -> Result<Start, Failure> {
    if let Some(own) = home.genesis()? {
        return Ok(Start { genesis: join::check_demanded(home, own, &args.join)?, met: vec![] });
    }
    if args.join.join {
        let layer = layer_of(args.clone()).over(home.config()?);
        let mdns = layer.mdns();
        let nearby = if mdns { ports::usual_places() } else { vec![] };
        let search = SearchConfig { peers: layer.p2p.peers.unwrap_or_default(), nearby, mdns };
        return join::join(home, &args.join, &search, format);
    }
    if args.join.genesis.is_some() || args.join.chain.is_some() {
        let cause = format!("{} has no chain yet", home.path().display());
        return Err(Failure::usage(cause, "add --join to look for the chain, or copy its genesis.json into the home"));
    }
    own_chain(home, args).map(|genesis| Start { genesis, met: vec![] })
}

/// A folder that was named and holds no chain may be mistyped: what looks like it is refused, and the rest is said.
fn own_chain(home: &Home, args: &RunArgs) -> Result<VerifiedGenesis, Failure> {
    if args.dev || home.is_usual() {
        return dev_chain::create(home, args.share);
    }
    dev_chain::refuse_used(home)?;
    let folder = quoted(&home.path().display().to_string());
    let begin = format!("to begin a chain of your own: blockchat-node run --dev --home {folder}");
    let cause = format!("{} holds no chain", home.path().display());
    let refused = |next: String| Err(Failure::new(cause.clone(), next).coded("no_home"));
    if let Some(meant) = home.resembled() {
        let meant = quoted(&meant.display().to_string());
        return refused(format!("did you mean --home {meant}? {begin}"));
    }
    if home.is_by_variable() || !home.path().parent().is_some_and(Path::is_dir) {
        return refused(format!("check --home and BLOCKCHAT_HOME; to join a chain that is there, add --join; {begin}"));
    }
    note(&format!("{cause}: a chain of your own begins there; if you meant another home, stop the node and name it"));
    dev_chain::create(home, args.share)
}

/// Flags and environment as a layer.
fn layer_of(args: RunArgs) -> Layer {
    // An empty variable means an empty list, not one empty address.
    let list = |given: Option<Vec<String>>| given.map(|all| all.into_iter().filter(|one| !one.is_empty()).collect());
    let keeps_apart = args.only_peers || args.announce.is_some_and(|announce| announce != Announce::All);
    let mdns = match (args.no_mdns, args.mdns) {
        (true, _) => Some(false),
        (false, Some(switch)) => Some(switch == Switch::On),
        // Said here, it also holds against a file that says otherwise.
        (false, None) => keeps_apart.then_some(false),
    };
    Layer {
        api: ApiLayer { listen: args.api, allow_hosts: list(args.allow_host), allow_origins: list(args.allow_origin) },
        p2p: P2pLayer {
            share: args.share.then_some(true),
            listen: list(args.listen),
            peers: list(args.peer),
            mdns,
            external: list(args.external),
            only_peers: args.only_peers.then_some(true),
            announce: args.announce,
        },
        keys: KeysLayer { validator: args.validator_key.map(absolute), p2p: None, guard: args.guard.map(absolute) },
        log: LogLayer { filter: args.log, format: args.log_format, file: args.log_file.map(absolute) },
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

/// A peer key holds no money: a missing one is made.
fn peer_key(path: &Path) -> Result<Signer, Failure> {
    if path.exists() {
        return Ok(keystore::load(path, None)?);
    }
    let signer = keystore::generate();
    keystore::create(path, &signer, KeyUse::Peer, None)?;
    Ok(signer)
}

/// Tells the person at the terminal where everything is.
fn announce(settings: &Settings, ready: &Ready) {
    let (settings, ready) = (settings.clone(), ready.clone());
    tokio::spawn(async move { tell(greeting(&settings, &ready).await) });
}

/// The same, and then what comes to the wallets of the home.
fn with_inbox(settings: &Settings, ready: &Ready) {
    let (settings, ready) = (settings.clone(), ready.clone());
    tokio::spawn(async move {
        let client = Client::new(&ready.api);
        let tip = match &client {
            Ok(client) => client.status().await.ok().map(|status| status.height),
            Err(_) => None,
        };
        tell(greeting(&settings, &ready).await);
        let Ok(home) = Home::locate(Some(settings.home.clone())) else { return };
        let (Ok(names), Ok(client), Some(tip)) = (Names::of(&home), client, tip) else { return };
        let mut keys = Keyring::default();
        // The key of the node is open already.
        if let (Some(validator), Ok(path)) = (&settings.validator, home.validator_path()) {
            keys.keep(path, validator.clone());
        }
        let seals = Seals::quiet(&home, settings.genesis.hash(), &PassphraseArg::default());
        let mut arrivals = Arrivals::after(client, names.own_accounts(), tip);
        loop {
            let Arrival { account, what } = arrivals.next().await;
            let Entry { view, closed } = seals.entry(&mut keys, what);
            // Contacts may have been added meanwhile.
            let names = Names::of(&home).unwrap_or_default();
            tell(shown::line(&view, closed.as_deref(), &account, &names));
        }
    });
}

/// The same, and then a prompt on a thread of its own. Its end is that of the node.
fn with_shell(settings: &Settings, ready: &Ready) {
    let (settings, ready, runtime) = (settings.clone(), ready.clone(), tokio::runtime::Handle::current());
    let work = move || {
        stream::say(&runtime.block_on(greeting(&settings, &ready)));
        let args = ShellArgs { api: ApiArg { api: Some(ready.api.clone()) }, ..ShellArgs::default() };
        let home = Home::locate(Some(settings.home.clone()));
        let ended = home.and_then(|home| super::wait_for(session::shell(&home, args, Format::Table)));
        if let Err(refused) = ended {
            note(&refused.told());
        }
        // It fails only if we are gone.
        _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
    };
    if let Err(error) = std::thread::Builder::new().name("shell".into()).spawn(work) {
        note(&format!("error: there can be no prompt: {error}\n next: blockchat-node shell, in another terminal"));
    }
}

/// The state of the terminal before a line editor changed it.
struct Terminal(Option<Termios>);

impl Terminal {
    fn as_it_is() -> Self {
        Self(tcgetattr(std::io::stdin()).ok())
    }

    fn restore(&self) {
        if let Some(before) = &self.0 {
            // A terminal that is gone needs nothing.
            _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// A remark on the way, not what the node is for: it runs without a reader of its output.
fn tell(text: String) {
    // The stream may be full, and its reader may be gone.
    tokio::task::spawn_blocking(move || {
        if let Err(error) = stream::try_say(&text) {
            tracing::warn!(%error, "cannot write the addresses of the node to standard output");
        }
    });
}
