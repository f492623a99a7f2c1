//! The choices of one source: the file, or the command line with the environment.

use blockchat_host::text;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The default address of the API: this machine only.
pub const API_LISTEN_DEFAULT: &str = "127.0.0.1:7474";
/// The default addresses for peers: every interface, so that a LAN works.
pub const P2P_LISTEN_DEFAULT: &str = "/ip4/0.0.0.0/tcp/7475";
/// The same for a node that is not shared.
pub const P2P_LISTEN_ALONE: &str = "/ip4/127.0.0.1/tcp/7475";
/// Largest file of settings, in bytes: a guard against pointing at something else.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// One layer of choices; what is absent is left to the layer below. As a file it is `config.toml`; flags (with
/// environment variables folded in by clap) are another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layer {
    /// The HTTP API.
    pub api: ApiLayer,
    /// The peer-to-peer side.
    pub p2p: P2pLayer,
    /// The folder of the keys, if it is not `keys/`.
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
    /// Names that the API answers to, beside addresses and `localhost`; none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_hosts: Option<Vec<String>>,
    /// Origins of web pages that may ask the API, such as `https://wallet.example`, or `*`; none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_origins: Option<Vec<String>>,
}

/// `[p2p]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct P2pLayer {
    /// May other machines reach this node? It says what `listen` and `mdns` are where these are not named: `true`, the
    /// default, is [`P2P_LISTEN_DEFAULT`] and yes; `false` is [`P2P_LISTEN_ALONE`] and no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<bool>,
    /// Multiaddresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Vec<String>>,
    /// Multiaddresses, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<String>>,
    /// Look for peers on the local network?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdns: Option<bool>,
    /// Multiaddresses, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<Vec<String>>,
    /// No: any peer of the chain may connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_peers: Option<bool>,
    /// [`Announce::All`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announce: Option<Announce>,
}

/// Which of its own addresses a node tells others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Announce {
    /// None: peers reach the node only at addresses that they are configured with
    None,
    /// Only those given with --external
    External,
    /// Those given with --external, and all listen addresses
    #[default]
    All,
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
    /// Standard error, unless a file is named; relative to the home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
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

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigRejected {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
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
        /// The fault.
        problem: String,
    },
}

impl Layer {
    /// Reads `config.toml`; a file that is not there is an empty layer.
    pub fn read(path: &Path) -> Result<Self, ConfigRejected> {
        let text = match text::read(path, CONFIG_BYTES_MAX) {
            Ok(text) => text,
            Err(error) => match error.kind() {
                ErrorKind::NotFound => return Ok(Self::default()),
                ErrorKind::InvalidData => {
                    return Err(ConfigRejected::Syntax { path: path.into(), reason: error.to_string() });
                }
                _ => return Err(ConfigRejected::Read { path: path.into(), source: error }),
            },
        };
        toml::from_str(&text)
            .map_err(|error| ConfigRejected::Syntax { path: path.into(), reason: error.to_string().trim_end().into() })
    }

    /// This layer on top of `below`: what is chosen here wins, lists as a whole.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            api: ApiLayer {
                listen: self.api.listen.or(below.api.listen),
                allow_hosts: self.api.allow_hosts.or(below.api.allow_hosts),
                allow_origins: self.api.allow_origins.or(below.api.allow_origins),
            },
            p2p: self.p2p.over(below.p2p),
            keys: KeysLayer {
                validator: self.keys.validator.or(below.keys.validator),
                p2p: self.keys.p2p.or(below.keys.p2p),
                guard: self.keys.guard.or(below.keys.guard),
            },
            log: LogLayer {
                filter: self.log.filter.or(below.log.filter),
                format: self.log.format.or(below.log.format),
                file: self.log.file.or(below.log.file),
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

    /// The addresses for peers.
    pub fn p2p_listen(&self) -> Vec<String> {
        let default = if self.is_shared() { P2P_LISTEN_DEFAULT } else { P2P_LISTEN_ALONE };
        self.p2p.listen.clone().unwrap_or_else(|| vec![default.into()])
    }

    /// Is the local network searched for peers? Not if the node looks for none, or announces no address.
    pub fn mdns(&self) -> bool {
        let looks = !self.p2p.only_peers.unwrap_or(false) && self.p2p.announce.unwrap_or_default() == Announce::All;
        self.p2p.mdns.unwrap_or(self.is_shared() && looks)
    }

    fn is_shared(&self) -> bool {
        self.p2p.share.unwrap_or(true)
    }

    /// The address of the API.
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
}

impl P2pLayer {
    /// A layer that shares, or stops sharing, takes the place of what the layer below says about the same thing.
    fn over(self, below: Self) -> Self {
        let (listen, mdns) = if self.share.is_some() { (None, None) } else { (below.listen, below.mdns) };
        Self {
            share: self.share.or(below.share),
            listen: self.listen.or(listen),
            peers: self.peers.or(below.peers),
            mdns: self.mdns.or(mdns),
            external: self.external.or(below.external),
            only_peers: self.only_peers.or(below.only_peers),
            announce: self.announce.or(below.announce),
        }
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
    fn to_share_opens_the_node_and_its_discovery_and_what_is_named_still_wins() {
        let alone = parse("[p2p]\nshare = false\n").unwrap();
        assert_eq!((alone.p2p_listen(), alone.mdns()), (vec![P2P_LISTEN_ALONE.to_owned()], false));
        assert_eq!((Layer::default().p2p_listen()[0].as_str(), Layer::default().mdns()), (P2P_LISTEN_DEFAULT, true));
        let share = || Layer { p2p: P2pLayer { share: Some(true), ..P2pLayer::default() }, ..Layer::default() };
        let local = parse("[p2p]\nlisten = [\"/ip4/127.0.0.1/tcp/1\"]\nmdns = false\n").unwrap();
        for below in [alone, local] {
            let opened = share().over(below);
            assert_eq!((opened.p2p_listen()[0].as_str(), opened.mdns()), (P2P_LISTEN_DEFAULT, true));
        }
        let mut named = share();
        (named.p2p.mdns, named.p2p.listen) = (Some(false), Some(vec!["/ip4/127.0.0.1/tcp/2".into()]));
        let named = named.over(Layer::default());
        assert_eq!((named.p2p_listen()[0].as_str(), named.mdns()), ("/ip4/127.0.0.1/tcp/2", false));
    }

    #[test]
    fn a_written_layer_reads_back() {
        let layer = parse("[api]\nlisten = \"127.0.0.1:9\"\n[p2p]\nlisten = [\"/ip4/0.0.0.0/tcp/8\"]\n").unwrap();
        assert_eq!(parse(&toml::to_string(&layer).unwrap()).unwrap(), layer);
    }
}
