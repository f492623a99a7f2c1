//! The proof that a key signed two contradicting messages. SPEC EVID-1.
//!
//! The penalty: `ledger::punishment`, SPEC EVID-2.
//! Start reading at [`Evidence::check_structure`].

use super::{SignedProposal, SignedVote};
use crate::hash::Hash32;
use crate::keys::{Address, SignatureCheck};
use crate::units::Height;
use serde::{Deserialize, Serialize};

/// Two contradicting messages of one key. SPEC EVID-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Evidence {
    /// Two different votes of one kind, height and round.
    Votes {
        /// The smaller one in encoding order.
        first: SignedVote,
        /// The larger one.
        second: SignedVote,
    },
    /// Two different proposals of one height and round.
    Proposals {
        /// The smaller one in encoding order.
        first: SignedProposal,
        /// The larger one.
        second: SignedProposal,
    },
}

/// The reason why evidence proves nothing, or punishes no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceRejected {
    /// Different keys, kinds, heights or rounds: no contradiction.
    #[error("its two messages are not of one key, kind, height and round")]
    NotTheSame,
    /// They are equal, or the larger one comes first: each contradiction has one form.
    #[error("its two messages do not differ, or are not sorted")]
    NotSorted,
    /// A signature that does not verify.
    #[error("a signature of {accused} in evidence does not verify")]
    BadSignature {
        /// The accused.
        accused: Address,
    },
    /// SPEC EVID-3: the height is too old to be dated.
    #[error("it is about height {offence}, which is too old to be punished")]
    TooOld {
        /// The height of the offence.
        offence: Height,
    },
    /// SPEC EVID-2: the height is above the block's.
    #[error("it is about height {offence}, above block {height}")]
    NotYet {
        /// The height of the offence.
        offence: Height,
        /// The block that would contain it.
        height: Height,
    },
    /// SPEC EVID-2: punished at most once.
    #[error("{accused} is already barred")]
    Punished {
        /// The accused.
        accused: Address,
    },
    /// SPEC EVID-2: neither stake nor unbonding.
    #[error("{accused} has no stake to lose")]
    NothingToLose {
        /// The accused.
        accused: Address,
    },
}

impl Evidence {
    /// The contradiction of two votes, in either order, if there is one.
    pub fn of_votes(one: SignedVote, other: SignedVote) -> Option<Self> {
        let (first, second) = if one.vote < other.vote { (one, other) } else { (other, one) };
        Some(Self::Votes { first, second }).filter(|evidence| evidence.check_structure().is_ok())
    }

    /// The contradiction of two proposals, in either order, if there is one.
    pub fn of_proposals(one: SignedProposal, other: SignedProposal) -> Option<Self> {
        let (first, second) = if one.proposal < other.proposal { (one, other) } else { (other, one) };
        Some(Self::Proposals { first, second }).filter(|evidence| evidence.check_structure().is_ok())
    }

    /// The accused, if [`Evidence::check_structure`] succeeds.
    pub fn accused(&self) -> Address {
        match self {
            Self::Votes { first, .. } => first.vote.validator,
            Self::Proposals { first, .. } => first.proposal.leader,
        }
    }

    /// The height of the offence.
    pub fn height(&self) -> Height {
        match self {
            Self::Votes { first, .. } => first.vote.height,
            Self::Proposals { first, .. } => first.proposal.height,
        }
    }

    /// Are both of one key, about the same thing, different, and in order? Ignores signatures. SPEC EVID-1.
    ///
    /// Only signed content counts: two signatures of the same content are no contradiction.
    pub fn check_structure(&self) -> Result<(), EvidenceRejected> {
        let (same, sorted) = match self {
            Self::Votes { first, second } => {
                let (first, second) = (&first.vote, &second.vote);
                let about = [first, second].map(|vote| (vote.validator, vote.height, vote.round, vote.kind));
                (about[0] == about[1], first < second)
            }
            Self::Proposals { first, second } => {
                let (first, second) = (&first.proposal, &second.proposal);
                let about = [first, second].map(|proposal| (proposal.leader, proposal.height, proposal.round));
                (about[0] == about[1], first < second)
            }
        };
        match (same, sorted) {
            (false, _) => Err(EvidenceRejected::NotTheSame),
            (true, false) => Err(EvidenceRejected::NotSorted),
            (true, true) => Ok(()),
        }
    }

    /// Both signatures, for verification.
    pub fn signature_checks(&self, chain: Hash32) -> [SignatureCheck; 2] {
        match self {
            Self::Votes { first, second } => [first.signature_check(chain), second.signature_check(chain)],
            Self::Proposals { first, second } => [first.signature_check(chain), second.signature_check(chain)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Proposal, Vote, VoteKind};
    use super::*;
    use crate::keys::Signer;
    use crate::units::Round;

    const CHAIN: Hash32 = Hash32([7; 32]);

    fn signer() -> Signer {
        Signer::from_seed(&[1; 32])
    }

    fn vote(value: Option<Hash32>) -> Vote {
        let validator = signer().address();
        Vote { kind: VoteKind::Prevote, height: Height(3), round: Round(1), value, validator }
    }

    fn votes(first: Vote, second: Vote) -> Evidence {
        let sign = |vote: Vote| SignedVote { vote, signature: signer().sign(vote.sign_hash(CHAIN)) };
        Evidence::Votes { first: sign(first), second: sign(second) }
    }

    fn proposals(first: Proposal, second: Proposal) -> Evidence {
        let sign = |one: Proposal| SignedProposal { proposal: one, signature: signer().sign(one.sign_hash(CHAIN)) };
        Evidence::Proposals { first: sign(first), second: sign(second) }
    }

    #[track_caller]
    fn check(evidence: Evidence, expected: Result<(), EvidenceRejected>) {
        assert_eq!(evidence.verify(CHAIN).map(|_| ()), expected);
    }

    #[test]
    fn two_votes_of_one_key_about_one_thing_that_differ_are_evidence() {
        let (nil, block) = (vote(None), vote(Some(Hash32([1; 32]))));
        check(votes(nil, block), Ok(()));
        check(votes(block, nil), Err(EvidenceRejected::NotSorted));
        check(votes(nil, nil), Err(EvidenceRejected::NotSorted));
        let other = Err(EvidenceRejected::NotTheSame);
        check(votes(nil, Vote { kind: VoteKind::Precommit, ..block }), other);
        check(votes(nil, Vote { height: Height(4), ..block }), other);
        check(votes(nil, Vote { round: Round(2), ..block }), other);
        check(votes(nil, Vote { validator: Address([9; 32]), ..block }), other);
    }

    #[test]
    fn two_proposals_of_one_leader_and_round_that_differ_are_evidence() {
        let first = Proposal {
            height: Height(3),
            round: Round(1),
            block: Hash32([1; 32]),
            lock_round: None,
            leader: signer().address(),
        };
        let second = Proposal { block: Hash32([2; 32]), ..first };
        check(proposals(first, second), Ok(()));
        check(proposals(first, Proposal { lock_round: Some(Round(0)), ..first }), Ok(()));
        check(proposals(second, first), Err(EvidenceRejected::NotSorted));
        check(proposals(first, first), Err(EvidenceRejected::NotSorted));
        check(proposals(first, Proposal { round: Round(2), ..second }), Err(EvidenceRejected::NotTheSame));
        check(proposals(first, Proposal { height: Height(4), ..second }), Err(EvidenceRejected::NotTheSame));
        check(proposals(first, Proposal { leader: Address([9; 32]), ..second }), Err(EvidenceRejected::NotTheSame));
    }

    #[test]
    fn both_signatures_must_be_of_the_accused() {
        let accused = signer().address();
        for spoilt in 0..2 {
            let mut evidence = votes(vote(None), vote(Some(Hash32([1; 32]))));
            let Evidence::Votes { first, second } = &mut evidence else { unreachable!("made above") };
            [first, second][spoilt].signature.0[5] ^= 1;
            check(evidence, Err(EvidenceRejected::BadSignature { accused }));
        }
        let good = votes(vote(None), vote(Some(Hash32([1; 32]))));
        assert!(good.verify(Hash32::ZERO).is_err(), "what was said on one chain is no evidence on another");
    }
}
