//! Request-response messages between two peers: status, genesis, blocks and headers by height, a block and a validator set
//! by hash, goodbye. SPEC SYNC-1 to SYNC-4, SYNC-6.

use crate::block::{Block, Header};
use crate::hash::Hash32;
use crate::units::{Height, UnixMillis};
use crate::validators::Member;
use crate::vote::Certificate;
use serde::{Deserialize, Serialize};

/// Status handshake: independent of the chain, because peers of different chains must be able to refuse each other.
pub const STATUS_PROTOCOL: &str = "/blockchat/status/1";
/// The genesis, for any peer: a joining node does not know the chain yet.
pub const GENESIS_PROTOCOL: &str = "/blockchat/genesis/1";

/// Name of the sync protocol of the chain with this short name.
pub fn sync_protocol(chain: &str) -> String {
    format!("/blockchat/{chain}/sync/1")
}

/// Version of [`Status`].
pub const STATUS_VERSION: u16 = 1;

/// The sender's chain and height. Both sides send one on connecting, and again with a new head. SPEC SYNC-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// [`STATUS_VERSION`].
    pub version: u16,
    /// Genesis hash: peers of another chain disconnect at once.
    pub chain: Hash32,
    /// Height of the last final block.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// The earliest height whose block this node can serve.
    pub earliest: Height,
    /// The sender's clock.
    pub time: UnixMillis,
}

/// Ask for the chain's genesis. SPEC SYNC-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisRequest {
    /// 1.
    pub version: u16,
}

/// Tells a peer why it is disconnected. SPEC SYNC-6.
pub const GOODBYE_PROTOCOL: &str = "/blockchat/goodbye/1";

/// Version of [`Goodbye`].
pub const GOODBYE_VERSION: u16 = 1;

/// The last message before a node closes its connections to a peer; the peer sends it back. SPEC SYNC-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goodbye {
    /// [`GOODBYE_VERSION`].
    pub version: u16,
    /// The reason.
    pub why: Parting,
}

/// Why two peers disconnect. SPEC SYNC-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Parting {
    /// All slots are taken by better peers.
    Full,
    /// The peer is of another chain.
    OtherChain,
    /// Another run of the peer's identity is connected and alive.
    OtherRun,
}

/// A block with the proof that it is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedBlock {
    /// The block.
    pub block: Block,
    /// Certificate of exactly this block.
    pub certificate: Certificate,
}

/// A header with the proof that its block is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedHeader {
    /// The header.
    pub header: Header,
    /// Certificate of exactly this block.
    pub certificate: Certificate,
}

/// A request to a peer of the same chain. SPEC SYNC-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SyncRequest {
    /// Final blocks from a height on.
    Blocks {
        /// The first height.
        from: Height,
        /// Maximum number; at most [`crate::limits::SYNC_BLOCKS_MAX`].
        count: u32,
    },
    /// One block, final or proposed, by hash.
    Body {
        /// Its hash.
        hash: Hash32,
    },
    /// The headers of final blocks from a height on.
    Headers {
        /// The first height.
        from: Height,
        /// Maximum number; at most [`crate::limits::SYNC_BLOCKS_MAX`].
        count: u32,
    },
    /// The members of a validator set, by the hash that headers name.
    Members {
        /// Its hash.
        hash: Hash32,
    },
}

/// The answer. SPEC SYNC-4.
#[expect(clippy::large_enum_variant, reason = "one value a message, moved a few times, never collected")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SyncResponse {
    /// Consecutive final blocks from the requested height; stops early at [`crate::limits::SYNC_BYTES_MAX`] or the tip.
    Blocks(Vec<CertifiedBlock>),
    /// The requested block, if known.
    Body(Option<Block>),
    /// Slow down: ask again after this many ms. No offence.
    Busy {
        /// When to ask again.
        retry_ms: u64,
    },
    /// Consecutive headers from the requested height; stops early as blocks do.
    Headers(Vec<CertifiedHeader>),
    /// The requested members, by address, if a final block names their hash.
    Members(Option<Vec<Member>>),
}
