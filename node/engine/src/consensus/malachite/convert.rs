//! Converts between the core's messages and ours. Both directions keep every field and decide nothing.

use super::context::{BlockHash, BlockchatContext, CoreAddress, CoreHeight, CoreProposal, CoreVote};
use blockchat_proto::units::Round;
use blockchat_proto::vote::{
    Certificate, CommitSignature, Proposal, RoundCertificate, RoundProof, SignedProposal, SignedVote, Vote, VoteKind,
};
use malachitebft_core_types as core;
use malachitebft_core_types::{NilOrVal, VoteType};

/// From ours to the core's.
pub(super) fn core_round(round: Round) -> core::Round {
    core::Round::new(round.0)
}

/// From the core's to ours. Messages always carry a defined round; an undefined one counts as 0.
pub(super) fn our_round(round: core::Round) -> Round {
    Round(round.as_u32().unwrap_or(0))
}

pub(super) fn core_vote(signed: &SignedVote) -> core::SignedVote<BlockchatContext> {
    let Vote { kind, height, round, value, validator } = signed.vote;
    let vote = CoreVote {
        kind: match kind {
            VoteKind::Prevote => VoteType::Prevote,
            VoteKind::Precommit => VoteType::Precommit,
        },
        height: CoreHeight(height),
        round: core_round(round),
        value: value.map_or(NilOrVal::Nil, |block| NilOrVal::Val(BlockHash(block))),
        validator: CoreAddress(validator),
    };
    core::SignedVote::new(vote, signed.signature)
}

pub(super) fn our_unsigned_vote(vote: &CoreVote) -> Vote {
    Vote {
        kind: match vote.kind {
            VoteType::Prevote => VoteKind::Prevote,
            VoteType::Precommit => VoteKind::Precommit,
        },
        height: vote.height.0,
        round: our_round(vote.round),
        value: match vote.value {
            NilOrVal::Nil => None,
            NilOrVal::Val(BlockHash(block)) => Some(block),
        },
        validator: vote.validator.0,
    }
}

pub(super) fn our_vote(signed: &core::SignedVote<BlockchatContext>) -> SignedVote {
    SignedVote { vote: our_unsigned_vote(&signed.message), signature: signed.signature }
}

pub(super) fn core_proposal(signed: &SignedProposal) -> core::SignedProposal<BlockchatContext> {
    let Proposal { height, round, block, lock_round, leader } = signed.proposal;
    let proposal = CoreProposal {
        height: CoreHeight(height),
        round: core_round(round),
        block: BlockHash(block),
        lock_round: lock_round.map_or(core::Round::Nil, core_round),
        leader: CoreAddress(leader),
    };
    core::SignedProposal::new(proposal, signed.signature)
}

pub(super) fn our_unsigned_proposal(proposal: &CoreProposal) -> Proposal {
    Proposal {
        height: proposal.height.0,
        round: our_round(proposal.round),
        block: proposal.block.0,
        lock_round: proposal.lock_round.as_u32().map(Round),
        leader: proposal.leader.0,
    }
}

pub(super) fn our_proposal(signed: &core::SignedProposal<BlockchatContext>) -> SignedProposal {
    SignedProposal { proposal: our_unsigned_proposal(&signed.message), signature: signed.signature }
}

/// A decision's certificate, sorted by address as SPEC VOTE-4 requires.
pub(super) fn our_certificate(certificate: &core::CommitCertificate<BlockchatContext>) -> Certificate {
    let part = |part: &core::CommitSignature<BlockchatContext>| CommitSignature {
        validator: part.address.0,
        signature: part.signature,
    };
    let mut signatures: Vec<_> = certificate.commit_signatures.iter().map(part).collect();
    signatures.sort_by_key(|part| part.validator);
    Certificate {
        height: certificate.height.0,
        round: our_round(certificate.round),
        block: certificate.value_id.0,
        signatures,
    }
}

pub(super) fn our_polka(certificate: &core::PolkaCertificate<BlockchatContext>) -> RoundCertificate {
    let votes = certificate.votes(&BlockchatContext).map(|vote| our_vote(&vote)).collect();
    RoundCertificate { proof: RoundProof::Polka, votes }
}

pub(super) fn our_round_certificate(certificate: &core::RoundCertificate<BlockchatContext>) -> RoundCertificate {
    let proof = match certificate.cert_type {
        core::RoundCertificateType::Skip => RoundProof::Skip,
        core::RoundCertificateType::Precommit => RoundProof::Precommits,
    };
    let votes = certificate.votes(&BlockchatContext).map(|vote| our_vote(&vote)).collect();
    RoundCertificate { proof, votes }
}

/// A round certificate in one of the core's two forms.
pub(super) enum CoreCertificate {
    Polka(core::PolkaCertificate<BlockchatContext>),
    Round(core::RoundCertificate<BlockchatContext>),
}

/// `None` if it has no votes, mixes heights or rounds, or a polka's votes are not prevotes for one block.
pub(super) fn core_certificate(certificate: &RoundCertificate) -> Option<CoreCertificate> {
    let (height, round) = certificate.height_and_round()?;
    let (height, round) = (CoreHeight(height), core_round(round));
    let votes: Vec<_> = certificate.votes.iter().map(core_vote).collect();
    let cert_type = match certificate.proof {
        RoundProof::Polka => {
            let first = certificate.votes.first()?.vote;
            let same = |signed: &SignedVote| signed.vote.value == first.value && signed.vote.kind == VoteKind::Prevote;
            let block = first.value.filter(|_| certificate.votes.iter().all(same))?;
            let polka = core::PolkaCertificate::new(height, round, BlockHash(block), votes);
            return Some(CoreCertificate::Polka(polka));
        }
        RoundProof::Precommits => core::RoundCertificateType::Precommit,
        RoundProof::Skip => core::RoundCertificateType::Skip,
    };
    Some(CoreCertificate::Round(core::RoundCertificate::new_from_votes(height, round, cert_type, votes)))
}
