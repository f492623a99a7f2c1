//! Request-response messages between two peers: status, genesis, blocks and headers by height, a block and a validator set
//! by hash, goodbye. SPEC SYNC-1 to SYNC-4, SYNC-6.

use crate::block::{Block, Header};
use crate::hash::Hash32;
use crate::units::{Height, UnixMillis};
use crate::validators::Member;
use crate::vote::Certificate;
use serde::{Deserialize, Serialize};

/// Status handshake: independent of the chain, because a peer of another chain must be able to refuse.
pub const STATUS_PROTOCOL: &str = "/blockchat/status/1";
/// Genesis by anybody: a joiner does not know the chain yet.
pub const GENESIS_PROTOCOL: &str = "/blockchat/genesis/1";

/// Name of the sync protocol of the chain with this short name.
pub fn sync_protocol(chain: &str) -> String {
    format!("/blockchat/{chain}/sync/1")
}

/// Version of [`Status`].
pub const STATUS_VERSION: u16 = 1;

/// Who I am and how far I am. Both sides send one on connecting, and again with a new head. SPEC SYNC-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// [`STATUS_VERSION`].
    pub version: u16,
    /// Genesis hash: peers of another chain part at once.
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

/// Says why a peer has to go. SPEC SYNC-6.
pub const GOODBYE_PROTOCOL: &str = "/blockchat/goodbye/1";

/// Version of [`Goodbye`].
pub const GOODBYE_VERSION: u16 = 1;

/// The last thing a node says before it ends its connections to a peer; the peer says it back. SPEC SYNC-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goodbye {
    /// [`GOODBYE_VERSION`].
    pub version: u16,
    /// The reason.
    pub why: Parting,
}

/// Why two peers part. SPEC SYNC-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Parting {
    /// All places are taken by peers that deserve them more.
    Full,
    /// The other one is of another chain.
    OtherChain,
    /// Another run of the other one's identity is connected already, and alive.
    OtherRun,
}

/// A block with the proof that it is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedBlock {
    /// The block.
    pub block: Block,
    /// Of exactly this block.
    pub certificate: Certificate,
}

/// A header with the proof that its block is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedHeader {
    /// The header.
    pub header: Header,
    /// Of exactly this block.
    pub certificate: Certificate,
}

/// What a node may ask of a peer of its chain. SPEC SYNC-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SyncRequest {
    /// Final blocks from a height on.
    Blocks {
        /// The first.
        from: Height,
        /// At most so many; at most [`crate::limits::SYNC_BLOCKS_MAX`].
        count: u32,
    },
    /// One block, final or proposed, by hash.
    Body {
        /// Its hash.
        hash: Hash32,
    },
    /// The headers of final blocks from a height on.
    Headers {
        /// The first.
        from: Height,
        /// At most so many; at most [`crate::limits::SYNC_BLOCKS_MAX`].
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
    /// Consecutive final blocks from the height asked for; stops early at [`crate::limits::SYNC_BYTES_MAX`] or the tip.
    Blocks(Vec<CertifiedBlock>),
    /// The block asked for, if known.
    Body(Option<Block>),
    /// Slow down: ask again after this many ms. No offence.
    Busy {
        /// When to ask again.
        retry_ms: u64,
    },
    /// Consecutive headers from the height asked for; stops early as blocks do.
    Headers(Vec<CertifiedHeader>),
    /// The members asked for, by address, if a final block names their hash.
    Members(Option<Vec<Member>>),
}
