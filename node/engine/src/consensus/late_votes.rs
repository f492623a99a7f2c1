//! The tip's commit, growing: precommits that come after the decision. SPEC ABS-1.
//!
//! The core's certificate is a bare quorum, in which a healthy validator a little further away never appears; the next
//! block's commit carries everyone heard of until it is proposed.

use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{Certificate, CommitSignature, SignedVote, VoteKind};

/// The commit of the tip; none at genesis.
pub(super) struct LateVotes(Option<Certificate>);

impl LateVotes {
    pub(super) fn new(certificate: Option<Certificate>) -> Self {
        Self(certificate)
    }

    /// Adds a verified precommit for the tip. `true` if it is new.
    pub(super) fn add(&mut self, signed: &SignedVote, members: &ValidatorSet) -> bool {
        let Some(certificate) = &mut self.0 else {
            return false;
        };
        let vote = &signed.vote;
        let same = vote.kind == VoteKind::Precommit
            && (vote.height, vote.round, vote.value)
                == (certificate.height, certificate.round, Some(certificate.block));
        if !same || members.get(&vote.validator).is_none() {
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

    /// With everyone heard of so far.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        self.0.as_ref()
    }
}
