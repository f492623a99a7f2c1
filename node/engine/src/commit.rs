//! Certificate in, new ledger out: the one place where the tip moves. SPEC VOTE-6.

use crate::effect::{CommittedBlock, Effect, Fault, Offence};
use crate::engine::Engine;
use crate::event::PeerTag;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::ledger::AppliedBlock;
use blockchat_proto::units::UnixMillis;
use blockchat_proto::vote::{Certificate, Verified};

impl Engine {
    /// Makes a final block the tip: durable first, then visible.
    pub(crate) fn commit(
        &mut self,
        block: VerifiedBlock,
        applied: AppliedBlock,
        certificate: Certificate,
        now: UnixMillis,
    ) {
        let committed =
            CommittedBlock { block: block.clone(), certificate: certificate.clone(), applied: applied.clone() };
        self.ask(Effect::Commit(Box::new(committed)));
        self.ledger.commit(applied);
        let capacity = self.ledger.parameters().capacity;
        let full = usize::try_from(capacity).is_ok_and(|capacity| block.transactions().len() >= capacity);
        let done = self.mempool.block_committed(&self.ledger, &block, now);
        self.forget_own(done);
        self.catch_up.tip_moved(self.ledger.tip().height);
        self.turn(now, |consensus, turn| consensus.committed(turn, certificate, full));
    }

    /// Checks and commits blocks that a peer sent, in order. Returns how many were new.
    ///
    /// A certificate that proves nothing is the peer's fault; a certified block that does not execute is ours.
    pub(crate) fn commit_certified(
        &mut self,
        peer: PeerTag,
        blocks: Vec<(VerifiedBlock, Verified<Certificate>)>,
        now: UnixMillis,
    ) -> usize {
        let mut new = 0;
        for (block, certificate) in blocks {
            if block.height() <= self.ledger.tip().height {
                continue;
            }
            let expected = self.ledger.tip().height.next();
            let proof = certificate.get().check_structure(expected, block.hash(), self.ledger.validators());
            if block.height() != expected || proof.is_err() {
                self.ask(Effect::Blame { peer, offence: Offence::BadBlocks });
                self.catch_up.disappointed(peer, self.ledger.tip().height);
                return new;
            }
            match self.ledger.apply_block(&block) {
                Ok(applied) => self.commit(block, applied, certificate.into_inner(), now),
                Err(reason) => {
                    self.halt(Fault::CertifiedBlockInvalid { height: expected, reason: reason.to_string() });
                    return new;
                }
            }
            new += 1;
        }
        new
    }

    /// Stops everything.
    pub(crate) fn halt(&mut self, fault: Fault) {
        self.consensus.stop();
        self.ask(Effect::Halt(fault));
    }
}
