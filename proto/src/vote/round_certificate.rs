//! Votes of one round that help a node that is behind in rounds. SPEC VOTE-5.
//!
//! Start reading at [`RoundCertificate::check_structure`].

use super::certificate::{check_votes, require, stake_of};
use super::{CertificateRejected, SignedVote, VoteKind};
use crate::coins::{is_honest_share, is_quorum};
use crate::hash::Hash32;
use crate::units::{Height, Round};
use crate::validators::ValidatorSet;
use serde::{Deserialize, Serialize};

/// The fact that the votes prove to a node that is behind in rounds. SPEC VOTE-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum RoundProof {
    /// More than two thirds prevoted one block: it may be proposed again.
    Polka,
    /// More than two thirds precommitted, for any values: the round is over.
    Precommits,
    /// More than one third are in this round: it is safe to follow.
    Skip,
}

/// Votes of one round for a node that is behind: the wire form of Malachite's polka and round certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundCertificate {
    /// The proof.
    pub proof: RoundProof,
    /// The votes, all of one height and round, one per validator.
    pub votes: Vec<SignedVote>,
}

impl RoundCertificate {
    /// Height and round of its votes, or `None` if it is empty or mixes them.
    pub fn height_and_round(&self) -> Option<(Height, Round)> {
        let first = self.votes.first()?.vote;
        let same = |signed: &SignedVote| (signed.vote.height, signed.vote.round) == (first.height, first.round);
        self.votes.iter().all(same).then_some((first.height, first.round))
    }

    /// Do the votes support this proof, with enough stake? One vote per validator. SPEC VOTE-5.
    pub fn check_structure(&self, set: &ValidatorSet) -> Result<(), CertificateRejected> {
        let mut signers: Vec<_> = self.votes.iter().map(|signed| signed.vote.validator).collect();
        signers.sort_unstable();
        if !signers.is_sorted_by(|a, b| a < b) || self.height_and_round().is_none() {
            return Err(CertificateRejected::NotSorted);
        }
        if !self.votes_fit() {
            return Err(CertificateRejected::OtherVotes);
        }
        let voted = stake_of(signers.into_iter(), set)?;
        let enough = match self.proof {
            RoundProof::Polka | RoundProof::Precommits => is_quorum(voted, set.total()),
            RoundProof::Skip => is_honest_share(voted, set.total()),
        };
        require(enough, voted, set)
    }

    /// Do all signatures verify?
    pub fn check_signatures(&self, chain: Hash32) -> Result<(), CertificateRejected> {
        check_votes(self.votes.iter().copied(), chain)
    }

    /// Are its votes of the kind, and for the value, that its proof needs? SPEC VOTE-5.
    fn votes_fit(&self) -> bool {
        match (self.proof, self.votes.first()) {
            (RoundProof::Polka, Some(SignedVote { vote: first, .. })) => {
                let same =
                    |signed: &SignedVote| signed.vote.kind == VoteKind::Prevote && signed.vote.value == first.value;
                first.value.is_some() && self.votes.iter().all(same)
            }
            (RoundProof::Precommits, _) => self.votes.iter().all(|signed| signed.vote.kind == VoteKind::Precommit),
            (RoundProof::Polka, None) | (RoundProof::Skip, _) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Vote;
    use super::*;
    use crate::coins::Stake;
    use crate::keys::{Address, Signature};
    use crate::validators::Validator;

    const PEOPLE: u8 = 4;

    fn vote(person: u8, kind: VoteKind, value: Option<Hash32>) -> SignedVote {
        let vote = Vote { kind, height: Height(3), round: Round(1), value, validator: Address([person; 32]) };
        SignedVote { vote, signature: Signature([0; 64]) }
    }

    /// Four members of equal stake.
    fn set() -> ValidatorSet {
        let member = |person| Validator { address: Address([person; 32]), stake: Stake(1) };
        ValidatorSet::new((1..=PEOPLE).map(member).collect()).unwrap()
    }

    #[track_caller]
    fn check(proof: RoundProof, votes: &[SignedVote], expected: Result<(), CertificateRejected>) {
        assert_eq!(RoundCertificate { proof, votes: votes.to_vec() }.check_structure(&set()), expected);
    }

    #[test]
    fn a_polka_is_prevotes_for_one_block() {
        let block = Some(Hash32([1; 32]));
        let prevotes = [1, 2, 3].map(|person| vote(person, VoteKind::Prevote, block));
        check(RoundProof::Polka, &prevotes, Ok(()));
        let with = |other| [prevotes[0], prevotes[1], other];
        let refused = Err(CertificateRejected::OtherVotes);
        check(RoundProof::Polka, &with(vote(3, VoteKind::Precommit, block)), refused.clone());
        check(RoundProof::Polka, &with(vote(3, VoteKind::Prevote, None)), refused.clone());
        check(RoundProof::Polka, &with(vote(3, VoteKind::Prevote, Some(Hash32([2; 32])))), refused.clone());
        check(RoundProof::Polka, &[1, 2, 3].map(|person| vote(person, VoteKind::Prevote, None)), refused);
    }

    #[test]
    fn a_finished_round_is_precommits_for_whatever() {
        let block = Some(Hash32([1; 32]));
        let precommits = [
            vote(1, VoteKind::Precommit, block),
            vote(2, VoteKind::Precommit, None),
            vote(4, VoteKind::Precommit, None),
        ];
        check(RoundProof::Precommits, &precommits, Ok(()));
        let with_prevote = [precommits[0], precommits[1], vote(4, VoteKind::Prevote, None)];
        check(RoundProof::Precommits, &with_prevote, Err(CertificateRejected::OtherVotes));
    }

    #[test]
    fn more_than_a_third_justifies_a_skip_and_nobody_counts_twice() {
        let (prevote, precommit) = (vote(1, VoteKind::Prevote, None), vote(2, VoteKind::Precommit, None));
        check(RoundProof::Skip, &[prevote, precommit], Ok(()));
        check(RoundProof::Skip, &[prevote], Err(CertificateRejected::NotEnoughStake { voted: 1, total: 4 }));
        let twice = [prevote, vote(1, VoteKind::Precommit, None)];
        check(RoundProof::Skip, &twice, Err(CertificateRejected::NotSorted));
        check(RoundProof::Skip, &[], Err(CertificateRejected::NotSorted));
        let validator = Address([9; 32]);
        let strange = [prevote, vote(9, VoteKind::Prevote, None)];
        check(RoundProof::Skip, &strange, Err(CertificateRejected::Stranger { validator }));
    }
}
