//! The proof that a block is final, and the checks of every certificate. SPEC VOTE-4.
//!
//! Start reading at [`Certificate::check_structure`].

use super::{SignedVote, Vote, VoteKind};
use crate::coins::{Stake, is_quorum};
use crate::hash::Hash32;
use crate::keys::{Address, Signature, verify_batch};
use crate::units::{Height, Round};
use crate::validators::ValidatorSet;
use serde::{Deserialize, Serialize};

/// One validator's part of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitSignature {
    /// The signer.
    pub validator: Address,
    /// Its signature of the precommit.
    pub signature: Signature,
}

/// More than two thirds of a height's stake precommitted this block in this round. SPEC VOTE-4.
///
/// Valid ones are sorted by address without repeats, and every signature verifies. They may contain more than a quorum,
/// because a block's copy also records presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The height.
    pub height: Height,
    /// The round of the decision.
    pub round: Round,
    /// The block.
    pub block: Hash32,
    /// The precommits, sorted by address.
    pub signatures: Vec<CommitSignature>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRejected {
    /// It is about another height or block.
    #[error("certificate is for another block")]
    OtherBlock,
    /// Not sorted by address, or a signer repeated.
    #[error("certificate signatures are not sorted by address without repeats")]
    NotSorted,
    /// A vote of another kind or value than its proof needs.
    #[error("certificate contains votes of another kind or value")]
    OtherVotes,
    /// A signer outside the set.
    #[error("certificate signer {validator} is not a validator of the height")]
    Stranger {
        /// The signer.
        validator: Address,
    },
    /// Not enough stake.
    #[error("certificate carries {voted} of {total} stake, needs more than the threshold")]
    NotEnoughStake {
        /// Stake of its signers, micro-BCC.
        voted: u64,
        /// Stake of the set, micro-BCC.
        total: u64,
    },
    /// A signature that does not verify.
    #[error("certificate signature of {validator} does not verify")]
    BadSignature {
        /// The signer.
        validator: Address,
    },
}

impl Certificate {
    /// The precommits it represents.
    pub fn votes(&self) -> impl Iterator<Item = SignedVote> + '_ {
        precommits(self.height, self.round, self.block, &self.signatures)
    }

    /// Does it prove that `set` decided `block` at `height`, signatures aside? SPEC VOTE-4.
    ///
    /// Cost: one lookup per signature. Combine it with [`Certificate::check_signatures`].
    pub fn check_structure(
        &self,
        height: Height,
        block: Hash32,
        set: &ValidatorSet,
    ) -> Result<(), CertificateRejected> {
        if self.height != height || self.block != block {
            return Err(CertificateRejected::OtherBlock);
        }
        if !self.signatures.is_sorted_by(|a, b| a.validator < b.validator) {
            return Err(CertificateRejected::NotSorted);
        }
        let voted = stake_of(self.signatures.iter().map(|part| part.validator), set)?;
        require(is_quorum(voted, set.total()), voted, set)
    }

    /// Do all signatures verify? Needs no set: a validator's address is its key. Cost: one batch verification.
    pub fn check_signatures(&self, chain: Hash32) -> Result<(), CertificateRejected> {
        check_votes(self.votes(), chain)
    }
}

/// The precommits represented by signatures.
pub(super) fn precommits(
    height: Height,
    round: Round,
    block: Hash32,
    signatures: &[CommitSignature],
) -> impl Iterator<Item = SignedVote> + '_ {
    signatures.iter().map(move |part| SignedVote {
        vote: Vote { kind: VoteKind::Precommit, height, round, value: Some(block), validator: part.validator },
        signature: part.signature,
    })
}

/// Sum of the signers' stake; refuses non-members. The caller excludes repeats.
pub(super) fn stake_of(
    signers: impl Iterator<Item = Address>,
    set: &ValidatorSet,
) -> Result<Stake, CertificateRejected> {
    signers.into_iter().try_fold(Stake::default(), |sum, validator| {
        let member = set.get(&validator).ok_or(CertificateRejected::Stranger { validator })?;
        Ok(sum.plus(member.stake))
    })
}

pub(super) fn require(enough: bool, voted: Stake, set: &ValidatorSet) -> Result<(), CertificateRejected> {
    if enough { Ok(()) } else { Err(CertificateRejected::NotEnoughStake { voted: voted.0, total: set.total().0 }) }
}

pub(super) fn check_votes(votes: impl Iterator<Item = SignedVote>, chain: Hash32) -> Result<(), CertificateRejected> {
    let checks: Vec<_> = votes.map(|vote| vote.signature_check(chain)).collect();
    match verify_batch(&checks).iter().position(|good| !good) {
        Some(wrong) => Err(CertificateRejected::BadSignature { validator: checks[wrong].signer }),
        None => Ok(()),
    }
}
