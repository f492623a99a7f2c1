//! Precommits that came too late for the commit of their block. SPEC BLOCK-7.
//!
//! They prove nothing about the block, which is already final; they show presence. SPEC ABS-1.
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
    /// The round.
    pub round: Round,
    /// The block.
    pub block: Hash32,
    /// The precommits, sorted by address; at least one.
    pub signatures: Vec<CommitSignature>,
}

/// Why late precommits are refused. SPEC BLOCK-7.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LateRejected {
    /// The first two blocks have no grandparent that was voted on.
    #[error("the block of height {height} has no grandparent that was voted on")]
    NoGrandparent {
        /// Height of the block that carries them.
        height: Height,
    },
    /// Without late precommits the field must be absent.
    #[error("the list of late precommits is empty")]
    Nobody,
    /// Not sorted by address, or a signer repeated.
    #[error("late precommits are not sorted by address without repeats")]
    NotSorted,
    /// A signature that does not verify.
    #[error("the late precommit of {validator} does not verify")]
    BadSignature {
        /// The signer.
        validator: Address,
    },
    /// They are for another block than the grandparent.
    #[error("late precommits for {found:?}, the grandparent is {expected:?}")]
    OtherBlock {
        /// The grandparent.
        expected: Hash32,
        /// The block they name.
        found: Hash32,
    },
    /// The parent did not record it as missing: it was already counted, is not of the set, or is not active.
    #[error("the parent did not record {validator} as missing")]
    NotMissing {
        /// The signer.
        validator: Address,
    },
}

impl LatePrecommits {
    /// The precommits they represent, of the block at this height.
    pub fn votes(&self, height: Height) -> impl Iterator<Item = SignedVote> + '_ {
        precommits(height, self.round, self.block, &self.signatures)
    }

    /// The check without state and signatures: may a block of this height carry them? Returns the grandparent's height.
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
