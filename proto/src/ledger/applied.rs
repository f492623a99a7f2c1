//! The stages of a block: the leader's draft, the result, and its effect on the ledger.

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

/// A leader's input for a block.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Round for which it is built.
    pub round: Round,
    /// Its leader.
    pub leader: Address,
    /// The leader's clock; raised to one ms after the parent if it lags.
    pub time: UnixMillis,
    /// Transactions for the block, in the order to try them.
    pub offered: Vec<VerifiedTransaction>,
    /// Evidence of misbehaviour.
    pub evidence: Vec<Evidence>,
    /// Commit of the parent, late precommits included; absent for block 1.
    pub commit: Option<Certificate>,
    /// All known precommits for the grandparent. Those already counted are left out.
    pub late: Option<LatePrecommits>,
}

/// Our own block and its effect.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// The block.
    pub block: VerifiedBlock,
    /// Its effect, for [`super::Ledger::advance`] once the block is final.
    pub applied: AppliedBlock,
    /// Offered transactions that cannot be applied, with the reason. Those that only did not fit are not listed.
    pub refused: Vec<(TransactionId, TxRejected)>,
}

/// A change that the ledger makes to an account without a transaction of that account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum LedgerAct {
    /// A validator was absent for too long. SPEC ABS-3.
    Jailed {
        /// The validator.
        account: Address,
    },
    /// A validator contradicted itself. SPEC EVID-2.
    Barred {
        /// The validator.
        account: Address,
        /// Amount burned from its stake and unbonding.
        amount: Coins,
    },
    /// The block's leader received its fees. SPEC FEE-3.
    Paid {
        /// The leader.
        account: Address,
        /// The amount; never zero.
        amount: Coins,
    },
    /// Unbonding stake returned to the balance. SPEC STAKE-4.
    Released {
        /// The account.
        account: Address,
        /// The amount; never zero.
        amount: Coins,
    },
}

impl LedgerAct {
    /// The account concerned.
    pub fn account(&self) -> Address {
        match self {
            Self::Jailed { account }
            | Self::Barred { account, .. }
            | Self::Paid { account, .. }
            | Self::Released { account, .. } => *account,
        }
    }
}

/// The effect of one block on the ledger it was applied to. Cheap to clone.
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

    /// Every changed account, with its new content.
    pub fn accounts(&self) -> &BTreeMap<Address, Account> {
        &self.0.accounts
    }

    /// The system state after it.
    pub fn system(&self) -> &System {
        &self.0.system
    }

    /// The set that decided the block.
    pub fn validators(&self) -> &ValidatorSet {
        &self.0.validators
    }

    /// The set that decides the next height.
    pub fn next_validators(&self) -> &ValidatorSet {
        &self.0.next_validators
    }

    /// Changes by the ledger itself, in order. SPEC ORDER-1.
    pub fn acts(&self) -> &[LedgerAct] {
        &self.0.acts
    }

    /// Sum of the fees its leader received.
    pub fn fees(&self) -> Coins {
        self.0.fees
    }
}
