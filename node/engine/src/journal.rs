//! The write-ahead journal: what a node writes before it sends.
//!
//! Owns: the entries of the journal and the content of the guard, with their bytes. Does not own: the files (`store`).
//! Always true: the entries of one height, replayed in order on a fresh voting core, bring it back to its state. After
//! a [`JournalRecord::Lost`] they bring it to the end of the lost messages, not their content.

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
    /// Its height. Entries at or below the tip are leftovers of a crash between the write of the block and emptying.
    pub height: Height,
    /// The record.
    pub record: JournalRecord,
}

/// An input of the voting core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum JournalRecord {
    /// The canonical bytes of a block we may vote for: durable before our prevote is sent.
    Body(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Our verdict on a block.
    Verdict {
        /// Its hash.
        block: Hash32,
        /// Round in which it arrived.
        round: Round,
        /// Lock round of its proposal.
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
        /// The round.
        round: Round,
        /// The step.
        step: JournalStep,
    },
    /// A polka of others.
    Certificate(RoundCertificate),
    /// The guard's state at this height, when the journal lacked the message at its mark. From here on mark and lock
    /// rule the height: nothing at or below the mark is ever signed again. SPEC VOTE-8.
    Lost(GuardState),
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

/// Longest entry, in bytes: a block and its frame.
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

/// The messages that we sign in one round, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SignStep {
    /// Proposal, as leader.
    Proposal,
    /// Prevote.
    Prevote,
    /// Precommit.
    Precommit,
}

/// A position that a key has signed, and the hash signed there. SPEC VOTE-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardMark {
    /// Height, 0 before anything was signed.
    pub height: Height,
    /// Round.
    pub round: Round,
    /// Step.
    pub step: SignStep,
    /// Hash signed there: only the same may be signed again.
    pub hash: Hash32,
}

impl GuardMark {
    /// Nothing was ever signed: the initial value of `init`.
    pub const START: Self = Self { height: Height(0), round: Round(0), step: SignStep::Proposal, hash: Hash32::ZERO };

    /// Everything at this height and below counts as signed.
    pub fn end_of(height: Height) -> Self {
        Self { height, round: Round(u32::MAX), step: SignStep::Precommit, hash: Hash32::ZERO }
    }

    /// Nothing is ever signed again: another node signs with the key. SPEC VOTE-9.
    pub const STOPPED: Self =
        Self { height: Height(u64::MAX), round: Round(u32::MAX), step: SignStep::Precommit, hash: Hash32::ZERO };

    /// Is it [`Self::end_of`] its height?
    pub fn ends_its_height(&self) -> bool {
        self.round == Round(u32::MAX)
    }

    /// A position where a key may sign only one message.
    pub fn position(&self) -> (Height, Round, SignStep) {
        (self.height, self.round, self.step)
    }

    /// May `next` be signed after this? Yes if it is later, or identical.
    pub fn allows(&self, next: &Self) -> bool {
        next.position() > self.position() || next == self
    }
}

/// The block that a key last precommitted at a height: in later rounds it prevotes another one only with a polka of
/// this round or a later one. SPEC VOTE-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Lock {
    /// No block was precommitted.
    None,
    /// This block was precommitted.
    On {
        /// The round.
        round: Round,
        /// Its hash.
        block: Hash32,
    },
    /// Unknown: it was not recorded.
    Unknown,
}

impl Lock {
    /// Of two locks of one height, the one from the later round. An unknown one could be of any round.
    pub fn later(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::On { round, .. }, Self::On { round: others, .. }) if round < others => other,
            (Self::None, other) => other,
            (lock, _) => lock,
        }
    }
}

/// The guard: the highest position its key has signed, and the lock at that height, in one durable write. Kept beside
/// the key; the mark only rises. SPEC VOTE-7, FILE-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardState {
    /// The highest position signed.
    pub mark: GuardMark,
    /// The lock at the mark's height.
    pub lock: Lock,
}

impl GuardState {
    /// Nothing was ever signed: the initial value of `init`.
    pub const START: Self = Self { mark: GuardMark::START, lock: Lock::None };

    /// Everything at this height and below counts as signed.
    pub fn end_of(height: Height) -> Self {
        Self { mark: GuardMark::end_of(height), lock: Lock::None }
    }

    /// After `mark` is signed, which locks `block` if it is a precommit for one.
    #[must_use]
    pub fn after(&self, mark: GuardMark, block: Option<Hash32>) -> Self {
        let lock = match block.filter(|_| mark.step == SignStep::Precommit) {
            Some(block) => Lock::On { round: mark.round, block },
            None if mark.height > self.mark.height => Lock::None,
            None => self.lock,
        };
        Self { mark, lock }
    }
}
