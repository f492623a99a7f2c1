//! What one source chose: the file, or the command line with the environment.

use blockchat_host::text;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the API listens unless told otherwise: this machine only.
pub const API_LISTEN_DEFAULT: &str = "127.0.0.1:7474";
/// Where peers are listened for unless told otherwise: every interface, so that a LAN works.
pub const P2P_LISTEN_DEFAULT: &str = "/ip4/0.0.0.0/tcp/7475";
/// Whether a node looks around on the local network unless told otherwise.
pub const MDNS_DEFAULT: bool = true;
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
    fn a_written_layer_reads_back() {
        let layer = parse("[api]\nlisten = \"127.0.0.1:9\"\n[p2p]\nlisten = [\"/ip4/0.0.0.0/tcp/8\"]\n").unwrap();
        assert_eq!(parse(&toml::to_string(&layer).unwrap()).unwrap(), layer);
    }
}
