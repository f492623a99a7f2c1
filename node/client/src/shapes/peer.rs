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
    /// How it was found: `peer` (its address was given), `dns` (a name was given), `mdns`, `kademlia`, `book`; `inbound` if
    /// it found us.
    pub source: String,
}

/// A peer that a node knows of, connected or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPeerView {
    /// libp2p peer id.
    pub peer_id: String,
    /// Where it is or was reached, as multiaddresses.
    pub addresses: Vec<String>,
    /// How it was found, as in [`PeerView::source`].
    pub source: String,
    /// Is it connected now?
    pub connected: bool,
}
