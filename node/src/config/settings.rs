//! The settings of a node: every choice made, every value checked.

use super::{Announce, ConfigRejected, Layer, LogFormat};
use crate::held_ports::HeldPorts;
use crate::ready_file::Ready;
use blockchat_engine::config::EngineConfig;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Signer;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest wait an operator may set for a round, in ms.
const WAIT_MS_MAX: u64 = 60_000;

/// A node, ready to be started.
#[derive(Clone)]
pub struct Settings {
    /// Its folder: `config.toml genesis.json keys/ wallets/ data/`.
    pub home: PathBuf,
    /// The address of the HTTP API; port 0 takes a free one.
    pub api_listen: SocketAddr,
    /// Names that the API answers to, beside addresses and `localhost`.
    pub allow_hosts: Vec<String>,
    /// Origins of web pages that may ask the API; `*`: any.
    pub allow_origins: Vec<String>,
    /// The addresses for peers, as multiaddresses.
    pub p2p_listen: Vec<String>,
    /// Ports among these that are held for the node since they were chosen.
    pub held: HeldPorts,
    /// Peers to dial, as multiaddresses.
    pub peers: Vec<String>,
    /// Look for peers on the local network?
    pub mdns: bool,
    /// Addresses under which others reach this node, if it cannot know them itself.
    pub external: Vec<String>,
    /// Connect with `peers` only, and look for no others?
    pub only_peers: bool,
    /// Which addresses others are told.
    pub announce_addresses: Announce,
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// The validator of this node; `None`: an observer.
    pub validator: Option<Signer>,
    /// The ed25519 seed of the peer id.
    pub p2p_seed: Zeroizing<[u8; 32]>,
    /// The guard of the validator key.
    pub guard_path: PathBuf,
    /// Written once the node serves, removed when it stops: see [`Ready`].
    pub ready_files: Vec<PathBuf>,
    /// The output of `run` once the node serves; the runtime calls it once, inside its tokio runtime. Must not block.
    pub announce: fn(&Settings, &Ready),
    /// Waits and limits of the engine.
    pub engine: EngineConfig,
    /// The level and form of the log.
    pub log: LogSettings,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("home", &self.home)
            .field("api_listen", &self.api_listen)
            .field("p2p_listen", &self.p2p_listen)
            .field("peers", &self.peers)
            .field("mdns", &self.mdns)
            .field("chain", &self.genesis.short_name())
            .field("validator", &self.validator)
            .field("p2p_seed", &"[secret]")
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The folder of the chain: `store.redb journal own peers.cbor`.
    pub fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }
}

/// The level, form and target of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A `tracing` filter, such as `info` or `warn,blockchat_node::net=debug`.
    pub filter: String,
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// The log file, appended to; `None`: standard error.
    pub file: Option<PathBuf>,
}

/// Files that are read before the settings are complete.
#[derive(Clone)]
pub struct Identity {
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// The validator, if there is one.
    pub validator: Option<Signer>,
    /// The ed25519 seed of the peer id.
    pub p2p_seed: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("chain", &self.genesis.short_name())
            .field("validator", &self.validator)
            .field("p2p_seed", &"[secret]")
            .finish()
    }
}

impl Layer {
    /// Fills in the defaults and checks every value.
    pub fn into_settings(self, home: &Path, identity: Identity) -> Result<Settings, ConfigRejected> {
        let p2p_listen = self.p2p_listen();
        let peers = self.p2p.peers.clone().unwrap_or_default();
        let external = self.p2p.external.clone().unwrap_or_default();
        let allow_hosts = self.api.allow_hosts.clone().unwrap_or_default();
        let allow_origins = self.api.allow_origins.clone().unwrap_or_default();
        check_all("api.allow_hosts", &allow_hosts, host_problem)?;
        check_all("api.allow_origins", &allow_origins, origin_problem)?;
        check_multiaddresses("p2p.listen", &p2p_listen)?;
        check_multiaddresses("p2p.peers", &peers)?;
        check_multiaddresses("p2p.external", &external)?;
        let only_peers = self.p2p.only_peers.unwrap_or(false);
        if only_peers {
            check_peer_ids(&peers)?;
        }
        let announce_addresses = self.p2p.announce.unwrap_or_default();
        let mdns = self.checked_mdns(only_peers, announce_addresses)?;
        Ok(Settings {
            home: home.into(),
            api_listen: self.api_listen(),
            allow_hosts,
            allow_origins,
            p2p_listen,
            held: HeldPorts::default(),
            peers,
            mdns,
            external,
            only_peers,
            announce_addresses,
            genesis: identity.genesis,
            validator: identity.validator,
            p2p_seed: identity.p2p_seed,
            guard_path: self.guard_path(home),
            ready_files: vec![crate::ready_file::path_in(home)],
            announce: |_, _| {},
            engine: self.engine()?,
            log: LogSettings {
                filter: self.log.filter.unwrap_or_else(|| "info".into()),
                format: self.log.format.unwrap_or_default(),
                file: self.log.file.map(|file| home.join(file)),
            },
        })
    }

    /// mDNS looks for strangers, and tells them where we listen: not where neither is wanted.
    fn checked_mdns(&self, only_peers: bool, announce: Announce) -> Result<bool, ConfigRejected> {
        let why = match (only_peers, announce) {
            (true, _) => "p2p.only_peers looks for nobody",
            (false, Announce::None | Announce::External) => "p2p.announce keeps from others where this node listens",
            (false, Announce::All) => return Ok(self.mdns()),
        };
        match self.p2p.mdns {
            Some(true) => Err(ConfigRejected::Value { key: "p2p.mdns", problem: format!("is on, but {why}") }),
            Some(false) | None => Ok(false),
        }
    }

    fn engine(&self) -> Result<EngineConfig, ConfigRejected> {
        let default = EngineConfig::default();
        Ok(EngineConfig {
            propose_ms: wait("rounds.propose_ms", self.rounds.propose_ms, default.propose_ms)?,
            prevote_ms: wait("rounds.prevote_ms", self.rounds.prevote_ms, default.prevote_ms)?,
            precommit_ms: wait("rounds.precommit_ms", self.rounds.precommit_ms, default.precommit_ms)?,
            pool_transactions_max: size(
                "pool.transactions_max",
                self.pool.transactions_max,
                default.pool_transactions_max,
            )?,
            pool_bytes_max: size("pool.bytes_max", self.pool.bytes_max, default.pool_bytes_max)?,
            ..default
        })
    }
}

fn check_all(key: &'static str, all: &[String], problem: fn(&str) -> Option<&str>) -> Result<(), ConfigRejected> {
    match all.iter().find_map(|one| Some((one, problem(one)?))) {
        Some((wrong, problem)) => Err(ConfigRejected::Value { key, problem: format!("holds {wrong:?}, {problem}") }),
        None => Ok(()),
    }
}

/// Why this is no name of a machine; nothing if it is one.
fn host_problem(name: &str) -> Option<&'static str> {
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inside)
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_name = name.len() <= 253 && name.split('.').all(label);
    (!is_name).then_some("which is no name of a machine such as node.example: no scheme, no port, no `*`")
}

/// Why this is no origin of web pages; nothing if it is one.
fn origin_problem(origin: &str) -> Option<&'static str> {
    let authority = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    let is_origin = authority.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let is_origin = is_origin.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain));
    (origin != "*" && !is_origin).then_some("which is no origin such as https://wallet.example, or `*` for every page")
}

/// Only the form: `net` understands them, and says what is wrong when it listens or dials.
fn check_multiaddresses(key: &'static str, addresses: &[String]) -> Result<(), ConfigRejected> {
    match addresses.iter().find(|address| !address.starts_with('/')) {
        Some(wrong) => {
            let problem = format!("holds {wrong:?}, which is not a multiaddress such as /ip4/192.168.1.7/tcp/7475");
            Err(ConfigRejected::Value { key, problem })
        }
        None => Ok(()),
    }
}

/// Configured peers are admitted by the id in their address.
fn check_peer_ids(peers: &[String]) -> Result<(), ConfigRejected> {
    match peers.iter().find(|address| !address.contains("/p2p/")) {
        Some(wrong) => {
            let problem = format!("holds {wrong}, but p2p.only_peers needs each peer's id: {wrong}/p2p/12D3Koo...");
            Err(ConfigRejected::Value { key: "p2p.peers", problem })
        }
        None => Ok(()),
    }
}

fn wait(key: &'static str, chosen: Option<u64>, default: u64) -> Result<u64, ConfigRejected> {
    match chosen.unwrap_or(default) {
        found if found == 0 || found > WAIT_MS_MAX => {
            Err(ConfigRejected::Value { key, problem: format!("is {found}, but must be 1 to {WAIT_MS_MAX} ms") })
        }
        found => Ok(found),
    }
}

fn size(key: &'static str, chosen: Option<usize>, default: usize) -> Result<usize, ConfigRejected> {
    match chosen.unwrap_or(default) {
        0 => Err(ConfigRejected::Value { key, problem: "must not be 0".into() }),
        found => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Layer {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn waits_and_sizes_out_of_range_name_their_key() {
        let wrong = parse("[rounds]\npropose_ms = 0\n").engine().unwrap_err();
        assert!(wrong.to_string().contains("rounds.propose_ms"), "{wrong}");
        let wrong = parse("[pool]\nbytes_max = 0\n").engine().unwrap_err();
        assert!(wrong.to_string().contains("pool.bytes_max"), "{wrong}");
    }

    #[test]
    fn names_and_origins_are_checked_before_the_node_starts() {
        for (name, good) in [
            ("node.example", true),
            ("blockchat_0.", true),
            ("localhost", true),
            ("http://node.example", false),
            ("node.example:80", false),
            ("*", false),
            ("a..b", false),
            ("", false),
        ] {
            assert_eq!(host_problem(name).is_none(), good, "{name}");
        }
        for (origin, good) in [
            ("https://wallet.example", true),
            ("http://127.0.0.1:8000/", true),
            ("http://[::1]:8000", true),
            ("*", true),
            ("wallet.example", false),
            ("https://", false),
            ("https://wallet.example/page", false),
            ("null", false),
        ] {
            assert_eq!(origin_problem(origin).is_none(), good, "{origin}");
        }
        let wrong = check_all("api.allow_hosts", &["a b".into()], host_problem).unwrap_err();
        assert!(wrong.to_string().contains("a b"), "{wrong}");
    }

    #[test]
    fn a_private_network_needs_the_ids_of_its_peers_and_looks_for_nobody() {
        let with_id = "/ip4/10.0.0.1/tcp/7475/p2p/12D3KooWJ".to_string();
        check_peer_ids(std::slice::from_ref(&with_id)).unwrap();
        let wrong = check_peer_ids(&[with_id, "/ip4/10.0.0.2/tcp/7475".into()]).unwrap_err().to_string();
        assert!(wrong.contains("/ip4/10.0.0.2/tcp/7475/p2p/"), "{wrong}");
        let mdns = |text: &str, only_peers, announce| parse(text).checked_mdns(only_peers, announce);
        assert!(mdns("", false, Announce::All).unwrap());
        assert!(!mdns("", true, Announce::All).unwrap());
        assert!(!mdns("", false, Announce::External).unwrap());
        assert!(mdns("[p2p]\nmdns = true\n", true, Announce::All).is_err());
        assert!(mdns("[p2p]\nmdns = true\n", false, Announce::None).is_err());
    }

    #[test]
    fn an_address_that_is_no_multiaddress_is_refused() {
        let wrong = check_multiaddresses("p2p.peers", &["localhost:7475".into()]).unwrap_err();
        assert!(wrong.to_string().contains("localhost:7475"), "{wrong}");
    }
}
