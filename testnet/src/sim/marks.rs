//! The mark of each signed message: its place in a height, and its content. Journals, guards and the checker compare
//! marks.

use blockchat_engine::journal::{GuardMark, SignStep};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::vote::{SignedProposal, SignedVote, VoteKind};

/// Of a vote.
pub(super) fn vote_mark(signed: &SignedVote, chain: Hash32) -> GuardMark {
    let step = match signed.vote.kind {
        VoteKind::Prevote => SignStep::Prevote,
        VoteKind::Precommit => SignStep::Precommit,
    };
    GuardMark { height: signed.vote.height, round: signed.vote.round, step, hash: signed.vote.sign_hash(chain) }
}

/// Of a proposal.
pub(super) fn proposal_mark(signed: &SignedProposal, chain: Hash32) -> GuardMark {
    let (height, round) = (signed.proposal.height, signed.proposal.round);
    GuardMark { height, round, step: SignStep::Proposal, hash: signed.proposal.sign_hash(chain) }
}

/// Everything in a message that this key signed: itself, or, of a certificate, votes of the key that were never sent alone.
pub(super) fn own_marks(said: &ConsensusMessage, own: Address, chain: Hash32) -> Vec<GuardMark> {
    match said {
        ConsensusMessage::RoundCertificate(certificate) => {
            let own = certificate.votes.iter().filter(|signed| signed.vote.validator == own);
            own.map(|signed| vote_mark(signed, chain)).collect()
        }
        ConsensusMessage::Vote(_) | ConsensusMessage::Proposal { .. } => {
            own_message(said, own, chain).map(|(mark, _)| mark).into_iter().collect()
        }
    }
}

/// The mark of a message and the block it is for, if this key signed it.
pub(super) fn own_message(said: &ConsensusMessage, own: Address, chain: Hash32) -> Option<(GuardMark, Option<Hash32>)> {
    match said {
        ConsensusMessage::Vote(signed) if signed.vote.validator == own => {
            Some((vote_mark(signed, chain), signed.vote.value))
        }
        ConsensusMessage::Proposal { proposal, .. } if proposal.proposal.leader == own => {
            Some((proposal_mark(proposal, chain), Some(proposal.proposal.block)))
        }
        _ => None,
    }
}
