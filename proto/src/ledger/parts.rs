//! The ledger's state besides its accounts, and its parts for a store.

use super::Account;
use crate::coins::{Coins, Stake};
use crate::hash::Hash32;
use crate::keys::Address;
use crate::units::{Height, RulesVersion, UnixMillis};
use crate::validators::Validator;
use serde::{Deserialize, Serialize};

/// The last final block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tip {
    /// 0 at genesis.
    pub height: Height,
    /// The genesis hash at genesis.
    pub hash: Hash32,
    /// Time of the block.
    pub time: UnixMillis,
    /// Hash of the previous block: the genesis hash at height 1, 0 at genesis.
    pub parent: Hash32,
}

/// State that belongs to no account. A wire type: it is hashed and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Coins left for welcome grants.
    pub treasury: Coins,
    /// Every 64th block, oldest first, at most 128: the hashes that *activate* and *claim* may name.
    pub recent: Vec<RecentBlock>,
    /// How much power may still enter the set.
    pub churn: Churn,
    /// The rules that execute the next block. SPEC VER-1.
    pub version: RulesVersion,
    /// The first height of the next version, once decided; above the next height. SPEC VER-3.
    pub next_begins: Option<Height>,
    /// The largest total of the set in the last hour or two. SPEC ABS-5.
    pub peak: Peak,
    /// Dates of heights, oldest first, to determine the age of misbehaviour. SPEC EVID-3.
    pub marks: Vec<Mark>,
    /// Coins burned for misbehaviour since the genesis. SPEC EVID-2.
    pub burned: Coins,
    /// Coins that may still be granted in this span. Absent, also in the canonical bytes, on a chain without a
    /// treasury: its state is the same as before grants existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
}

/// How much of the treasury may be paid out in this span. SPEC CLAIM-6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Start of the present span of [`crate::limits::GRANTS_MS`].
    pub since: UnixMillis,
    /// Coins that grants may still take in it.
    pub room: Coins,
}

/// The largest total of the set. SPEC ABS-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// Start of the present span of [`crate::limits::PEAK_MS`].
    pub since: UnixMillis,
    /// The largest total in it.
    pub largest: Coins,
    /// The largest total in the previous span; 0 in the first.
    pub before: Coins,
}

/// The date of a height. SPEC EVID-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Height of a block, or 0 for the genesis.
    pub height: Height,
    /// Its time.
    pub time: UnixMillis,
}

/// How much the set may still grow. SPEC VAL-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Start of the present span of `churn_ms`.
    pub since: UnixMillis,
    /// Power that may still be added in it.
    pub room: Coins,
}

/// One of the recent blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecentBlock {
    /// A multiple of 64, or 0 for the genesis.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// Its time.
    pub time: UnixMillis,
}

/// How often a member led one of the recent blocks, compared to its stake. SPEC LEAD-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// The member.
    pub address: Address,
    /// Number of blocks it led.
    pub led: u32,
    /// Number of blocks counted: the last 100, or fewer on a young chain.
    pub blocks: u32,
    /// Its power at the next height.
    pub stake: Stake,
    /// Total power at the next height.
    pub total: Stake,
}

/// The parts of a ledger, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last block.
    pub tip: Tip,
    /// State root after it.
    pub state_root: Hash32,
    /// The set that decided the tip.
    pub tip_validators: Vec<Validator>,
    /// The system state.
    pub system: System,
    /// All accounts, in any order.
    pub accounts: Vec<(Address, Account)>,
}

/// The parts do not match the state root: the store is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored state has root {found:?}, the tip says {promised:?}")]
pub struct SnapshotDamaged {
    /// Root of the tip.
    pub promised: Hash32,
    /// Root of the parts.
    pub found: Hash32,
}
