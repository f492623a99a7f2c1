//! What event streams tell.

use blockchat_proto::hash::Hash32;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// Name of the events that hold a [`BlockEvent`].
pub const BLOCK_EVENT: &str = "block";

/// A new final block: the tip of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEvent {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// Its time.
    pub time: UnixMillis,
}
