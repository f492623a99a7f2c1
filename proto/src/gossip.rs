//! What travels on the gossipsub topics. SPEC GOSSIP-1 to GOSSIP-3, GOSSIP-5.
//!
//! Always true: two sends of one message differ in bytes (the salt; only evidence has none), because gossip remembers what it saw and swallows a
//! repetition. No envelope is signed: what is inside is.

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

    /// Its name on the chain with this short name (`name-8hex`). Its number rises with a version of the rules that writes
    /// its messages in another way. SPEC VER-6.
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

/// Transactions that travel together: one frame and one flush at every hop for many. SPEC GOSSIP-2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionBatch {
    /// [`ENVELOPE_VERSION`].
    pub version: u16,
    /// Makes a repeated batch other bytes.
    pub salt: u64,
    /// At most [`crate::limits::BATCH_TRANSACTIONS_MAX`], all of this chain.
    pub transactions: Vec<SignedTransaction>,
}

/// One consensus message on its way. SPEC GOSSIP-3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusEnvelope {
    /// [`ENVELOPE_VERSION`].
    pub version: u16,
    /// Another number with every send, which nobody can foresee: whoever could would send all repetitions to come before
    /// their author does, and gossip would swallow those of the author.
    pub salt: u64,
    /// The message.
    pub message: ConsensusMessage,
}

/// Evidence on its way. SPEC GOSSIP-5. Without a salt: the same evidence again is the same message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceEnvelope {
    /// [`ENVELOPE_VERSION`].
    pub version: u16,
    /// The evidence.
    pub evidence: Evidence,
}

/// What validators say to each other.
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
    /// Votes of others that let a laggard follow.
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
