//! The ledger: accounts and validators at one height, and what a block does to them.
//!
//! Owns: state, execution, state root. Does not own: signatures (arrive verified), the choice of transactions (engine).
//! Always true: coins are conserved; a refused block or transaction changes nothing; the state root covers everything
//! that decides validity.
//! Start reading at [`Ledger::apply_block`].

mod account;
mod rejected;

pub use account::{Absences, Account, Standing, Unbonding};
pub use rejected::{BlockRejected, TxRejected};

use crate::block::VerifiedBlock;
use crate::coins::Coins;
use crate::genesis::{Parameters, VerifiedGenesis};
use crate::hash::Hash32;
use crate::keys::Address;
use crate::transaction::{TransactionId, VerifiedTransaction};
use crate::units::{Height, Round, UnixMillis};
use crate::validators::{Validator, ValidatorSet};
use crate::vote::{Certificate, Evidence};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
}

/// State that belongs to no account. A wire type: it is hashed and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Coins left for welcome grants.
    pub treasury: Coins,
    /// Every 64th block, oldest first, at most 128: what *activate* and *claim* may name.
    pub recent: Vec<RecentBlock>,
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

/// What a leader wants in a block.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Round it is built for.
    pub round: Round,
    /// Its leader.
    pub leader: Address,
    /// The leader's clock; raised to one ms after the parent if it lags.
    pub time: UnixMillis,
    /// Candidates in the order they are tried.
    pub candidates: Vec<VerifiedTransaction>,
    /// Of misbehaviour.
    pub evidence: Vec<Evidence>,
    /// Of the parent, late precommits included; absent for block 1.
    pub commit: Option<Certificate>,
}

/// A block of our own, and what it would do.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// The block.
    pub block: VerifiedBlock,
    /// Its effect, ready to commit once it is final.
    pub applied: AppliedBlock,
    /// Candidates that cannot be applied, with the reason. Candidates that merely did not fit are not listed.
    pub refused: Vec<(TransactionId, TxRejected)>,
}

/// What one block does to the ledger it was applied to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppliedBlock {}

impl AppliedBlock {
    /// The new tip.
    pub fn tip(&self) -> &Tip {
        todo!()
    }
    /// State root after it.
    pub fn state_root(&self) -> Hash32 {
        todo!()
    }
    /// Every account that changed, with its new content.
    pub fn accounts(&self) -> &BTreeMap<Address, Account> {
        todo!()
    }
    /// Everything outside accounts, after it.
    pub fn system(&self) -> &System {
        todo!()
    }
    /// The set that decided it.
    pub fn validators(&self) -> &ValidatorSet {
        todo!()
    }
    /// Sum of the charges its leader received.
    pub fn charges(&self) -> Coins {
        todo!()
    }
}

/// Accounts and validators at one height.
#[derive(Clone, Debug)]
pub struct Ledger {}

impl Ledger {
    /// The ledger before block 1.
    pub fn at_genesis(_genesis: &VerifiedGenesis) -> Self {
        todo!()
    }
    /// The ledger that a store kept; recomputes the state root and compares.
    pub fn restore(_genesis: &VerifiedGenesis, _snapshot: Snapshot) -> Result<Self, SnapshotDamaged> {
        todo!()
    }
    /// Genesis hash.
    pub fn chain(&self) -> Hash32 {
        todo!()
    }
    /// The constants of the chain.
    pub fn parameters(&self) -> &Parameters {
        todo!()
    }
    /// The last block.
    pub fn tip(&self) -> &Tip {
        todo!()
    }
    /// State root after it.
    pub fn state_root(&self) -> Hash32 {
        todo!()
    }
    /// The set that decides the next height.
    pub fn validators(&self) -> &ValidatorSet {
        todo!()
    }
    /// The set that decided the tip: it signs the commit in the next block. At genesis, the set of height 1.
    pub fn tip_validators(&self) -> &ValidatorSet {
        todo!()
    }
    /// Everything outside accounts.
    pub fn system(&self) -> &System {
        todo!()
    }
    /// An account; the default if it never appeared.
    pub fn account(&self, _address: &Address) -> Account {
        todo!()
    }
    /// All coins there are. Constant over the life of a chain, burns aside. Cost: O(accounts); for tests and checks.
    pub fn supply(&self) -> Coins {
        todo!()
    }
    /// Applies one transaction to its sender's account alone, as if in the next block: every rule that concerns the
    /// sender, none of the receiver's. Returns the charge. `sender` is unchanged on refusal.
    ///
    /// A pool calls it with its own projection of the account, so that pooled spending counts.
    pub fn project(&self, _sender: &mut Account, _transaction: &VerifiedTransaction) -> Result<Coins, TxRejected> {
        todo!()
    }
    /// Executes a block on the tip without changing the ledger. SPEC BLOCK-5, BLOCK-6.
    pub fn apply_block(&self, _block: &VerifiedBlock) -> Result<AppliedBlock, BlockRejected> {
        todo!()
    }
    /// Builds the next block from a draft: skips candidates that cannot be applied, stops at capacity and size.
    pub fn build_block(&self, _draft: Draft) -> BuiltBlock {
        todo!()
    }
    /// Moves to the next height. Panics if `applied` was not made on this tip: a bug of ours.
    pub fn commit(&mut self, _applied: AppliedBlock) {
        todo!()
    }
}
