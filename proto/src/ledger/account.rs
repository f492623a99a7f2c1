//! One account: money, nonce, and standing as a validator. SPEC ACCT-1.

use crate::coins::Coins;
use crate::units::UnixMillis;
use serde::{Deserialize, Serialize};

/// Everything the chain knows about one account. Absent accounts equal the default. A wire type: it is hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Spendable coins.
    pub balance: Coins,
    /// Staked coins: not spendable.
    pub stake: Coins,
    /// Nonce of its next *send* or *stake*.
    pub next_nonce: u64,
    /// Lowered stake on its way back, oldest first; at most [`crate::limits::UNBONDING_ENTRIES_MAX`].
    pub unbonding: Vec<Unbonding>,
    /// Has had its welcome grant.
    pub claimed: bool,
    /// Where it stands as a validator.
    pub standing: Standing,
    /// The last blocks in which it was a member, newest in bit 0: 1 = its precommit for the parent was missing.
    pub absences: Absences,
    /// Block time of the last block whose commit carries it, or of its (re)entry into the set.
    pub last_present: UnixMillis,
}

/// Coins that return to the balance at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unbonding {
    /// How much.
    pub amount: Coins,
    /// In the first block at or after this time.
    pub release: UnixMillis,
}

/// Where an account stands as a validator. SPEC VAL-3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Standing {
    /// No member, with or without stake; *activate* makes it a member.
    #[default]
    Inactive,
    /// A member while its stake is large enough.
    Active,
    /// Was absent for too long; *activate* brings it back.
    Jailed,
    /// Misbehaved; never comes back.
    Barred,
}

/// Presence over the last [`crate::limits::ABSENCE_WINDOW_BLOCKS`] blocks as a member: two halves of a 128-bit history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absences {
    /// Bits 127..64.
    pub high: u64,
    /// Bits 63..0.
    pub low: u64,
}
