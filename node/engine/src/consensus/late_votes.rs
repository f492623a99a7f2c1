//! Precommits that arrive after the decision: for the tip, and for its parent. SPEC ABS-1, BLOCK-7.
//!
//! The core's certificate is a bare quorum, in which a healthy validator with a little more delay never appears. The
//! next block's commit contains all precommits received until it is proposed; the block after that, the later ones.
//! Always true: only verified precommits of members, for two heights, one per member: bounded by the sets.

use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{Certificate, CommitSignature, LatePrecommits, SignedVote, VoteKind};

/// The growing commits of the last two final blocks.
pub(super) struct LateVotes {
    tip: Option<Commit>,
    before: Option<Commit>,
}

/// A commit, and the set that decided.
struct Commit {
    certificate: Certificate,
    members: ValidatorSet,
}

impl LateVotes {
    /// At a tip that this set decided; without a certificate at genesis.
    pub(super) fn new(certificate: Option<Certificate>, members: &ValidatorSet) -> Self {
        let commit = |certificate| Commit { certificate, members: members.clone() };
        Self { tip: certificate.map(commit), before: None }
    }

    /// The tip moved to a block that this set decided: by one, or, while catching up, by several.
    pub(super) fn tip_moved(&mut self, certificate: Certificate, members: &ValidatorSet) {
        let height = certificate.height;
        let last = self.tip.replace(Commit { certificate, members: members.clone() });
        self.before = last.filter(|last| last.certificate.height.next() == height);
    }

    /// Adds a verified precommit for one of the two blocks. `true` if it is new.
    pub(super) fn add(&mut self, signed: &SignedVote) -> bool {
        [&mut self.tip, &mut self.before].into_iter().flatten().any(|commit| commit.add(signed))
    }

    /// The commit of the tip, with all precommits received so far.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        self.tip.as_ref().map(|commit| &commit.certificate)
    }

    /// All precommits received for the tip's parent; the ledger leaves out those already counted.
    pub(super) fn late(&self) -> Option<LatePrecommits> {
        let Certificate { round, block, signatures, .. } = self.before.as_ref()?.certificate.clone();
        Some(LatePrecommits { round, block, signatures })
    }
}

impl Commit {
    fn add(&mut self, signed: &SignedVote) -> bool {
        let (vote, certificate) = (&signed.vote, &mut self.certificate);
        let same = vote.kind == VoteKind::Precommit
            && (vote.height, vote.round, vote.value)
                == (certificate.height, certificate.round, Some(certificate.block));
        if !same || self.members.get(&vote.validator).is_none() {
            return false;
        }
        match certificate.signatures.binary_search_by_key(&vote.validator, |part| part.validator) {
            Ok(_) => false,
            Err(index) => {
                let part = CommitSignature { validator: vote.validator, signature: signed.signature };
                certificate.signatures.insert(index, part);
                true
            }
        }
    }
}
