//! From canonical bytes to what an engine may be told: decoded and verified, as a node does it with what peers send.
//!
//! Always true: nothing unverified becomes a [`Heard`]. A message is verified once for all receivers of the same bytes:
//! the verdict depends on bytes and chain only.

use blockchat_engine::event::{Event, PeerTag};
use blockchat_engine::relevance::{Brought, Horizon, Refused, Use};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::codec;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::limits;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{RoundCertificate, SignedProposal, SignedVote, Verified, VerifySignatures};

/// Room for the frame of an envelope around a block.
const FRAME_BYTES: usize = 64 * 1024;

/// A consensus message whose signatures hold.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A vote.
    Vote(Verified<SignedVote>),
    /// A proposal, with its block or without.
    Proposal(Verified<SignedProposal>, Option<VerifiedBlock>),
    /// Votes of others.
    Certificate(Verified<RoundCertificate>),
}

/// Sends a message through its bytes, and verifies it. `None`: an honest node drops it.
pub fn transmit(
    message: ConsensusMessage,
    salt: u64,
    chain: Hash32,
    known: impl Fn(&TransactionId) -> Option<VerifiedTransaction>,
) -> Option<Heard> {
    let bytes = codec::encode(&ConsensusEnvelope { version: ENVELOPE_VERSION, salt, message });
    let envelope: ConsensusEnvelope = codec::decode(&bytes, limits::BLOCK_BYTES_MAX + FRAME_BYTES).ok()?;
    match envelope.message {
        ConsensusMessage::Vote(vote) => Some(Heard::Vote(vote.verify(chain).ok()?)),
        ConsensusMessage::RoundCertificate(certificate) => Some(Heard::Certificate(certificate.verify(chain).ok()?)),
        ConsensusMessage::Proposal { proposal, block } => {
            let block = block.map(|block| block.verify(chain, known)).transpose().ok()?;
            Some(Heard::Proposal(proposal.verify(chain).ok()?, block))
        }
    }
}

impl Heard {
    /// As an event of the engine.
    pub fn event(self, from: PeerTag) -> Event {
        match self {
            Self::Vote(vote) => Event::Vote { from, vote },
            Self::Proposal(proposal, block) => Event::Proposal { from, proposal, block },
            Self::Certificate(certificate) => Event::RoundCertificate { from, certificate },
        }
    }

    /// As it travels.
    pub fn as_message(&self) -> ConsensusMessage {
        match self {
            Self::Vote(vote) => ConsensusMessage::Vote(*vote.get()),
            Self::Proposal(proposal, block) => ConsensusMessage::Proposal {
                proposal: *proposal.get(),
                block: block.as_ref().map(VerifiedBlock::to_block),
            },
            Self::Certificate(certificate) => ConsensusMessage::RoundCertificate(certificate.get().clone()),
        }
    }

    /// Of what use it is to a node with this horizon: asked before anything is spent on it, as a node does.
    pub fn relevance(&self, horizon: &Horizon<'_>) -> Result<Use, Refused> {
        match self {
            Self::Vote(vote) => horizon.vote(&vote.get().vote),
            Self::Proposal(proposal, block) => {
                horizon.proposal(&proposal.get().proposal, block.as_ref().map(Brought::from))
            }
            Self::Certificate(certificate) => horizon.certificate(certificate.get()),
        }
    }

    /// Without the block that it brings.
    pub fn without_block(self) -> Self {
        match self {
            Self::Proposal(proposal, _) => Self::Proposal(proposal, None),
            other => other,
        }
    }

    /// The keys that signed it.
    pub fn authors(&self) -> Vec<Address> {
        match self {
            Self::Vote(vote) => vec![vote.get().vote.validator],
            Self::Proposal(proposal, _) => vec![proposal.get().proposal.leader],
            Self::Certificate(votes) => votes.get().votes.iter().map(|signed| signed.vote.validator).collect(),
        }
    }

    /// Height and round it is about.
    pub fn place(&self) -> (Height, Round) {
        match self {
            Self::Vote(vote) => (vote.get().vote.height, vote.get().vote.round),
            Self::Proposal(proposal, _) => (proposal.get().proposal.height, proposal.get().proposal.round),
            Self::Certificate(certificate) => certificate.get().height_and_round().unwrap_or_default(),
        }
    }
}
