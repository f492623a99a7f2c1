//! Peers.

use blockchat_proto::units::Height;
use serde::{Deserialize, Serialize};

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// libp2p peer id.
    pub peer_id: String,
    /// Its address, as a multiaddress.
    pub address: String,
    /// Did it call us?
    pub inbound: bool,
    /// Its last final height.
    pub height: Height,
    /// Round trip, in ms.
    pub latency_ms: Option<u64>,
    /// The same in µs: peers on one machine or one wire are less than a ms apart.
    #[serde(default)]
    pub latency_us: Option<u64>,
    /// How it was found.
    pub source: PeerSource,
}

/// A peer that a node knows of, connected or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPeerView {
    /// libp2p peer id.
    pub peer_id: String,
    /// Where it is or was reached, as multiaddresses.
    pub addresses: Vec<String>,
    /// How it was found.
    pub source: PeerSource,
    /// Is it connected now?
    pub connected: bool,
}

/// How a node found a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerSource {
    /// Its address was given.
    Peer,
    /// A name was given, and led to it.
    Dns,
    /// On the local network.
    Mdns,
    /// Others told of it.
    Kademlia,
    /// Known from an earlier run.
    Book,
    /// It found us.
    Inbound,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

impl PeerSource {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Dns => "dns",
            Self::Mdns => "mdns",
            Self::Kademlia => "kademlia",
            Self::Book => "book",
            Self::Inbound => "inbound",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for PeerSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_its_name_and_a_new_one_does_not_hide_the_peer() {
        use PeerSource::{Book, Dns, Inbound, Kademlia, Mdns, Peer, Unknown};
        for source in [Peer, Dns, Mdns, Kademlia, Book, Inbound, Unknown] {
            let json = format!("\"{source}\"");
            assert_eq!(serde_json::to_string(&source).unwrap(), json);
            assert_eq!(serde_json::from_str::<PeerSource>(&json).unwrap(), source);
        }
        let json = r#"{"peer_id":"a","addresses":[],"source":"carrier_pigeon","connected":false}"#;
        assert_eq!(serde_json::from_str::<KnownPeerView>(json).unwrap().source, Unknown);
    }
}
