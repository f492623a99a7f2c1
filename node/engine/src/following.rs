//! Peers' claims, requests and answers: how a node that fell behind catches up.

use crate::effect::Effect;
use crate::engine::Engine;
use crate::event::{PeerTag, RequestFailure, SyncId, Timer};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::Status;
use blockchat_proto::units::UnixMillis;
use blockchat_proto::vote::{Certificate, Verified};

/// First retry for a single block, in ms; doubles with each pending request for it, up to the maximum: a large block
/// over a slow link must not be requested from all peers at once.
const BODY_RETRY_MS: u64 = 250;
const BODY_RETRY_MAX_MS: u64 = 2_000;

/// Backoff after a peer sent something that no honest peer sends, in ms.
const LIAR_PAUSE_MS: u64 = 10_000;

/// Pause between two writes for one answer, in ms, so that other waiting work has its turn.
const PART_BREATH_MS: u64 = 1;

impl Engine {
    pub(crate) fn on_status(&mut self, peer: PeerTag, status: &Status, now: UnixMillis) {
        let lacks = self.catch_up.on_status(peer, status);
        if lacks.own {
            let own = self.mempool.own_now(now);
            self.gossip(own);
        }
        if lacks.votes {
            self.with_consensus(now, |consensus, turn| consensus.repeat_soon(turn));
        }
        self.follow();
    }

    pub(crate) fn on_peer_gone(&mut self, peer: PeerTag) {
        self.catch_up.on_gone(peer);
        self.consensus.peer_gone(peer);
        self.follow();
    }

    pub(crate) fn on_blocks(
        &mut self,
        request: SyncId,
        blocks: Vec<(VerifiedBlock, Verified<Certificate>)>,
        now: UnixMillis,
    ) {
        if self.catch_up.answered(request, blocks.into()) {
            self.on_next_part(now);
        }
    }

    /// Applies one part of the received blocks; the rest follows after other waiting work had its turn.
    pub(crate) fn on_next_part(&mut self, now: UnixMillis) {
        let Some(mut answer) = self.catch_up.take_answer() else { return };
        let done = self.finalise_certified(answer.peer, &mut answer.blocks, now);
        if self.consensus.is_halted() {
            return;
        }
        answer.applied += done.new;
        let tip = self.ledger.tip().height;
        if done.lied {
            self.catch_up.leave_alone(answer.peer, LIAR_PAUSE_MS);
        } else if done.new > 0 {
            self.catch_up.backed(&answer, tip);
        } else if self.can_check() {
            self.catch_up.proved_nothing(answer.peer, tip);
        }
        if !answer.blocks.is_empty() {
            self.catch_up.put_back(answer);
        }
        if self.catch_up.has_answer() {
            self.ask(Effect::StartTimer { timer: Timer::NextPart, after_ms: PART_BREATH_MS });
        }
        self.after_final(now);
        self.follow();
    }

    pub(crate) fn on_body(&mut self, request: SyncId, block: Option<VerifiedBlock>, now: UnixMillis) {
        let asked = self.catch_up.body_answered(request);
        if let Some(block) = block.filter(|block| Some(block.hash()) == asked) {
            self.with_consensus(now, |consensus, turn| consensus.on_body(turn, block));
        }
    }

    pub(crate) fn on_request_failed(&mut self, request: SyncId, reason: RequestFailure) {
        let retry_ms = match reason {
            RequestFailure::Busy { retry_ms } => retry_ms,
            RequestFailure::Unreachable => 500,
            RequestFailure::Garbage => LIAR_PAUSE_MS,
        };
        self.catch_up.failed(request, retry_ms);
        self.catch_up.body_answered(request);
        self.follow();
    }

    pub(crate) fn on_catch_up_timer(&mut self, now: UnixMillis) {
        self.catch_up.looks();
        self.catch_up.expire_questions();
        self.after_final(now);
        self.follow();
    }

    /// Does this program know the rules of the next height? If not, it stays at its tip. SPEC VER-5.
    fn can_check(&self) -> bool {
        self.ledger.unknown_version().is_none()
    }

    /// Requests missing blocks, and checks again soon while a request is pending or a peer claims to be ahead. Requests
    /// nothing that it could not check.
    pub(crate) fn follow(&mut self) {
        if !self.can_check() {
            return;
        }
        let tip = self.ledger.tip().height;
        while let Some(question) = self.catch_up.next_question(tip) {
            let (request, peer) = (question.request, question.peer);
            self.ask(Effect::RequestBlocks { request, peer, from: question.from, count: question.count });
        }
        if let Some(after_ms) = self.catch_up.look_again(tip) {
            self.ask(Effect::StartTimer { timer: Timer::CatchUp, after_ms });
        }
    }

    /// After the tip moved: take part, if we can.
    pub(crate) fn after_final(&mut self, now: UnixMillis) {
        self.stand_aside();
        self.pace(now);
    }

    /// No height starts under unknown rules, nor while a peer proves that we are behind, unless the members speak for
    /// the height after our tip.
    pub(crate) fn stand_aside(&mut self) {
        let behind = self.catch_up.has_answer() || self.catch_up.backed_target(self.ledger.tip().height).is_some();
        self.consensus.stand_aside(behind, !self.can_check());
    }

    /// Requests a proposed block from peers, repeatedly while a proposal waits for it.
    pub(crate) fn fetch_body(&mut self, block: Hash32, from: Option<PeerTag>) {
        if !self.consensus.awaits_body(&block) {
            return;
        }
        let under_way = self.catch_up.body_questions(&block);
        if let Some((request, peer)) = self.catch_up.ask_body(block, from) {
            self.ask(Effect::RequestBody { request, peer, block });
        }
        let after_ms = BODY_RETRY_MAX_MS.min(BODY_RETRY_MS << under_way.min(8));
        self.ask(Effect::StartTimer { timer: Timer::Body(block), after_ms });
    }
}
