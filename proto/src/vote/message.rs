//! Messages of a validator: votes and proposals, and what it signs of them. SPEC VOTE-1, VOTE-2.

use crate::codec;
use crate::hash::{Hash32, label};
use crate::keys::{Address, Signature, SignatureCheck, Signer, sign_hash};
use crate::units::{Height, Round};
use serde::{Deserialize, Serialize};

/// The two votes of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum VoteKind {
    /// "I find it valid."
    Prevote,
    /// "I saw more than two thirds find it valid."
    Precommit,
}

/// One validator's vote. `value` is a block hash, or `None` for nil. SPEC VOTE-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The block, or nil.
    pub value: Option<Hash32>,
    /// The voter.
    pub validator: Address,
}

impl Vote {
    /// The hash a validator signs.
    pub fn sign_hash(&self, chain: Hash32) -> Hash32 {
        sign_hash(label::SIGN_VOTE, chain, &codec::encode(self))
    }

    /// Signs it. Panics if `signer` is not the validator.
    pub fn sign(self, chain: Hash32, signer: &Signer) -> SignedVote {
        assert_eq!(signer.address(), self.validator, "a validator signs its own votes only");
        SignedVote { vote: self, signature: signer.sign(self.sign_hash(chain)) }
    }
}

/// A vote whose signature is not verified yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedVote {
    /// The signed content.
    pub vote: Vote,
    /// Signature of its validator.
    pub signature: Signature,
}

impl SignedVote {
    /// Input of signature verification.
    pub fn signature_check(&self, chain: Hash32) -> SignatureCheck {
        SignatureCheck { signer: self.vote.validator, hash: self.vote.sign_hash(chain), signature: self.signature }
    }
}

/// A leader proposes a block, by hash. SPEC VOTE-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The block.
    pub block: Hash32,
    /// The earlier round in which more than two thirds prevoted it, if it is proposed again.
    pub lock_round: Option<Round>,
    /// The leader of `round`.
    pub leader: Address,
}

impl Proposal {
    /// The hash a leader signs.
    pub fn sign_hash(&self, chain: Hash32) -> Hash32 {
        sign_hash(label::SIGN_PROPOSAL, chain, &codec::encode(self))
    }

    /// Signs it. Panics if `signer` is not the leader.
    pub fn sign(self, chain: Hash32, signer: &Signer) -> SignedProposal {
        assert_eq!(signer.address(), self.leader, "a leader signs its own proposals only");
        SignedProposal { proposal: self, signature: signer.sign(self.sign_hash(chain)) }
    }
}

/// A proposal whose signature is not verified yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedProposal {
    /// The signed content.
    pub proposal: Proposal,
    /// Signature of its leader.
    pub signature: Signature,
}

impl SignedProposal {
    /// Input of signature verification.
    pub fn signature_check(&self, chain: Hash32) -> SignatureCheck {
        SignatureCheck { signer: self.proposal.leader, hash: self.proposal.sign_hash(chain), signature: self.signature }
    }
}
