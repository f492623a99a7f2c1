//! Peers.

use super::status::TrafficView;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// One connected peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeerView {
    /// libp2p peer id.
    pub peer_id: String,
    /// Its address, as a multiaddress.
    pub address: String,
    /// Did it call us?
    pub inbound: bool,
    /// Its last final height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Round trip, in ms.
    pub latency_ms: Option<u64>,
    /// The same in µs: peers on one machine or one wire are less than a ms apart.
    #[serde(default)]
    pub latency_us: Option<u64>,
    /// How it was found.
    pub source: PeerSource,
    /// Program and version that it says it is, such as `blockchat-node/0.1.0`: a stranger's text. Absent until it told.
    #[serde(default)]
    pub client: Option<String>,
    /// When its oldest connection was made.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::UnixMillis>))]
    pub connected_since: Option<UnixMillis>,
    /// Open connections to it: most often one.
    #[serde(default)]
    pub connections: u32,
    /// Where another node with its identity called from and was refused, because this one is alive: a copied home. Absent if
    /// there was none.
    #[serde(default)]
    pub other_run: Option<String>,
    /// Gossip topics that it takes part in.
    #[serde(default)]
    pub topics: Vec<PeerTopicView>,
    /// Its offences, and its score in gossip.
    #[serde(default)]
    pub score: PeerScoreView,
    /// Bytes over its open connections, as in [`super::StatusView::traffic`].
    #[serde(default)]
    pub traffic: TrafficView,
}

/// A gossip topic that a peer takes part in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeerTopicView {
    /// Its short name: `transactions`, `blocks`, `votes` or `evidence`.
    pub topic: String,
    /// Is it in our mesh of this topic: does either send the other every message at once?
    pub mesh: bool,
}

/// How well a peer behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeerScoreView {
    /// Gossip's score in thousandths: below 0 it is not trusted with everything. Absent if gossip keeps none.
    pub gossip_milli: Option<i64>,
    /// Points for faults in thousandths; they halve every ten minutes. At 19,000 the peer is let go, at 49,000 barred.
    pub points_milli: u64,
    /// The faults behind the points.
    pub faults: Vec<PeerFaultView>,
}

/// One kind of offence of a peer, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeerFaultView {
    /// The kind.
    pub fault: PeerFault,
    /// How often.
    pub times: u32,
    /// When last.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub last: UnixMillis,
}

/// Acts of which no honest peer is guilty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PeerFault {
    /// A question that does not decode.
    Question,
    /// Gossip that does not decode, or does not verify.
    Gossip,
    /// An answer that does not decode.
    Answer,
    /// Blocks that prove nothing, in answer to our question.
    Blocks,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

impl PeerFault {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Gossip => "gossip",
            Self::Answer => "answer",
            Self::Blocks => "blocks",
            Self::Unknown => "unknown",
        }
    }
}

/// A peer that a node knows of, connected or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnownPeerView {
    /// libp2p peer id; absent of an address at which no peer has answered yet.
    pub peer_id: Option<String>,
    /// Where it is or was reached, as multiaddresses.
    pub addresses: Vec<String>,
    /// How it was found.
    pub source: PeerSource,
    /// Is it connected now?
    pub connected: bool,
    /// Why it was not reached, the last time, in words.
    #[serde(default)]
    pub problem: Option<String>,
    /// When it is dialled next, if it is not connected by then; absent of one that is not to be dialled.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::UnixMillis>))]
    pub next_try: Option<UnixMillis>,
}

/// How a node found a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[default]
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
    fn a_fault_is_its_name_and_an_older_node_that_says_less_is_understood() {
        for fault in [PeerFault::Question, PeerFault::Gossip, PeerFault::Answer, PeerFault::Blocks, PeerFault::Unknown]
        {
            assert_eq!(serde_json::to_string(&fault).unwrap(), format!("\"{}\"", fault.as_str()));
        }
        let json = r#"{"peer_id":"a","address":"b","inbound":true,"height":3,"latency_ms":null,"source":"mdns"}"#;
        let peer: PeerView = serde_json::from_str(json).unwrap();
        assert_eq!((peer.topics, peer.score), (vec![], PeerScoreView::default()));
    }

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
