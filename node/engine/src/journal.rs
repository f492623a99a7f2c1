//! What a node writes down before it speaks.
//!
//! Owns: the entries of the journal and the mark of the guard, with their bytes. Does not own: the files (`store`).
//! Always true: the entries of one height, replayed in order on a fresh voting core, bring it to where it was.

use blockchat_proto::codec::{self, DecodeRejected};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::limits;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{RoundCertificate, SignedProposal, SignedVote};
use serde::{Deserialize, Serialize};

/// One journal entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// The height it belongs to. Entries at or below the tip are leftovers of a crash between commit and emptying.
    pub height: Height,
    /// What happened.
    pub record: JournalRecord,
}

/// What moved the voting forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum JournalRecord {
    /// The canonical bytes of a block we may vote for: durable before our prevote leaves.
    Body(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Our verdict on a block.
    Verdict {
        /// Its hash.
        block: Hash32,
        /// Round it came in.
        round: Round,
        /// Lock round of the proposal it came with.
        lock_round: Option<Round>,
        /// Leader of `round`.
        leader: Address,
        /// Valid on our ledger?
        valid: bool,
    },
    /// A proposal, ours or another's.
    Proposal(SignedProposal),
    /// A vote, ours or another's.
    Vote(SignedVote),
    /// A timeout.
    Timeout {
        /// Of this round,
        round: Round,
        /// in this step.
        step: JournalStep,
    },
    /// A polka of others.
    Certificate(RoundCertificate),
}

/// The steps whose timeouts are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum JournalStep {
    /// Waiting for the proposal.
    Propose,
    /// Waiting for prevotes.
    Prevote,
    /// Waiting for precommits.
    Precommit,
}

/// Longest entry: a block and its frame, in bytes.
pub const JOURNAL_ENTRY_BYTES_MAX: usize = limits::BLOCK_BYTES_MAX + 1024;

impl JournalEntry {
    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// From canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeRejected> {
        codec::decode(bytes, JOURNAL_ENTRY_BYTES_MAX)
    }
}

/// What we sign in one round, in the order of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SignStep {
    /// As leader.
    Proposal,
    /// First vote.
    Prevote,
    /// Second vote.
    Precommit,
}

/// The highest thing a key has signed. Kept beside the key; only ever rises. SPEC VOTE-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardMark {
    /// Height, 0 before anything was signed.
    pub height: Height,
    /// Round.
    pub round: Round,
    /// Step.
    pub step: SignStep,
    /// Hash of what was signed there: the same may be signed again, anything else may not.
    pub hash: Hash32,
}

impl GuardMark {
    /// Nothing was ever signed: what `init` writes.
    pub const START: Self = Self { height: Height(0), round: Round(0), step: SignStep::Proposal, hash: Hash32::ZERO };

    /// May `next` be signed after this? Yes if it comes later, or is the very same.
    pub fn allows(&self, next: &Self) -> bool {
        let position = |mark: &Self| (mark.height, mark.round, mark.step);
        position(next) > position(self) || next == self
    }
}
