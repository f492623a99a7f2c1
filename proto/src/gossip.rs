//! Messages on the gossipsub topics. SPEC GOSSIP-1 to GOSSIP-3, GOSSIP-5.
//!
//! Always true: two sends of one message differ in bytes (by the salt; only evidence has none), because gossip drops a
//! message it has already seen. Envelopes are not signed; their content is.

use crate::block::Block;
use crate::transaction::SignedTransaction;
use crate::vote::{Evidence, RoundCertificate, SignedProposal, SignedVote};
use serde::{Deserialize, Serialize};

/// Version of every envelope below.
pub const ENVELOPE_VERSION: u16 = 1;

/// The topics of a chain. SPEC GOSSIP-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// [`TransactionBatch`]es.
    Transactions,
    /// [`ConsensusEnvelope`]s that hold a proposal.
    Blocks,
    /// All other [`ConsensusEnvelope`]s.
    Votes,
    /// [`EvidenceEnvelope`]s.
    Evidence,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Transactions, Self::Blocks, Self::Votes, Self::Evidence];

    /// Its name on the chain with this short name (`name-8hex`). A version of the rules that changes the encoding of
    /// its messages raises its number. SPEC VER-6.
    pub fn name(self, chain: &str) -> String {
        let kind = match self {
            Self::Transactions => "tx",
            Self::Blocks => "block",
            Self::Votes => "vote",
            Self::Evidence => "evidence",
        };
        format!("/blockchat/{chain}/{kind}/1")
    }
}

/// Transactions sent together: one frame and one flush per hop for many. SPEC GOSSIP-2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionBatch {
    /// [`ENVELOPE_VERSION`].
    pub version: u16,
    /// Gives a repeated batch different bytes.
    pub salt: u64,
    /// At most [`crate::limits::BATCH_TRANSACTIONS_MAX`], all of this chain.
    pub transactions: Vec<SignedTransaction>,
}

/// One consensus message on the wire. SPEC GOSSIP-3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusEnvelope {
    /// [`ENVELOPE_VERSION`].
    pub version: u16,
    /// A new unpredictable number for every send. If it were predictable, an attacker could send all repetitions before
    /// their author, and gossip would drop the author's.
    pub salt: u64,
    /// The message.
    pub message: ConsensusMessage,
}

/// Evidence on the wire. SPEC GOSSIP-5. Without a salt: the same evidence is always the same message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceEnvelope {
    /// [`ENVELOPE_VERSION`].
    pub version: u16,
    /// The evidence.
    pub evidence: Evidence,
}

/// A message between validators.
#[expect(clippy::large_enum_variant, reason = "one value a message, moved a few times, never collected")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ConsensusMessage {
    /// A proposal, with its block unless that was sent in an earlier round.
    Proposal {
        /// The leader's signed hash.
        proposal: SignedProposal,
        /// The block with that hash.
        block: Option<Block>,
    },
    /// A vote.
    Vote(SignedVote),
    /// Votes of others that help a node catch up with the round.
    RoundCertificate(RoundCertificate),
}

impl ConsensusMessage {
    /// The topic it travels on.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Proposal { .. } => Topic::Blocks,
            Self::Vote(_) | Self::RoundCertificate(_) => Topic::Votes,
        }
    }
}
