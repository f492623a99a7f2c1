//! What a network starts from, its limits, and why it may not start.

use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::limits;
use std::path::PathBuf;
use std::time::Duration;

/// What [`super::start`] needs.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Seed of the node's ed25519 identity. Not the validator's key.
    pub identity: [u8; 32],
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// Multiaddresses to listen on.
    pub listen: Vec<String>,
    /// Peers to dial for ever: multiaddresses, with or without `/p2p/...`; DNS names are resolved at every dial.
    pub peers: Vec<String>,
    /// Find peers on the local network.
    pub mdns: bool,
    /// Addresses under which others reach us, beyond those we see ourselves.
    pub external: Vec<String>,
    /// Where addresses that worked are kept.
    pub book: Option<PathBuf>,
}

/// Why the network does not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Not a multiaddress.
    #[error("{found:?} is not a multiaddress such as /ip4/0.0.0.0/tcp/30333: {reason}")]
    Address {
        /// What was given.
        found: String,
        /// Why not.
        reason: String,
    },
    /// Nothing can listen there.
    #[error("cannot listen on {address}: {reason}. Choose another with --listen, or stop what uses it")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        reason: String,
    },
    /// The transport cannot be set up.
    #[error("cannot set up the network: {0}")]
    Setup(String),
}

/// Commands that wait for the swarm task.
pub(super) const COMMANDS_MAX: usize = 4_096;
/// Events that wait for the runtime. Beyond it, gossip is dropped and repeated by its senders.
pub(super) const EVENTS_MAX: usize = 2_048;
/// Longest batch message on the wire.
pub(super) const TRANSACTIONS_WIRE_MAX: usize = 256 * 1024;
/// Longest proposal on the wire: a block and its frame.
pub(super) const BLOCK_WIRE_MAX: usize = limits::BLOCK_BYTES_MAX + 64 * 1024;
/// Longest vote or round certificate on the wire.
pub(super) const VOTE_WIRE_MAX: usize = 64 * 1024;
/// Longest sync request.
pub(super) const REQUEST_WIRE_MAX: usize = 16 * 1024;
/// Longest sync response.
pub(super) const RESPONSE_WIRE_MAX: usize = 8 * 1024 * 1024;
/// Longest status.
pub(super) const STATUS_WIRE_MAX: usize = 1_024;
/// A peer that has not said where it is by then is let go.
pub(super) const STATUS_DEADLINE: Duration = Duration::from_secs(10);
/// The status is said again this often, whether or not there is a new head.
pub(super) const STATUS_EVERY: Duration = Duration::from_secs(30);
/// New heads are told at most this often.
pub(super) const STATUS_PAUSE: Duration = Duration::from_millis(100);
/// Below this many peers we look for more often.
pub(super) const PEERS_FEW: usize = 4;
/// Connections at most.
pub(super) const CONNECTIONS_MAX: u32 = 64;
/// Connections that are being made, each way, at most.
pub(super) const PENDING_MAX: u32 = 32;
/// Connections to one peer at most: two, so that a restarted peer can come back while its old connection is half dead.
pub(super) const CONNECTIONS_PER_PEER_MAX: u32 = 2;
