//! A block on its way: what its leader wants in it, what came out, and what it does to the ledger.

use super::root::Tree;
use super::{Account, System, Tip, TxRejected};
use crate::block::VerifiedBlock;
use crate::coins::Coins;
use crate::hash::Hash32;
use crate::keys::Address;
use crate::transaction::{TransactionId, VerifiedTransaction};
use crate::units::{Round, UnixMillis};
use crate::validators::ValidatorSet;
use crate::vote::{Certificate, Evidence, LatePrecommits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Of the grandparent: everyone heard of. Who was counted already is left out.
    pub late: Option<LatePrecommits>,
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

/// What the ledger does to an account in a block without a transaction of that account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum LedgerAct {
    /// A validator was absent for too long. SPEC ABS-3.
    Jailed {
        /// Whose account.
        account: Address,
    },
    /// A validator was caught contradicting itself. SPEC EVID-2.
    Barred {
        /// Whose account.
        account: Address,
        /// What burned of its stake and unbonding.
        amount: Coins,
    },
    /// The block's leader received its fees. SPEC FEE-3.
    Paid {
        /// The leader.
        account: Address,
        /// How much; never zero.
        amount: Coins,
    },
    /// Unbonding came back to the balance. SPEC STAKE-4.
    Released {
        /// Whose.
        account: Address,
        /// How much; never zero.
        amount: Coins,
    },
}

impl LedgerAct {
    /// Whom it concerns.
    pub fn account(&self) -> Address {
        match self {
            Self::Jailed { account }
            | Self::Barred { account, .. }
            | Self::Paid { account, .. }
            | Self::Released { account, .. } => *account,
        }
    }
}

/// What one block does to the ledger it was applied to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppliedBlock(pub(super) Arc<Applied>);

#[derive(Debug)]
pub(super) struct Applied {
    pub(super) parent: Tip,
    pub(super) tip: Tip,
    pub(super) fees: Coins,
    pub(super) acts: Vec<LedgerAct>,
    pub(super) accounts: BTreeMap<Address, Account>,
    pub(super) system: Arc<System>,
    pub(super) validators: ValidatorSet,
    pub(super) next_validators: ValidatorSet,
    pub(super) tree: Tree,
}

impl AppliedBlock {
    /// The new tip.
    pub fn tip(&self) -> &Tip {
        &self.0.tip
    }

    /// State root after it.
    pub fn state_root(&self) -> Hash32 {
        self.0.tree.root()
    }

    /// Every account that changed, with its new content.
    pub fn accounts(&self) -> &BTreeMap<Address, Account> {
        &self.0.accounts
    }

    /// Everything outside accounts, after it.
    pub fn system(&self) -> &System {
        &self.0.system
    }

    /// The set that decided it.
    pub fn validators(&self) -> &ValidatorSet {
        &self.0.validators
    }

    /// The set that decides the height after it.
    pub fn next_validators(&self) -> &ValidatorSet {
        &self.0.next_validators
    }

    /// What the ledger did by itself, in the order in which it happened. SPEC ORDER-1.
    pub fn acts(&self) -> &[LedgerAct] {
        &self.0.acts
    }

    /// Sum of the fees its leader received.
    pub fn fees(&self) -> Coins {
        self.0.fees
    }
}
