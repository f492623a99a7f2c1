//! Blocks proposed at the current height, our verdict on each, and proposals that wait for their block.
//!
//! Always true: the core only hears of a proposal together with a verdict on its block; a verdict depends on the parent
//! state and the block's bytes only; what is valid was written to the journal before the core hears of it.

use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::{AppliedBlock, Ledger};
use blockchat_proto::units::Round;
use blockchat_proto::vote::SignedProposal;
use std::collections::BTreeMap;

/// A proposed block.
pub(super) struct Candidate {
    pub(super) block: VerifiedBlock,
    verdict: Option<Option<AppliedBlock>>,
    /// Its bytes are in the journal.
    pub(super) journaled: bool,
}

/// Most different blocks that the proposals of one round may bring: a leader that makes more is lying.
const BLOCKS_PER_ROUND_MAX: usize = 2;
/// Most proposals of one round that wait for a block.
const WAITING_PER_ROUND_MAX: usize = 4;

/// All of the current height.
#[derive(Default)]
pub(super) struct Candidates {
    known: BTreeMap<Hash32, Candidate>,
    /// How many blocks the proposals of a round brought.
    brought: BTreeMap<Round, usize>,
    waiting: Vec<SignedProposal>,
}

impl Candidates {
    /// Adds a block that a proposal of `round` brought, unless that round has brought too many already.
    pub(super) fn insert(&mut self, round: Round, block: VerifiedBlock, journaled: bool) {
        let brought = self.brought.entry(round).or_default();
        let hash = block.hash();
        if *brought < BLOCKS_PER_ROUND_MAX && !self.known.contains_key(&hash) {
            *brought += 1;
            self.known.insert(hash, Candidate { block, verdict: None, journaled });
        }
    }

    /// Adds a block of our own with what it does.
    pub(super) fn insert_own(&mut self, block: VerifiedBlock, applied: AppliedBlock) {
        let hash = block.hash();
        self.known.insert(hash, Candidate { block, verdict: Some(Some(applied)), journaled: true });
    }

    pub(super) fn get(&self, hash: &Hash32) -> Option<&Candidate> {
        self.known.get(hash)
    }

    pub(super) fn get_mut(&mut self, hash: &Hash32) -> Option<&mut Candidate> {
        self.known.get_mut(hash)
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = &VerifiedBlock> {
        self.known.values().map(|candidate| &candidate.block)
    }

    /// Lets a proposal wait for its block.
    pub(super) fn wait(&mut self, proposal: SignedProposal) {
        let round = proposal.proposal.round;
        let same_round = self.waiting.iter().filter(|other| other.proposal.round == round).count();
        if same_round < WAITING_PER_ROUND_MAX && !self.waiting.contains(&proposal) {
            self.waiting.push(proposal);
        }
    }

    /// The round of a proposal that waits for this block, if any does.
    pub(super) fn awaited_in(&self, hash: &Hash32) -> Option<Round> {
        self.waiting.iter().find(|signed| signed.proposal.block == *hash).map(|signed| signed.proposal.round)
    }

    /// Takes the proposals that waited for this block.
    pub(super) fn released(&mut self, hash: &Hash32) -> Vec<SignedProposal> {
        let (released, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|signed| signed.proposal.block == *hash);
        self.waiting = waiting;
        released
    }
}

impl Candidate {
    /// What the block does to the ledger, or `None` if it is invalid. Executed once.
    pub(super) fn applied(&mut self, ledger: &Ledger) -> Option<&AppliedBlock> {
        let block = &self.block;
        self.verdict.get_or_insert_with(|| ledger.apply_block(block).ok()).as_ref()
    }
}

/// SPEC LEAD-3: a first proposal carries a block built in its own round; one proposed again, a block built no later than
/// its lock round.
pub(super) fn round_fits(proposal: &SignedProposal, built: Round) -> bool {
    match proposal.proposal.lock_round {
        None => built == proposal.proposal.round,
        Some(lock) => built <= lock,
    }
}
