//! From canonical bytes to what an engine may be told: decoded and verified, as a node does it with what peers send.
//!
//! Always true: nothing unverified becomes a [`Heard`]. A message is verified once for all who receive the same bytes:
//! the verdict depends on bytes and chain only.

use blockchat_engine::event::{Event, PeerTag};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::codec;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Ledger;
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

    /// Is it of somebody who is no member, or a block by rules that the node does not know? A node drops such before it
    /// spends time on them; of the height after the one being decided it does not know the members yet.
    pub fn is_noise(&self, ledger: &Ledger) -> bool {
        if matches!(self, Self::Proposal(_, Some(block)) if block.header().version > ledger.known_version()) {
            return true;
        }
        let Some(author) = self.author() else {
            return false;
        };
        self.height() != ledger.tip().height.next().next() && ledger.validators().get(&author).is_none()
    }

    fn author(&self) -> Option<Address> {
        match self {
            Self::Vote(vote) => Some(vote.get().vote.validator),
            Self::Proposal(proposal, _) => Some(proposal.get().proposal.leader),
            Self::Certificate(_) => None,
        }
    }

    fn height(&self) -> Height {
        self.place().0
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
