//! The ledger's state beside its accounts, and the whole taken apart for a store.

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
    /// Of the block.
    pub time: UnixMillis,
    /// The block before it: the genesis hash at height 1, 0 at genesis.
    pub parent: Hash32,
}

/// State that belongs to no account. A wire type: it is hashed and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Coins left for welcome grants.
    pub treasury: Coins,
    /// Every 64th block, oldest first, at most 128: what *activate* and *claim* may name.
    pub recent: Vec<RecentBlock>,
    /// How much power may still enter the set.
    pub churn: Churn,
    /// The rules that the next block is executed by. SPEC VER-1.
    pub version: RulesVersion,
    /// Where the version after it begins, once that is decided; above the next height. SPEC VER-3.
    pub next_begins: Option<Height>,
    /// The largest total of the set in the last hour or two. SPEC ABS-5.
    pub peak: Peak,
    /// Dates of heights, oldest first, to tell how old misbehaviour is. SPEC EVID-3.
    pub marks: Vec<Mark>,
    /// Coins that misbehaviour has burned since the genesis. SPEC EVID-2.
    pub burned: Coins,
    /// What may still be paid in grants for now. Left out, in the canonical bytes too, on a chain that began without a
    /// treasury: its state is what it was before there were grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
}

/// How much of the treasury may be paid out for now. SPEC CLAIM-6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// When the present span of [`crate::limits::GRANTS_MS`] began.
    pub since: UnixMillis,
    /// Coins that grants may still take in it.
    pub room: Coins,
}

/// The largest total of the set. SPEC ABS-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// When the present span of [`crate::limits::PEAK_MS`] began.
    pub since: UnixMillis,
    /// The largest total in it.
    pub largest: Coins,
    /// The largest total in the span before; 0 in the first.
    pub before: Coins,
}

/// When a height was. SPEC EVID-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Of a block, or 0 for the genesis.
    pub height: Height,
    /// Its time.
    pub time: UnixMillis,
}

/// How much the set may still grow. SPEC VAL-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// When the present span of `churn_ms` began.
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

/// How often a member led one of the last blocks, beside what its stake lets expect. SPEC LEAD-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// Whose.
    pub address: Address,
    /// How many blocks it led,
    pub led: u32,
    /// of so many: the last 100, or all there are.
    pub blocks: u32,
    /// What it weighs at the next height,
    pub stake: Stake,
    /// of so much.
    pub total: Stake,
}

/// A ledger taken apart, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// At this block.
    pub tip: Tip,
    /// State root after it.
    pub state_root: Hash32,
    /// The set that decided the tip.
    pub tip_validators: Vec<Validator>,
    /// Everything outside accounts.
    pub system: System,
    /// All accounts, in any order.
    pub accounts: Vec<(Address, Account)>,
}

/// The parts do not add up to the state root: the store is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored state has root {found:?}, the tip promises {promised:?}")]
pub struct SnapshotDamaged {
    /// Of the tip.
    pub promised: Hash32,
    /// Of the parts.
    pub found: Hash32,
}
