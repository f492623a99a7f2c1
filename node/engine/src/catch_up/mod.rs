//! Decides whether this node is behind, which peer to ask, and for what.
//!
//! Owns: peers' claims, pending requests, answers not fully applied yet. Does not own: checking and applying blocks
//! (`finalise`).
//! Always true:
//! - a claim counts as far as certified blocks prove it; a peer that only claims is asked again as long as it is
//!   connected, less and less often, and keeps no node from being ready or voting;
//! - one delivering peer is asked at a time, the fastest; a few peers that have proved nothing yet are asked in
//!   parallel, so that a slow or silent one delays nothing;
//! - no request is sent while an answer is not fully applied; bulk sync never enters the voting core;
//! - a clock that is set back delays nothing.
//!
//! Start reading at [`CatchUp::next_question`].

mod claim;

use crate::config::EngineConfig;
use crate::event::{PeerTag, SyncId};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::{Certificate, Verified};
use claim::{Claim, Steady};
use std::collections::{BTreeMap, VecDeque};

/// A claim one or a few heights ahead is usually our own decision in flight: wait this long before asking.
pub(crate) const PATIENCE_MS: u64 = 100;
/// A claim further ahead than this is followed at once.
const FAR_AHEAD: u64 = 8;
/// Maximum pending requests for blocks, each to another peer.
const QUESTIONS_MAX: usize = 3;
/// When the last request is this old, in ms, ask another unproved peer in parallel. Over a slow link, many parallel
/// answers would all come too late.
const NEXT_STRANGER_MS: u64 = 2_000;
/// Number of timed-out requests remembered, so that a late answer is still used.
const LATE_MAX: usize = 8;
/// Maximum pending requests for single blocks.
const BODY_QUESTIONS_MAX: usize = 16;
/// Longest interval between checks of claims while there are any, in ms.
const LOOK_MAX_MS: u64 = 1_000;
/// Unasked claims stop counting when a third of the stake speaks for the next height and no peer has delivered a block
/// for this long, in ms. Otherwise peers that come and go would prevent readiness forever.
const QUIET_MS: u64 = 30_000;
/// Our votes are repeated for new peers at most this often, in ms. Strangers can connect as often as they like.
const VOTES_AGAIN_MS: u64 = 3_200;
/// Our transactions are repeated for new peers at most this often, in ms, unless a peer is our only one.
const OWN_AGAIN_MS: u64 = 15_000;

struct Question {
    request: SyncId,
    peer: PeerTag,
    asked: UnixMillis,
}

/// Blocks with their certificates.
pub(crate) type Part = VecDeque<(VerifiedBlock, Verified<Certificate>)>;

/// Blocks that arrived and are not applied yet.
pub(crate) struct BlocksAnswer {
    pub(crate) peer: PeerTag,
    /// Time from request to answer.
    pub(crate) took_ms: u64,
    pub(crate) blocks: Part,
    /// Number of its blocks already applied.
    pub(crate) applied: usize,
}

/// Messages that a peer may lack that just connected, because they were sent before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacks {
    /// Our votes of this height.
    pub(crate) votes: bool,
    /// Our own transactions.
    pub(crate) own: bool,
}

/// A request to send.
pub(crate) struct BlocksQuestion {
    pub(crate) request: SyncId,
    pub(crate) peer: PeerTag,
    pub(crate) from: Height,
    pub(crate) count: u32,
}

/// See the module's header.
pub(crate) struct CatchUp {
    backing_ms: u64,
    request_timeout_ms: u64,
    clock: Steady,
    claims: BTreeMap<PeerTag, Claim>,
    questions: Vec<Question>,
    /// Timed out, newest last.
    late: VecDeque<Question>,
    /// Answers not fully applied, oldest first: at most one per request, late ones included.
    answers: VecDeque<BlocksAnswer>,
    bodies: BTreeMap<SyncId, Hash32>,
    next_request: u64,
    last_peer: PeerTag,
    tip_moved: UnixMillis,
    /// When a peer last delivered a block that we needed.
    delivered: UnixMillis,
    /// When we last repeated our votes for a new peer, and our own transactions.
    votes_again: Option<UnixMillis>,
    own_again: Option<UnixMillis>,
    /// When to check claims and requests next.
    look_at: Option<UnixMillis>,
}

impl CatchUp {
    pub(crate) fn new(config: &EngineConfig, now: UnixMillis) -> Self {
        let clock = Steady { read: now, passed: UnixMillis(0) };
        Self {
            backing_ms: config.backing_ms,
            request_timeout_ms: config.request_timeout_ms,
            clock,
            claims: BTreeMap::new(),
            questions: vec![],
            late: VecDeque::new(),
            answers: VecDeque::new(),
            bodies: BTreeMap::new(),
            next_request: 0,
            last_peer: PeerTag(0),
            tip_moved: UnixMillis(0),
            delivered: UnixMillis(0),
            votes_again: None,
            own_again: None,
            look_at: None,
        }
    }

    /// The clock reads `now`. All timeouts count from one reading to the next.
    pub(crate) fn read_clock(&mut self, now: UnixMillis) {
        self.clock.read(now);
    }

    /// A peer claims a height. Returns what it may lack of ours if it is new.
    pub(crate) fn on_status(&mut self, peer: PeerTag, status: &Status) -> Lacks {
        let now = self.clock.passed;
        let (only, new) = (self.claims.is_empty(), !self.claims.contains_key(&peer));
        let claim = self.claims.entry(peer).or_insert_with(|| Claim::new(status, self.request_timeout_ms, now));
        if claim.height != status.height {
            claim.height = status.height;
            claim.since = now;
        }
        if new { self.lacks(only, now) } else { Lacks::default() }
    }

    /// Messages that a new peer may lack; `only`: it is our only peer.
    fn lacks(&mut self, only: bool, now: UnixMillis) -> Lacks {
        let is_over = |last: Option<UnixMillis>, pause_ms| last.is_none_or(|last| now.since(last) >= pause_ms);
        let votes = is_over(self.votes_again, VOTES_AGAIN_MS);
        let own = only || is_over(self.own_again, OWN_AGAIN_MS);
        self.votes_again = if votes { Some(now) } else { self.votes_again };
        self.own_again = if own { Some(now) } else { self.own_again };
        Lacks { votes, own }
    }

    pub(crate) fn on_gone(&mut self, peer: PeerTag) {
        self.claims.remove(&peer);
        self.questions.retain(|question| question.peer != peer);
        self.late.retain(|question| question.peer != peer);
    }

    /// Our tip moved. Claims that we have reached are done: the peer's next claim must be proved again. Otherwise a
    /// node that once fell behind would follow forever instead of voting.
    pub(crate) fn tip_moved(&mut self, tip: Height) {
        self.tip_moved = self.clock.passed;
        for claim in self.claims.values_mut().filter(|claim| claim.height <= tip) {
            claim.backed = None;
        }
    }

    /// Blocks arrived. `false` if they answer no request of ours.
    pub(crate) fn answered(&mut self, request: SyncId, blocks: Part) -> bool {
        let Some(Question { peer, asked, .. }) = self.take_question(request) else {
            return false;
        };
        let took_ms = self.clock.passed.since(asked);
        if let Some(claim) = self.claims.get_mut(&peer) {
            claim.answered(took_ms);
        }
        self.answers.push_back(BlocksAnswer { peer, took_ms, blocks, applied: 0 });
        true
    }

    /// The oldest answer, to be applied now.
    pub(crate) fn take_answer(&mut self) -> Option<BlocksAnswer> {
        self.answers.pop_front()
    }

    /// One write did not take all of it.
    pub(crate) fn put_back(&mut self, answer: BlocksAnswer) {
        self.answers.push_front(answer);
    }

    /// Are there blocks left to apply?
    pub(crate) fn has_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The peer delivered certified blocks that we needed, up to our new tip.
    pub(crate) fn backed(&mut self, answer: &BlocksAnswer, tip: Height) {
        let now = self.clock.passed;
        self.delivered = now;
        if let Some(claim) = self.claims.get_mut(&answer.peer) {
            claim.was_useful(answer.applied, answer.took_ms, now);
            claim.backed = claim.backed.filter(|_| claim.height > tip);
        }
    }

    /// The peer's answer contained nothing that we needed. That is a fault only if it claims more than our tip.
    pub(crate) fn proved_nothing(&mut self, peer: PeerTag, tip: Height) {
        let now = self.clock.passed;
        if let Some(claim) = self.claims.get_mut(&peer).filter(|claim| claim.height > tip) {
            claim.was_useless(0, now);
        }
    }

    /// The request failed, or its answer was wrong; do not ask this peer for `retry_ms`.
    pub(crate) fn failed(&mut self, request: SyncId, retry_ms: u64) {
        let now = self.clock.passed;
        if let Some(question) = self.take_question(request)
            && let Some(claim) = self.claims.get_mut(&question.peer)
        {
            claim.was_useless(retry_ms, now);
        }
    }

    /// Do not ask this peer for `pause_ms`; until then its earlier proofs do not count.
    pub(crate) fn leave_alone(&mut self, peer: PeerTag, pause_ms: u64) {
        let now = self.clock.passed;
        if let Some(claim) = self.claims.get_mut(&peer) {
            claim.was_useless(pause_ms, now);
            claim.backed = None;
        }
    }

    /// Drops requests that timed out.
    pub(crate) fn expire_questions(&mut self) {
        let now = self.clock.passed;
        for question in std::mem::take(&mut self.questions) {
            let Some(claim) = self.claims.get_mut(&question.peer) else { continue };
            if now.since(question.asked) <= claim.patience_ms {
                self.questions.push(question);
                continue;
            }
            claim.was_late(now);
            self.late.push_back(question);
            if self.late.len() > LATE_MAX {
                self.late.pop_front();
            }
        }
    }

    /// The highest height beyond our tip that a peer claims and keeps proving: then we are behind.
    pub(crate) fn backed_target(&self, tip: Height) -> Option<Height> {
        let ahead = self.claims.iter().filter(|(peer, claim)| claim.height > tip && self.is_backing(**peer, claim));
        ahead.map(|(_, claim)| claim.height).max()
    }

    /// Has it delivered lately, or is it being asked and did it deliver last time?
    fn is_backing(&self, peer: PeerTag, claim: &Claim) -> bool {
        let lately = |backed| self.clock.passed.since(backed) <= self.backing_ms;
        claim.backed.is_some_and(|backed| lately(backed) || self.is_asked(peer))
    }

    /// The highest height beyond our tip that a peer claims, unless it was asked in vain.
    pub(crate) fn hoped_for(&self, tip: Height) -> Option<Height> {
        self.claims.values().filter(|claim| claim.height > tip && !claim.tried).map(|claim| claim.height).max()
    }

    /// Are we at the network's tip, as far as peers can tell? `spoken`: members other than us with more than a third of
    /// the stake speak for the height after our tip.
    ///
    /// This needs contact: a third that speaks, or a peer that is not ahead of us. No peer may be delivering blocks,
    /// and every higher claim must have been asked about; a new claim that is near is usually our own decision in
    /// flight.
    pub(crate) fn at_tip(&self, tip: Height, spoken: bool) -> bool {
        let now = self.clock.passed;
        let company = spoken || self.claims.values().any(|claim| claim.height <= tip);
        let asked = self.claims.values().all(|claim| claim.height <= tip || claim.tried || !self.is_due(claim, tip));
        let quiet = spoken && now.since(self.delivered) > QUIET_MS;
        company && self.answers.is_empty() && self.backed_target(tip).is_none() && (asked || quiet)
    }

    /// Has a peer just claimed a height near our tip that we have not asked about yet?
    pub(crate) fn has_news(&self, tip: Height) -> bool {
        self.claims.values().any(|claim| claim.height > tip && !claim.tried && !self.is_due(claim, tip))
    }

    /// Is any peer connected that has told us its height?
    pub(crate) fn has_peers(&self) -> bool {
        !self.claims.is_empty()
    }

    /// Does any peer claim a height beyond our tip?
    pub(crate) fn anyone_ahead(&self, tip: Height) -> bool {
        self.claims.values().any(|claim| claim.height > tip)
    }

    /// The next request for blocks after our tip, if any. Call again until it returns `None`.
    pub(crate) fn next_question(&mut self, tip: Height) -> Option<BlocksQuestion> {
        if !self.answers.is_empty() || self.questions.len() >= QUESTIONS_MAX {
            return None;
        }
        let peer = self.next_peer(tip)?;
        self.last_peer = peer;
        let count = self.claims.get(&peer)?.blocks_max;
        let request = self.number();
        self.questions.push(Question { request, peer, asked: self.clock.passed });
        Some(BlocksQuestion { request, peer, from: tip.next(), count })
    }

    /// The fastest peer that delivered last time; without one, the next unproved peer in turn.
    fn next_peer(&self, tip: Height) -> Option<PeerTag> {
        let now = self.clock.passed;
        if self.questions.iter().any(|question| self.speed(question.peer).is_some()) {
            return None;
        }
        let ready = |(peer, claim): &(&PeerTag, &Claim)| {
            claim.height > tip && now >= claim.busy_until && self.is_due(claim, tip) && !self.is_asked(**peer)
        };
        let peers: Vec<_> = self.claims.iter().filter(ready).map(|(peer, claim)| (*peer, claim.speed)).collect();
        let proven = peers.iter().filter_map(|(peer, speed)| Some((speed.as_ref()?, *peer)));
        if let Some((_, fastest)) = proven.max() {
            return Some(fastest);
        }
        let waited = |question: &Question| now.since(question.asked) >= NEXT_STRANGER_MS;
        let next = peers.iter().find(|(peer, _)| *peer > self.last_peer).or(peers.first());
        next.filter(|_| self.questions.iter().all(waited)).map(|(peer, _)| *peer)
    }

    fn speed(&self, peer: PeerTag) -> Option<u64> {
        self.claims.get(&peer).and_then(|claim| claim.speed)
    }

    fn is_asked(&self, peer: PeerTag) -> bool {
        self.questions.iter().any(|question| question.peer == peer)
    }

    /// Is it time to ask about this claim, as far as the claim is concerned?
    fn is_due(&self, claim: &Claim, tip: Height) -> bool {
        let far = claim.height.0 > tip.0.saturating_add(FAR_AHEAD) || claim.backed.is_some();
        far || self.clock.passed.since(claim.since.max(self.tip_moved)) >= PATIENCE_MS
    }

    /// Delay until the next check, in ms, if a timer must be started for it.
    pub(crate) fn look_again(&mut self, tip: Height) -> Option<u64> {
        let now = self.clock.passed;
        if !self.anyone_ahead(tip) && self.questions.is_empty() {
            return None;
        }
        let paused = |claim: &Claim| if claim.height > tip { claim.busy_until.since(now) } else { LOOK_MAX_MS };
        let soon = self.questions.is_empty() && self.answers.is_empty();
        let least = if soon { self.claims.values().map(paused).min().unwrap_or(LOOK_MAX_MS) } else { 0 };
        let after_ms = least.clamp(PATIENCE_MS, LOOK_MAX_MS);
        let at = now.plus(after_ms);
        let sooner = self.look_at.is_none_or(|planned| at < planned);
        sooner.then(|| {
            self.look_at = Some(at);
            after_ms
        })
    }

    /// The timer of [`Self::look_again`] fired.
    pub(crate) fn looks(&mut self) {
        self.look_at = None;
    }

    /// A request for one block, to `preferred` or another peer; `None` without peers or with too many pending.
    pub(crate) fn ask_body(&mut self, block: Hash32, preferred: Option<PeerTag>) -> Option<(SyncId, PeerTag)> {
        let known = preferred.filter(|peer| self.claims.contains_key(peer));
        let next = self.claims.keys().find(|peer| **peer > self.last_peer).or(self.claims.keys().next()).copied();
        let peer = known.or(next)?;
        if self.bodies.len() >= BODY_QUESTIONS_MAX {
            self.bodies.pop_first();
        }
        self.last_peer = peer;
        let request = self.number();
        self.bodies.insert(request, block);
        Some((request, peer))
    }

    /// Number of pending requests for this block.
    pub(crate) fn body_questions(&self, block: &Hash32) -> usize {
        self.bodies.values().filter(|asked| *asked == block).count()
    }

    /// The requested block, if this was a request for one.
    pub(crate) fn body_answered(&mut self, request: SyncId) -> Option<Hash32> {
        self.bodies.remove(&request)
    }

    fn take_question(&mut self, request: SyncId) -> Option<Question> {
        let is_it = |question: &Question| question.request == request;
        if let Some(index) = self.questions.iter().position(is_it) {
            return Some(self.questions.swap_remove(index));
        }
        self.late.iter().position(is_it).and_then(|index| self.late.remove(index))
    }

    fn number(&mut self) -> SyncId {
        self.next_request += 1;
        SyncId(self.next_request)
    }
}

#[cfg(test)]
mod tests;
