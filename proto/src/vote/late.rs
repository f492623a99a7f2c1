//! Precommits that came too late for the commit of their block. SPEC BLOCK-7.
//!
//! They prove nothing about the block, which is final already: they show who was there. SPEC ABS-1.
//! Start reading at [`LatePrecommits`].

use super::certificate::precommits;
use super::{CommitSignature, SignedVote};
use crate::hash::Hash32;
use crate::keys::Address;
use crate::units::{Height, Round};
use serde::{Deserialize, Serialize};

/// Precommits of one round for one block, in short form. The block that carries them is two heights above. SPEC BLOCK-7.
///
/// Valid ones are sorted by address without repeats, and every signature verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatePrecommits {
    /// In this round,
    pub round: Round,
    /// for this block.
    pub block: Hash32,
    /// The precommits, sorted by address; never none.
    pub signatures: Vec<CommitSignature>,
}

/// Why late precommits are refused. SPEC BLOCK-7.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LateRejected {
    /// The first two blocks have no grandparent that anybody voted on.
    #[error("the block of height {height} has no grandparent that was voted on")]
    NoGrandparent {
        /// Of the block that carries them.
        height: Height,
    },
    /// Absent is how to say that there are none.
    #[error("late precommits of nobody")]
    Nobody,
    /// Not sorted by address, or somebody twice.
    #[error("late precommits are not sorted by address without repeats")]
    NotSorted,
    /// A signature that does not verify.
    #[error("the late precommit of {validator} does not verify")]
    BadSignature {
        /// Whose.
        validator: Address,
    },
    /// For another block than the grandparent.
    #[error("late precommits for {found:?}, the grandparent is {expected:?}")]
    OtherBlock {
        /// The grandparent.
        expected: Hash32,
        /// The block they name.
        found: Hash32,
    },
    /// The parent did not enter it as missing: it was counted already, decided nothing, or is not active.
    #[error("the parent did not find {validator} missing")]
    NotMissing {
        /// Who.
        validator: Address,
    },
}

impl LatePrecommits {
    /// The precommits they stand for, of the block at this height.
    pub fn votes(&self, height: Height) -> impl Iterator<Item = SignedVote> + '_ {
        precommits(height, self.round, self.block, &self.signatures)
    }

    /// What needs neither state nor signatures: may a block of this height carry them? Returns the grandparent's height.
    pub fn check_shape(&self, carrier: Height) -> Result<Height, LateRejected> {
        let grandparent = carrier.0.checked_sub(2).filter(|height| *height > 0).map(Height);
        let grandparent = grandparent.ok_or(LateRejected::NoGrandparent { height: carrier })?;
        if self.signatures.is_empty() {
            return Err(LateRejected::Nobody);
        }
        if !self.signatures.is_sorted_by(|a, b| a.validator < b.validator) {
            return Err(LateRejected::NotSorted);
        }
        Ok(grandparent)
    }
}
