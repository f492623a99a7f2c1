//! Blocks proposed at the current height, our verdict on each, and proposals that wait for their block.
//!
//! Always true: the core hears of a proposal only together with a verdict on its block; a verdict depends only on the
//! parent state and the block's bytes; a valid block is in the journal before the core hears of it.

use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::{AppliedBlock, Ledger};
use blockchat_proto::units::Round;
use blockchat_proto::vote::SignedProposal;
use std::collections::BTreeMap;

/// A proposed block.
pub(super) struct ProposedBlock {
    pub(super) block: VerifiedBlock,
    verdict: Option<Option<AppliedBlock>>,
    /// Are its bytes in the journal?
    pub(super) journaled: bool,
}

/// Maximum different blocks that the proposals of one round may carry: a leader that makes more is lying.
const BLOCKS_PER_ROUND_MAX: usize = 2;
/// Maximum proposals of one round.
const PROPOSALS_PER_ROUND_MAX: usize = 4;

/// All of the current height.
#[derive(Default)]
pub(super) struct ProposedBlocks {
    known: BTreeMap<Hash32, ProposedBlock>,
    /// Number of blocks carried by the proposals of a round.
    brought: BTreeMap<Round, usize>,
    proposals: Vec<Heard>,
}

/// A proposal that was received.
struct Heard {
    signed: SignedProposal,
    /// Waits for its block.
    waits: bool,
    /// The core keeps it; it is no longer needed here.
    kept: bool,
}

impl ProposedBlocks {
    /// Adds a block carried by a proposal of `round`, unless that round already has too many.
    pub(super) fn insert(&mut self, round: Round, block: VerifiedBlock) {
        let brought = self.brought.entry(round).or_default();
        let hash = block.hash();
        if *brought < BLOCKS_PER_ROUND_MAX && !self.known.contains_key(&hash) {
            *brought += 1;
            self.known.insert(hash, ProposedBlock { block, verdict: None, journaled: false });
        }
    }

    /// Adds a block from the journal, without a limit per round: each was accepted once, and the core's votes in the
    /// journal may be for any of them.
    pub(super) fn restore(&mut self, block: VerifiedBlock) {
        let hash = block.hash();
        self.known.entry(hash).or_insert(ProposedBlock { block, verdict: None, journaled: true });
    }

    /// Adds our own block with its effect.
    pub(super) fn insert_own(&mut self, block: VerifiedBlock, applied: AppliedBlock) {
        let hash = block.hash();
        self.known.insert(hash, ProposedBlock { block, verdict: Some(Some(applied)), journaled: true });
    }

    pub(super) fn get(&self, hash: &Hash32) -> Option<&ProposedBlock> {
        self.known.get(hash)
    }

    pub(super) fn get_mut(&mut self, hash: &Hash32) -> Option<&mut ProposedBlock> {
        self.known.get_mut(hash)
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = &VerifiedBlock> {
        self.known.values().map(|proposed| &proposed.block)
    }

    /// Lets a proposal wait for its block. A proposal that was already passed to the core does not wait again, or its
    /// author could make the journal grow without end; unless the core did not keep it, and `polka` now is a reason to
    /// keep it.
    pub(super) fn wait(&mut self, proposal: SignedProposal, polka: bool) {
        if let Some(heard) = self.proposals.iter_mut().find(|heard| heard.signed == proposal) {
            heard.waits |= polka && !heard.kept;
            return;
        }
        let round = proposal.proposal.round;
        let same_round = self.proposals.iter().filter(|heard| heard.signed.proposal.round == round).count();
        if same_round < PROPOSALS_PER_ROUND_MAX {
            self.proposals.push(Heard { signed: proposal, waits: true, kept: false });
        }
    }

    /// The core keeps this proposal.
    pub(super) fn kept(&mut self, proposal: &SignedProposal) {
        match self.proposals.iter_mut().find(|heard| heard.signed == *proposal) {
            Some(heard) => heard.kept = true,
            None => self.proposals.push(Heard { signed: *proposal, waits: false, kept: true }),
        }
    }

    /// The round of a proposal that waits for this block, if any.
    pub(super) fn awaited_in(&self, hash: &Hash32) -> Option<Round> {
        let waits = |heard: &&Heard| heard.waits && heard.signed.proposal.block == *hash;
        self.proposals.iter().find(waits).map(|heard| heard.signed.proposal.round)
    }

    /// Takes the proposals that waited for this block.
    pub(super) fn released(&mut self, hash: &Hash32) -> Vec<SignedProposal> {
        let waited = self.proposals.iter_mut().filter(|heard| heard.waits && heard.signed.proposal.block == *hash);
        let release = |heard: &mut Heard| {
            heard.waits = false;
            heard.signed
        };
        waited.map(release).collect()
    }
}

impl ProposedBlock {
    /// Is it valid, if known?
    pub(super) fn verdict(&self) -> Option<bool> {
        self.verdict.as_ref().map(Option::is_some)
    }

    /// The effect of the block on the ledger, or `None` if it is invalid. Executed once.
    pub(super) fn applied(&mut self, ledger: &Ledger) -> Option<&AppliedBlock> {
        let block = &self.block;
        self.verdict.get_or_insert_with(|| ledger.apply_block(block).ok()).as_ref()
    }
}

/// SPEC LEAD-3: a first proposal carries a block built in its own round; one proposed again, a block built no later
/// than its lock round.
pub(super) fn round_fits(proposal: &SignedProposal, built: Round) -> bool {
    match proposal.proposal.lock_round {
        None => built == proposal.proposal.round,
        Some(lock) => built <= lock,
    }
}
