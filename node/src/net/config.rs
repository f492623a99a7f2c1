//! The configuration of a network, its limits, and the errors of its start.

use crate::config::Announce;
use crate::held_ports::HeldPorts;
use crate::metrics::Metrics;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::limits;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The configuration of [`super::start`].
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Seed of the node's ed25519 identity. Not the validator's key.
    pub identity: [u8; 32],
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// Multiaddresses to listen on.
    pub listen: Vec<String>,
    /// Of these, the ports that are held already.
    pub held: HeldPorts,
    /// Peers to dial for ever: multiaddresses, with or without `/p2p/...`; DNS names are resolved at every dial.
    pub peers: Vec<String>,
    /// Find peers on the local network.
    pub mdns: bool,
    /// Addresses under which others reach us, beyond those we see ourselves.
    pub external: Vec<String>,
    /// Connect with `peers` only: no mDNS, no Kademlia, no book. Each of them has a peer id.
    pub only_peers: bool,
    /// Which of our addresses others are told.
    pub announce: Announce,
    /// The file of addresses that worked.
    pub book: Option<PathBuf>,
    /// The counters of the network.
    pub metrics: Arc<Metrics>,
}

/// Why the network does not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Not a multiaddress.
    #[error("{found:?} is not a multiaddress such as /ip4/0.0.0.0/tcp/30333: {reason}")]
    Address {
        /// The given address.
        found: String,
        /// Why not.
        reason: String,
    },
    /// Nothing can listen there.
    #[error("cannot listen on {address} for peers: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A peer that can never be dialled.
    #[error("{found:?} cannot be dialled: {reason}")]
    Peer {
        /// The given address.
        found: String,
        /// Why not.
        reason: &'static str,
    },
    /// The transport cannot be set up.
    #[error("cannot set up the network: {0}")]
    Setup(String),
}

/// Commands that wait for the swarm task.
pub(super) const COMMANDS_MAX: usize = 4_096;
/// Events that wait for the runtime. Transactions may fill half of it: the rest is for what the chain needs.
pub(super) const EVENTS_MAX: usize = 2_048;
/// Longest batch of transactions on the wire.
pub(super) const TRANSACTIONS_WIRE_MAX: usize = limits::BATCH_BYTES_MAX;
/// Longest proposal on the wire: a block and its frame.
pub(super) const BLOCK_WIRE_MAX: usize = limits::BLOCK_BYTES_MAX + 64 * 1024;
/// Longest vote or round certificate on the wire.
pub(super) const VOTE_WIRE_MAX: usize = 64 * 1024;
/// Longest evidence on the wire.
pub(super) const EVIDENCE_WIRE_MAX: usize = limits::EVIDENCE_MESSAGE_BYTES_MAX;
/// Longest sync request.
pub(super) const REQUEST_WIRE_MAX: usize = 16 * 1024;
/// Longest sync response.
pub(super) const RESPONSE_WIRE_MAX: usize = 8 * 1024 * 1024;
/// Longest status.
pub(super) const STATUS_WIRE_MAX: usize = 1_024;
/// A question of any kind is given up after this.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Connections that others made, at most: far more than `membership` lets stay.
pub(super) const CONNECTIONS_MAX: u32 = 128;
/// Connections that we are making, at most.
pub(super) const PENDING_MAX: u32 = 64;
/// Connections to one peer at most: two, so that a restarted peer can come back while its old connection is half dead.
pub(super) const CONNECTIONS_PER_PEER_MAX: u32 = 2;
/// A connection without anything to do is closed after this.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(600);
/// Peers are pinged this often,
pub(super) const PING_EVERY: Duration = Duration::from_secs(5);
/// and answer within this.
pub(super) const PING_WITHIN: Duration = Duration::from_secs(10);
