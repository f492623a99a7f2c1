//! Builds a block when this node leads.

use crate::engine::Engine;
use blockchat_proto::ledger::Draft;
use blockchat_proto::units::{Round, UnixMillis};

impl Engine {
    /// Selects from the pool, executes on trial, and passes the block to consensus. Drops from the pool what cannot be
    /// applied.
    pub(crate) fn build_block(&mut self, round: Round, now: UnixMillis) {
        let Some(leader) = self.consensus.signer().map(|signer| signer.address()) else {
            return;
        };
        let capacity = usize::try_from(self.ledger.parameters().capacity).unwrap_or(usize::MAX);
        let bytes_max = self.consensus.block_bytes_max(&self.ledger, &leader, round);
        let draft = Draft {
            round,
            leader,
            time: now,
            offered: self.mempool.select(capacity, bytes_max),
            evidence: self.witness.known(),
            commit: self.consensus.commit_for_next(),
            late: self.consensus.late_for_next(),
        };
        let built = self.ledger.build_block(draft);
        let forget = self.mempool.refused(&built.refused);
        self.forget_own(forget);
        self.turn(now, |consensus, turn| consensus.built(turn, round, built.block, built.applied));
    }
}
