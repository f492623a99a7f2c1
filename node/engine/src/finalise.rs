//! Certificate in, new ledger out: the only place where the tip moves. SPEC VOTE-6.
//!
//! Always true: effects that show a new tip come after the write that makes it durable. Caught-up blocks are applied
//! one by one and made durable together: a crash in between repeats them all.
//! Start reading at [`Engine::finalise`], then [`Engine::finalise_certified`].

use crate::chain_view::StakesView;
use crate::effect::{Effect, Fault, FinalBlock, Offence};
use crate::engine::Engine;
use crate::event::PeerTag;
use crate::tally::Decision;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::ledger::AppliedBlock;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::UnixMillis;
use blockchat_proto::vote::{Certificate, Verified};
use std::collections::VecDeque;

/// Blocks applied to the ledger but not durable yet. Never outlives an event.
#[derive(Default)]
struct Taken {
    blocks: Vec<FinalBlock>,
    transactions: usize,
    bytes: usize,
    /// Own transactions that they made final or invalid.
    done: Vec<TransactionId>,
}

impl Engine {
    /// Makes a block that we decided the tip: durable first, then visible.
    pub(crate) fn finalise(
        &mut self,
        block: VerifiedBlock,
        applied: AppliedBlock,
        certificate: Certificate,
        now: UnixMillis,
    ) {
        let mut taken = Taken::default();
        self.take_in(&mut taken, FinalBlock { block, certificate, applied }, false, now);
        self.make_durable(taken, now);
    }

    /// Checks blocks from a peer, in order, and finalises as many of them together as the limits of
    /// [`crate::config::EngineConfig`] allow. The rest stays in `blocks` for the next write; nothing stays once one is
    /// wrong.
    ///
    /// An invalid certificate is the peer's fault; a certified block that does not execute is ours.
    pub(crate) fn finalise_certified(
        &mut self,
        peer: PeerTag,
        blocks: &mut VecDeque<(VerifiedBlock, Verified<Certificate>)>,
        now: UnixMillis,
    ) -> Certified {
        let mut taken = Taken::default();
        let mut wrong = None;
        while let Some((block, certificate)) = blocks.pop_front() {
            if block.height() <= self.ledger.tip().height {
                continue;
            }
            // SPEC VER-5: the peer may be right; this program cannot tell.
            if self.ledger.unknown_version().is_some() {
                blocks.clear();
                break;
            }
            match self.check_certified(&block, &certificate) {
                Ok(applied) => {
                    let final_block = FinalBlock { block, certificate: certificate.into_inner(), applied };
                    self.take_in(&mut taken, final_block, true, now);
                }
                Err(found) => {
                    blocks.clear();
                    wrong = Some(found);
                }
            }
            if blocks.front().is_some_and(|(next, _)| !self.has_room(&taken, next)) {
                break;
            }
        }
        let new = taken.blocks.len();
        self.make_durable(taken, now);
        match wrong {
            Some(Wrong::Peer) => {
                self.ask(Effect::Blame { peer, offence: Offence::BadBlocks });
                return Certified { new, lied: true };
            }
            Some(Wrong::Us(fault)) => self.halt(fault),
            None => {}
        }
        Certified { new, lied: false }
    }

    fn check_certified(
        &self,
        block: &VerifiedBlock,
        certificate: &Verified<Certificate>,
    ) -> Result<AppliedBlock, Wrong> {
        let height = self.ledger.tip().height.next();
        let proof = certificate.get().check_structure(height, block.hash(), self.ledger.validators());
        if block.height() != height || proof.is_err() {
            return Err(Wrong::Peer);
        }
        let applied = self.ledger.apply_block(block);
        applied.map_err(|reason| Wrong::Us(Fault::CertifiedBlockInvalid { height, reason: reason.to_string() }))
    }

    /// May this block become final together with those already applied?
    fn has_room(&self, taken: &Taken, next: &VerifiedBlock) -> bool {
        let (transactions_max, bytes_max) = self.together_max;
        taken.transactions + next.transactions().len() <= transactions_max
            && taken.bytes + next.bytes().len() <= bytes_max
    }

    /// Advances ledger and pool by one block. No reader may see it before [`Engine::make_durable`].
    fn take_in(&mut self, taken: &mut Taken, final_block: FinalBlock, caught_up: bool, now: UnixMillis) {
        if taken.blocks.is_empty() {
            self.note_late_signers();
        }
        self.consensus.saw_final(&final_block.block, &final_block.certificate, now);
        self.ledger.advance(final_block.applied.clone());
        taken.done.extend(self.mempool.after_block(&self.ledger, &final_block.block, now));
        let decision = Decision { caught_up, first_seen: self.mempool.removed_since(), now };
        self.tally.decided(&final_block, self.ledger.tip_validators(), &decision);
        taken.transactions += final_block.block.transactions().len();
        taken.bytes += final_block.block.bytes().len();
        taken.blocks.push(final_block);
    }

    /// Requests one write for all of them, then everything that follows from the new tip.
    fn make_durable(&mut self, taken: Taken, now: UnixMillis) {
        let Some(last) = taken.blocks.last() else { return };
        let certificate = last.certificate.clone();
        let capacity = self.ledger.parameters().capacity;
        let full = usize::try_from(capacity).is_ok_and(|capacity| last.block.transactions().len() >= capacity);
        self.ask(Effect::Finalise(taken.blocks));
        self.forget_own(taken.done);
        self.stakes = StakesView::of(&self.ledger);
        if self.witness.tip_moved(&self.ledger) {
            self.keep_evidence();
        }
        self.catch_up.tip_moved(self.ledger.tip().height);
        self.turn(now, |consensus, turn| consensus.height_decided(turn, certificate, full));
    }

    /// Stops the engine.
    pub(crate) fn halt(&mut self, fault: Fault) {
        self.consensus.stop();
        self.ask(Effect::Halt(fault));
    }
}

/// The result of checking blocks that a peer sent as final.
pub(crate) struct Certified {
    /// Number of blocks made final.
    pub(crate) new: usize,
    /// A block does not follow, or its certificate proves nothing.
    pub(crate) lied: bool,
}

/// The fault of a block that a peer sent as final.
enum Wrong {
    /// It does not follow, or its certificate proves nothing.
    Peer,
    /// It is final and we cannot execute it.
    Us(Fault),
}
