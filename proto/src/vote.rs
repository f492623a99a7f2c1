//! Proposals, votes, certificates, evidence. SPEC VOTE-1 to VOTE-6.
//!
//! Owns: the wire types, what is signed, and every check that needs no validator set but the one handed in.
//! Does not own: when to vote (the engine, with Malachite's core).
//! Always true: sign hashes cover label, chain, kind, height, round, value and validator, so certificates can rebuild the
//! votes they stand for; a `Verified*` value carries only good signatures of the keys it names, of members or not.
//! Start reading at [`Vote`].

use crate::codec;
use crate::coins::{Stake, is_honest_share, is_quorum};
use crate::hash::{Hash32, label};
use crate::keys::{Address, Signature, SignatureCheck, Signer, sign_hash, verify_batch};
use crate::units::{Height, Round};
use crate::validators::ValidatorSet;
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
    /// For this height,
    pub height: Height,
    /// in this round,
    pub round: Round,
    /// this block, or nil.
    pub value: Option<Hash32>,
    /// Whose vote it is.
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

/// A vote with a signature that nobody has checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedVote {
    /// What was signed.
    pub vote: Vote,
    /// By its validator.
    pub signature: Signature,
}

impl SignedVote {
    /// What to hand to signature verification.
    pub fn signature_check(&self, chain: Hash32) -> SignatureCheck {
        SignatureCheck { signer: self.vote.validator, hash: self.vote.sign_hash(chain), signature: self.signature }
    }
}

/// A leader proposes a block, by hash. SPEC VOTE-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// For this height,
    pub height: Height,
    /// in this round,
    pub round: Round,
    /// this block.
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

/// A proposal with a signature that nobody has checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedProposal {
    /// What was signed.
    pub proposal: Proposal,
    /// By its leader.
    pub signature: Signature,
}

impl SignedProposal {
    /// What to hand to signature verification.
    pub fn signature_check(&self, chain: Hash32) -> SignatureCheck {
        SignatureCheck { signer: self.proposal.leader, hash: self.proposal.sign_hash(chain), signature: self.signature }
    }
}

/// One validator's part of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitSignature {
    /// Who precommitted.
    pub validator: Address,
    /// Its signature of the precommit.
    pub signature: Signature,
}

/// More than two thirds of a height's stake precommitted this block in this round. SPEC VOTE-4.
///
/// Valid ones are sorted by address without repeats, and every signature verifies; late ones beyond the quorum are
/// welcome, because a block's copy also records who was present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Of this height,
    pub height: Height,
    /// decided in this round,
    pub round: Round,
    /// this block.
    pub block: Hash32,
    /// The precommits, sorted by address.
    pub signatures: Vec<CommitSignature>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRejected {
    /// Another height or block than it should be about.
    #[error("certificate is for another block")]
    OtherBlock,
    /// Not sorted by address, or somebody twice.
    #[error("certificate signatures are not sorted by address without repeats")]
    NotSorted,
    /// A vote of another kind or for another value than its proof speaks of.
    #[error("certificate holds votes that prove something else")]
    OtherVotes,
    /// A signer outside the set.
    #[error("certificate signer {validator} is not a validator of the height")]
    Stranger {
        /// Who.
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
        /// Whose.
        validator: Address,
    },
}

impl Certificate {
    /// The precommits it stands for.
    pub fn votes(&self) -> impl Iterator<Item = SignedVote> + '_ {
        self.signatures.iter().map(|part| SignedVote {
            vote: Vote {
                kind: VoteKind::Precommit,
                height: self.height,
                round: self.round,
                value: Some(self.block),
                validator: part.validator,
            },
            signature: part.signature,
        })
    }

    /// Does it prove that `set` decided `block` at `height`, signatures aside? SPEC VOTE-4.
    ///
    /// Cost: one look-up a signature. Pair it with [`Certificate::check_signatures`].
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

/// Sum of the signers' stake; refuses strangers. Repeats are for the caller to exclude.
pub(crate) fn stake_of(
    signers: impl Iterator<Item = Address>,
    set: &ValidatorSet,
) -> Result<Stake, CertificateRejected> {
    signers.into_iter().try_fold(Stake::default(), |sum, validator| {
        let member = set.get(&validator).ok_or(CertificateRejected::Stranger { validator })?;
        Ok(sum.plus(member.stake))
    })
}

fn require(enough: bool, voted: Stake, set: &ValidatorSet) -> Result<(), CertificateRejected> {
    if enough { Ok(()) } else { Err(CertificateRejected::NotEnoughStake { voted: voted.0, total: set.total().0 }) }
}

fn check_votes(votes: impl Iterator<Item = SignedVote>, chain: Hash32) -> Result<(), CertificateRejected> {
    let checks: Vec<_> = votes.map(|vote| vote.signature_check(chain)).collect();
    match verify_batch(&checks).iter().position(|good| !good) {
        Some(wrong) => Err(CertificateRejected::BadSignature { validator: checks[wrong].signer }),
        None => Ok(()),
    }
}

/// What a bundle of one round's votes proves to a node that is behind in rounds. SPEC VOTE-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum RoundProof {
    /// More than two thirds prevoted one block: it may be proposed again.
    Polka,
    /// More than two thirds precommitted, for anything: the round is over.
    Precommits,
    /// More than one third are in this round: it is safe to follow.
    Skip,
}

/// Votes of one round that let a laggard follow: the wire form of Malachite's polka and round certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundCertificate {
    /// What it proves.
    pub proof: RoundProof,
    /// The votes, of one height and one round, each validator once.
    pub votes: Vec<SignedVote>,
}

impl RoundCertificate {
    /// Are its votes of the kind, and for the value, that its proof speaks of? SPEC VOTE-5.
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

    /// Height and round of its votes, or `None` if it has none or mixes them.
    pub fn height_and_round(&self) -> Option<(Height, Round)> {
        let first = self.votes.first()?.vote;
        let same = |signed: &SignedVote| (signed.vote.height, signed.vote.round) == (first.height, first.round);
        self.votes.iter().all(same).then_some((first.height, first.round))
    }

    /// Do the votes say what this proof needs, and carry the stake? Every validator once. SPEC VOTE-5.
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
}

/// Two contradicting messages of one key. SPEC EVID-1. Their bytes are fixed; the rules that punish come with EVID-2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Evidence {
    /// Two different votes of one kind, height and round.
    Votes {
        /// The smaller one in encoding order,
        first: SignedVote,
        /// and the other.
        second: SignedVote,
    },
    /// Two different proposals of one height and round.
    Proposals {
        /// The smaller one in encoding order,
        first: SignedProposal,
        /// and the other.
        second: SignedProposal,
    },
}

/// A consensus message whose signatures verify under the keys it names. Membership is the engine's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The message.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The message, by value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A consensus message carries a signature that does not verify: whoever sent it is lying or broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signature in the message does not verify")]
pub struct BadSignature;

/// Messages that verify without knowing a validator set, because an address is a key.
pub trait VerifySignatures: Sized {
    /// Do all its signatures verify on this chain?
    fn signatures_verify(&self, chain: Hash32) -> bool;

    /// Proof that they do.
    fn verify(self, chain: Hash32) -> Result<Verified<Self>, BadSignature> {
        if self.signatures_verify(chain) { Ok(Verified(self)) } else { Err(BadSignature) }
    }
}

impl VerifySignatures for SignedVote {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.signature_check(chain).verify()
    }
}

impl VerifySignatures for SignedProposal {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.signature_check(chain).verify()
    }
}

impl VerifySignatures for Certificate {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.check_signatures(chain).is_ok()
    }
}

impl VerifySignatures for RoundCertificate {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.check_signatures(chain).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
