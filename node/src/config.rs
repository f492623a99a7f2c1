//! Settings: everything an operator chooses, parsed once and validated.
//!
//! Owns: `config.toml` (unknown keys are refused), the order of precedence, the defaults. Does not own: reading keys and
//! the genesis (`cli::home`), the meaning of multiaddresses (`net`).
//!
//! Always true: flags win over environment variables, those over `config.toml`, that over the defaults beside the fields;
//! nothing after [`Settings`] reads a configuration file or the environment.
//! Start reading at [`Layer`].

use crate::ready_file::Ready;
use blockchat_engine::config::EngineConfig;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Signer;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the API listens unless told otherwise: this machine only.
pub const API_LISTEN_DEFAULT: &str = "127.0.0.1:7474";
/// Where peers are listened for unless told otherwise: every interface, so that a LAN works.
pub const P2P_LISTEN_DEFAULT: &str = "/ip4/0.0.0.0/tcp/7475";
/// Whether a node looks around on the local network unless told otherwise.
pub const MDNS_DEFAULT: bool = true;
/// Largest file of settings, in bytes: a guard against pointing at something else.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;
/// Longest wait an operator may set for a round, in ms.
const WAIT_MS_MAX: u64 = 60_000;

/// A node, ready to be started.
#[derive(Clone)]
pub struct Settings {
    /// Its folder: `config.toml genesis.json keys/ wallets/ data/`.
    pub home: PathBuf,
    /// Where the HTTP API listens; port 0 takes a free one.
    pub api_listen: SocketAddr,
    /// Where peers are listened for, as multiaddresses.
    pub p2p_listen: Vec<String>,
    /// Peers to dial, as multiaddresses.
    pub peers: Vec<String>,
    /// Look for peers on the local network?
    pub mdns: bool,
    /// Addresses under which others reach this node, if it cannot know them itself.
    pub external: Vec<String>,
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// Who votes here; `None`: an observer.
    pub validator: Option<Signer>,
    /// The ed25519 seed of the peer id.
    pub p2p_seed: Zeroizing<[u8; 32]>,
    /// The guard of the validator key.
    pub guard_path: PathBuf,
    /// Written once the node serves, removed when it stops: see [`Ready`].
    pub ready_files: Vec<PathBuf>,
    /// What `run` says once the node serves; the runtime calls it once, inside its tokio runtime. Must not block.
    pub announce: fn(&Settings, &Ready),
    /// Waits and limits of the engine.
    pub engine: EngineConfig,
    /// What is logged, and how.
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
    /// Where the chain lives: `store.redb journal own peers.cbor`.
    pub fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }
}

/// What is logged to standard error, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A `tracing` filter, such as `info` or `warn,blockchat_node::net=debug`.
    pub filter: String,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// One layer of choices; what is absent is left to the layer below. As a file it is `config.toml`; flags (with
/// environment variables folded in by clap) are another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layer {
    /// The HTTP API.
    pub api: ApiLayer,
    /// The peer-to-peer side.
    pub p2p: P2pLayer,
    /// Where keys are, if not under `keys/`.
    #[serde(skip_serializing_if = "is_default")]
    pub keys: KeysLayer,
    /// Logging.
    #[serde(skip_serializing_if = "is_default")]
    pub log: LogLayer,
    /// Local limits of the pool.
    #[serde(skip_serializing_if = "is_default")]
    pub pool: PoolLayer,
    /// Waits of the voting rounds.
    #[serde(skip_serializing_if = "is_default")]
    pub rounds: RoundsLayer,
}

fn is_default<T: Default + PartialEq>(section: &T) -> bool {
    *section == T::default()
}

/// `[api]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiLayer {
    /// Address and port, [`API_LISTEN_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

/// `[p2p]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct P2pLayer {
    /// Multiaddresses, [`P2P_LISTEN_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Vec<String>>,
    /// Multiaddresses, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<String>>,
    /// Yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdns: Option<bool>,
    /// Multiaddresses, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<Vec<String>>,
}

/// `[keys]`: paths, relative to the home.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysLayer {
    /// `keys/validator.pem`; a node without this file is an observer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validator: Option<PathBuf>,
    /// `keys/p2p.pem`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p2p: Option<PathBuf>,
    /// `keys/guard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<PathBuf>,
}

/// `[log]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogLayer {
    /// `info`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<LogFormat>,
}

/// `[pool]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolLayer {
    /// Most pooled transactions, 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions_max: Option<usize>,
    /// Most bytes of them, 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<usize>,
}

/// `[rounds]`: the first round's waits, in ms; each later round waits a little longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoundsLayer {
    /// For a proposal, beyond the block interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propose_ms: Option<u64>,
    /// For more prevotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevote_ms: Option<u64>,
    /// For more precommits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precommit_ms: Option<u64>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigRejected {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not TOML, or a key that does not exist.
    #[error("{path}: {reason}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, key and cause.
        reason: String,
    },
    /// A value out of its range.
    #[error("{key} {problem}")]
    Value {
        /// As it is called in `config.toml`.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// What is read from files before a node can be described.
#[derive(Clone)]
pub struct Identity {
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// Who votes here, if anybody.
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
    /// Reads `config.toml`; a file that is not there is an empty layer.
    pub fn read(path: &Path) -> Result<Self, ConfigRejected> {
        let failed = |source| ConfigRejected::Read { path: path.into(), source };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
            Ok(found) if found.len() > CONFIG_BYTES_MAX => {
                let reason = format!("{} bytes are too long for a configuration", found.len());
                return Err(ConfigRejected::Syntax { path: path.into(), reason });
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        toml::from_str(&text)
            .map_err(|error| ConfigRejected::Syntax { path: path.into(), reason: error.to_string().trim_end().into() })
    }

    /// This layer on top of `below`: what is chosen here wins, lists as a whole.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            api: ApiLayer { listen: self.api.listen.or(below.api.listen) },
            p2p: P2pLayer {
                listen: self.p2p.listen.or(below.p2p.listen),
                peers: self.p2p.peers.or(below.p2p.peers),
                mdns: self.p2p.mdns.or(below.p2p.mdns),
                external: self.p2p.external.or(below.p2p.external),
            },
            keys: KeysLayer {
                validator: self.keys.validator.or(below.keys.validator),
                p2p: self.keys.p2p.or(below.keys.p2p),
                guard: self.keys.guard.or(below.keys.guard),
            },
            log: LogLayer {
                filter: self.log.filter.or(below.log.filter),
                format: self.log.format.or(below.log.format),
            },
            pool: PoolLayer {
                transactions_max: self.pool.transactions_max.or(below.pool.transactions_max),
                bytes_max: self.pool.bytes_max.or(below.pool.bytes_max),
            },
            rounds: RoundsLayer {
                propose_ms: self.rounds.propose_ms.or(below.rounds.propose_ms),
                prevote_ms: self.rounds.prevote_ms.or(below.rounds.prevote_ms),
                precommit_ms: self.rounds.precommit_ms.or(below.rounds.precommit_ms),
            },
        }
    }

    /// Where the API listens.
    pub fn api_listen(&self) -> SocketAddr {
        self.api.listen.unwrap_or_else(|| API_LISTEN_DEFAULT.parse().expect("the default is an address and port"))
    }

    /// Path of the validator key under this home.
    pub fn validator_path(&self, home: &Path) -> PathBuf {
        home.join(self.keys.validator.as_deref().unwrap_or(Path::new("keys/validator.pem")))
    }

    /// Path of the peer key under this home.
    pub fn p2p_path(&self, home: &Path) -> PathBuf {
        home.join(self.keys.p2p.as_deref().unwrap_or(Path::new("keys/p2p.pem")))
    }

    /// Path of the guard under this home.
    pub fn guard_path(&self, home: &Path) -> PathBuf {
        home.join(self.keys.guard.as_deref().unwrap_or(Path::new("keys/guard")))
    }

    /// Fills in the defaults and checks every value.
    pub fn into_settings(self, home: &Path, identity: Identity) -> Result<Settings, ConfigRejected> {
        let p2p_listen = self.p2p.listen.clone().unwrap_or_else(|| vec![P2P_LISTEN_DEFAULT.into()]);
        let peers = self.p2p.peers.clone().unwrap_or_default();
        let external = self.p2p.external.clone().unwrap_or_default();
        check_multiaddresses("p2p.listen", &p2p_listen)?;
        check_multiaddresses("p2p.peers", &peers)?;
        check_multiaddresses("p2p.external", &external)?;
        Ok(Settings {
            home: home.into(),
            api_listen: self.api_listen(),
            p2p_listen,
            peers,
            mdns: self.p2p.mdns.unwrap_or(MDNS_DEFAULT),
            external,
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
            },
        })
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

/// Only the form: `net` understands them, and says what is wrong when it listens or dials.
fn check_multiaddresses(key: &'static str, addresses: &[String]) -> Result<(), ConfigRejected> {
    match addresses.iter().find(|address| !address.starts_with('/')) {
        Some(wrong) => {
            let problem = format!("holds {wrong:?}, which is no multiaddress such as /ip4/192.168.1.7/tcp/7475");
            Err(ConfigRejected::Value { key, problem })
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

    fn parse(text: &str) -> Result<Layer, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_key_that_does_not_exist_is_refused_by_name() {
        let refused = parse("[api]\nlisen = \"127.0.0.1:1\"\n").unwrap_err().to_string();
        assert!(refused.contains("lisen"), "{refused}");
        assert!(parse("[apy]\n").is_err());
    }

    #[test]
    fn the_upper_layer_wins_key_by_key() {
        let file = parse("[p2p]\nmdns = false\npeers = [\"/dns4/a/tcp/1\"]\n[log]\nfilter = \"warn\"\n").unwrap();
        let flags = Layer { p2p: P2pLayer { peers: Some(vec![]), ..P2pLayer::default() }, ..Layer::default() };
        let merged = flags.over(file);
        assert_eq!(merged.p2p.peers, Some(vec![]));
        assert_eq!(merged.p2p.mdns, Some(false));
        assert_eq!(merged.log.filter.as_deref(), Some("warn"));
        assert_eq!(merged.api_listen().port(), 7474);
    }

    #[test]
    fn waits_and_sizes_out_of_range_name_their_key() {
        let wrong = parse("[rounds]\npropose_ms = 0\n").unwrap().engine().unwrap_err();
        assert!(wrong.to_string().contains("rounds.propose_ms"), "{wrong}");
        let wrong = parse("[pool]\nbytes_max = 0\n").unwrap().engine().unwrap_err();
        assert!(wrong.to_string().contains("pool.bytes_max"), "{wrong}");
    }

    #[test]
    fn an_address_that_is_no_multiaddress_is_refused() {
        let wrong = check_multiaddresses("p2p.peers", &["localhost:7475".into()]).unwrap_err();
        assert!(wrong.to_string().contains("localhost:7475"), "{wrong}");
    }

    #[test]
    fn a_written_layer_reads_back() {
        let layer = parse("[api]\nlisten = \"127.0.0.1:9\"\n[p2p]\nlisten = [\"/ip4/0.0.0.0/tcp/8\"]\n").unwrap();
        assert_eq!(parse(&toml::to_string(&layer).unwrap()).unwrap(), layer);
    }
}
