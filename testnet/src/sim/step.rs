//! The steps of a height between which a crash can fall.

use blockchat_engine::journal::{JournalEntry, JournalRecord};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::units::Height;
use blockchat_proto::vote::VoteKind;

/// A piece of an effect that happens or does not happen, never half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A block's bytes are appended to the journal.
    BodyJournaled,
    /// A verdict is.
    VerdictJournaled,
    /// A proposal is.
    ProposalJournaled,
    /// A first vote is.
    PrevoteJournaled,
    /// A second vote is.
    PrecommitJournaled,
    /// A timeout, a certificate or a loss is.
    OtherJournaled,
    /// The journal is durable, the guard not yet.
    JournalSynced,
    /// The guard is durable too.
    GuardRaised,
    /// A proposal left.
    ProposalSent,
    /// A first vote left.
    PrevoteSent,
    /// A second vote left.
    PrecommitSent,
    /// The final block is durable, the journal not yet emptied.
    BlockStored,
    /// The journal is empty.
    JournalEmptied,
    /// Anything else.
    Other,
}

impl Step {
    /// The steps in which all nodes are killed at once, one after the other.
    pub const KILLING: [Self; 13] = [
        Self::BodyJournaled,
        Self::VerdictJournaled,
        Self::ProposalJournaled,
        Self::PrevoteJournaled,
        Self::PrecommitJournaled,
        Self::OtherJournaled,
        Self::JournalSynced,
        Self::GuardRaised,
        Self::ProposalSent,
        Self::PrevoteSent,
        Self::PrecommitSent,
        Self::BlockStored,
        Self::JournalEmptied,
    ];

    /// Of appending this entry, with its height.
    pub fn journaled(entry: &JournalEntry) -> (Self, Height) {
        let step = match &entry.record {
            JournalRecord::Body(_) => Self::BodyJournaled,
            JournalRecord::Verdict { .. } => Self::VerdictJournaled,
            JournalRecord::Proposal(_) => Self::ProposalJournaled,
            JournalRecord::Vote(signed) if signed.vote.kind == VoteKind::Prevote => Self::PrevoteJournaled,
            JournalRecord::Vote(_) => Self::PrecommitJournaled,
            JournalRecord::Timeout { .. } | JournalRecord::Certificate(_) | JournalRecord::Lost(_) => {
                Self::OtherJournaled
            }
        };
        (step, entry.height)
    }

    /// Of sending this message, with its height.
    pub fn sent(message: &ConsensusMessage) -> (Self, Height) {
        match message {
            ConsensusMessage::Proposal { proposal, .. } => (Self::ProposalSent, proposal.proposal.height),
            ConsensusMessage::Vote(signed) if signed.vote.kind == VoteKind::Prevote => {
                (Self::PrevoteSent, signed.vote.height)
            }
            ConsensusMessage::Vote(signed) => (Self::PrecommitSent, signed.vote.height),
            ConsensusMessage::RoundCertificate(_) => (Self::Other, Height(0)),
        }
    }
}
