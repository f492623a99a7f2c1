//! Am I behind, whom to ask, what to ask next.
//!
//! Owns: peers' claims, questions under way. Does not own: checking and applying blocks (`commit`).
//! Always true: a claim mutes our votes only while its peer backs it with certified blocks; unbacked claims expire; at
//! most one question for blocks is under way; bulk sync never enters the voting core; a clock that is set back delays
//! nothing; over a slow link fewer blocks are asked for, until an answer comes in time.
//! Start reading at [`CatchUp::next_question`].

use crate::config::EngineConfig;
use crate::event::{PeerTag, SyncId};
use blockchat_proto::hash::Hash32;
use blockchat_proto::limits;
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, UnixMillis};
use std::collections::BTreeMap;

/// A claim one or a few heights ahead is most often our own decision on its way: wait so long before asking.
pub(crate) const PATIENCE_MS: u64 = 100;
/// A claim further ahead than this is followed at once.
const FAR_AHEAD: u64 = 8;
/// Most questions for single blocks under way.
const BODY_QUESTIONS_MAX: usize = 16;
/// Fewer blocks than this are never asked for on purpose.
const QUESTION_BLOCKS_MIN: u32 = 1;
/// A question waits so many times the configured timeout at most: then the network has given it up by itself.
const TIMEOUT_GROWTH_MAX: u64 = 4;

/// What a peer says of itself, and what it has proved.
struct Claim {
    height: Height,
    since: UnixMillis,
    /// Last time it delivered a certified block we needed.
    backed: Option<UnixMillis>,
    /// Do not ask before this time.
    busy_until: UnixMillis,
}

struct Question {
    request: SyncId,
    peer: PeerTag,
    asked: UnixMillis,
}

/// Time that never runs backwards: what passed between readings of a clock that may be set.
#[derive(Default)]
struct Steady {
    read: UnixMillis,
    passed: UnixMillis,
}

impl Steady {
    fn read(&mut self, now: UnixMillis) {
        self.passed = self.passed.plus(now.since(self.read));
        self.read = now;
    }
}

/// A question to send.
pub(crate) struct BlocksQuestion {
    pub(crate) request: SyncId,
    pub(crate) peer: PeerTag,
    pub(crate) from: Height,
    pub(crate) count: u32,
}

/// See the module's header.
pub(crate) struct CatchUp {
    claim_expires_ms: u64,
    request_timeout_ms: u64,
    clock: Steady,
    /// How long the next question may take.
    timeout_ms: u64,
    /// How many blocks it asks for.
    question_blocks: u32,
    claims: BTreeMap<PeerTag, Claim>,
    question: Option<Question>,
    bodies: BTreeMap<SyncId, Hash32>,
    next_request: u64,
    last_peer: PeerTag,
    tip_moved: UnixMillis,
}

impl CatchUp {
    pub(crate) fn new(config: &EngineConfig, now: UnixMillis) -> Self {
        let clock = Steady { read: now, passed: UnixMillis(0) };
        Self {
            claim_expires_ms: config.claim_expires_ms,
            request_timeout_ms: config.request_timeout_ms,
            clock,
            timeout_ms: config.request_timeout_ms,
            question_blocks: limits::SYNC_BLOCKS_MAX,
            claims: BTreeMap::new(),
            question: None,
            bodies: BTreeMap::new(),
            next_request: 0,
            last_peer: PeerTag(0),
            tip_moved: UnixMillis(0),
        }
    }

    /// The clock says `now`. All waits are counted from one reading to the next.
    pub(crate) fn read_clock(&mut self, now: UnixMillis) {
        self.clock.read(now);
    }

    /// A peer says how far it is. `true` if it is our first peer.
    pub(crate) fn on_status(&mut self, peer: PeerTag, status: &Status) -> bool {
        let now = self.clock.passed;
        let first = self.claims.is_empty();
        let claim = self.claims.entry(peer).or_insert(Claim {
            height: status.height,
            since: now,
            backed: None,
            busy_until: UnixMillis(0),
        });
        if claim.height != status.height {
            claim.height = status.height;
            claim.since = now;
        }
        first
    }

    pub(crate) fn on_gone(&mut self, peer: PeerTag) {
        self.claims.remove(&peer);
        if self.question.as_ref().is_some_and(|question| question.peer == peer) {
            self.question = None;
        }
    }

    /// Our tip moved. A claim that we have reached has done its duty: what its peer claims next must be backed anew, or a
    /// node that once fell behind would follow for ever instead of voting.
    pub(crate) fn tip_moved(&mut self, tip: Height) {
        self.tip_moved = self.clock.passed;
        for claim in self.claims.values_mut().filter(|claim| claim.height <= tip) {
            claim.backed = None;
        }
    }

    /// An answer came. `false` if it answers no question of ours.
    pub(crate) fn answered(&mut self, request: SyncId) -> bool {
        match &self.question {
            Some(question) if question.request == request => {
                self.question = None;
                let more = (self.question_blocks / 8).max(1);
                self.question_blocks = self.question_blocks.saturating_add(more).min(limits::SYNC_BLOCKS_MAX);
                self.timeout_ms = self.timeout_ms.midpoint(self.request_timeout_ms);
                true
            }
            _ => false,
        }
    }

    /// The peer delivered certified blocks up to our new tip: what it claims beyond counts.
    pub(crate) fn backed(&mut self, peer: PeerTag, tip: Height) {
        if let Some(claim) = self.claims.get_mut(&peer).filter(|claim| claim.height > tip) {
            claim.backed = Some(self.clock.passed);
        }
    }

    /// The peer had nothing, or nothing good: its claim does not count until it makes another.
    pub(crate) fn disappointed(&mut self, peer: PeerTag, tip: Height) {
        if let Some(claim) = self.claims.get_mut(&peer) {
            claim.height = claim.height.min(tip);
            claim.backed = None;
        }
    }

    /// The question failed; ask this peer not before `retry_ms` from now.
    pub(crate) fn failed(&mut self, request: SyncId, retry_ms: u64) {
        if let Some(question) = self.question.take_if(|question| question.request == request)
            && let Some(claim) = self.claims.get_mut(&question.peer)
        {
            claim.busy_until = self.clock.passed.plus(retry_ms);
        }
    }

    /// Drops claims that nobody backed and questions that nobody answered in time. A claim is heard again with its peer's
    /// next status.
    pub(crate) fn expire(&mut self, tip: Height) {
        let now = self.clock.passed;
        let timeout_ms = self.timeout_ms;
        if let Some(late) = self.question.take_if(|question| now.since(question.asked) > timeout_ms) {
            if let Some(claim) = self.claims.get_mut(&late.peer) {
                claim.busy_until = now.plus(self.request_timeout_ms);
            }
            // The peer may be silent, or the way to it slow: then less, and more patience, gets through.
            self.question_blocks = (self.question_blocks / 2).max(QUESTION_BLOCKS_MIN);
            self.timeout_ms = timeout_ms.saturating_mul(2).min(self.request_timeout_ms * TIMEOUT_GROWTH_MAX);
        }
        let expires_ms = self.claim_expires_ms;
        for claim in self.claims.values_mut() {
            let last = claim.backed.unwrap_or_default().max(claim.since).max(self.tip_moved);
            if claim.height > tip && now.since(last) > expires_ms {
                claim.height = tip;
                claim.backed = None;
            }
        }
    }

    /// The highest height that a peer claims and has lately backed, if it is beyond our tip: then we are behind.
    pub(crate) fn backed_target(&self, tip: Height) -> Option<Height> {
        let now = self.clock.passed;
        let counts = |claim: &&Claim| {
            claim.height > tip && claim.backed.is_some_and(|backed| now.since(backed) <= self.claim_expires_ms)
        };
        self.claims.values().filter(counts).map(|claim| claim.height).max()
    }

    /// The highest height that any peer claims; `None` without peers.
    pub(crate) fn highest_claim(&self) -> Option<Height> {
        self.claims.values().map(|claim| claim.height).max()
    }

    /// Does any peer claim a height beyond our tip?
    pub(crate) fn anyone_ahead(&self, tip: Height) -> bool {
        self.highest_claim().is_some_and(|claim| claim > tip)
    }

    /// What to ask now, if anything: blocks after our tip, of the next peer in turn that claims them.
    pub(crate) fn next_question(&mut self, tip: Height) -> Option<BlocksQuestion> {
        let now = self.clock.passed;
        if self.question.is_some() {
            return None;
        }
        let ready = |claim: &Claim| {
            let far = claim.height.0 > tip.0.saturating_add(FAR_AHEAD) || claim.backed.is_some();
            let patient = now.since(claim.since.max(self.tip_moved)) >= PATIENCE_MS;
            claim.height > tip && now >= claim.busy_until && (far || patient)
        };
        let candidates: Vec<PeerTag> =
            self.claims.iter().filter(|(_, claim)| ready(claim)).map(|(peer, _)| *peer).collect();
        let peer = *candidates.iter().find(|peer| **peer > self.last_peer).or(candidates.first())?;
        self.last_peer = peer;
        let request = self.number();
        self.question = Some(Question { request, peer, asked: now });
        Some(BlocksQuestion { request, peer, from: tip.next(), count: self.question_blocks })
    }

    /// A question for one block, to `preferred` or another peer; `None` if nobody is there or too many are under way.
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

    /// How many questions for this block are under way.
    pub(crate) fn body_questions(&self, block: &Hash32) -> usize {
        self.bodies.values().filter(|asked| *asked == block).count()
    }

    /// Which block was asked for, if this was a question for one.
    pub(crate) fn body_answered(&mut self, request: SyncId) -> Option<Hash32> {
        self.bodies.remove(&request)
    }

    fn number(&mut self) -> SyncId {
        self.next_request += 1;
        SyncId(self.next_request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::Hash32;

    const LIAR: PeerTag = PeerTag(1);
    const HONEST: PeerTag = PeerTag(2);

    fn status(height: u64) -> Status {
        Status {
            version: 1,
            chain: Hash32::ZERO,
            height: Height(height),
            hash: Hash32::ZERO,
            earliest: Height(1),
            time: UnixMillis(0),
        }
    }

    fn catch_up() -> CatchUp {
        CatchUp::new(&EngineConfig::default(), UnixMillis(0))
    }

    #[test]
    fn a_claim_that_nobody_backs_never_mutes_us_and_expires() {
        let mut catch_up = catch_up();
        catch_up.on_status(LIAR, &status(1_000_000));
        assert_eq!(catch_up.backed_target(Height(5)), None);
        assert!(catch_up.anyone_ahead(Height(5)));
        catch_up.read_clock(UnixMillis(10_000));
        catch_up.expire(Height(5));
        assert!(!catch_up.anyone_ahead(Height(5)));
    }

    #[test]
    fn certified_blocks_back_a_claim_until_it_is_reached() {
        let mut catch_up = catch_up();
        catch_up.on_status(HONEST, &status(300));
        catch_up.backed(HONEST, Height(256));
        assert_eq!(catch_up.backed_target(Height(256)), Some(Height(300)));
        catch_up.tip_moved(Height(300));
        catch_up.on_status(HONEST, &status(301));
        assert_eq!(catch_up.backed_target(Height(300)), None, "its next claim must be backed anew");
    }

    #[test]
    fn a_block_that_is_just_being_decided_is_not_asked_for_at_once() {
        let mut catch_up = catch_up();
        catch_up.read_clock(UnixMillis(1_000));
        catch_up.tip_moved(Height(7));
        catch_up.on_status(HONEST, &status(8));
        catch_up.read_clock(UnixMillis(1_010));
        assert!(catch_up.next_question(Height(7)).is_none());
        catch_up.read_clock(UnixMillis(1_000 + PATIENCE_MS));
        assert!(catch_up.next_question(Height(7)).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_delays_no_question() {
        let mut catch_up = catch_up();
        catch_up.read_clock(UnixMillis(5_000_000));
        catch_up.tip_moved(Height(7));
        catch_up.on_status(HONEST, &status(8));
        catch_up.read_clock(UnixMillis(1_000));
        assert!(catch_up.next_question(Height(7)).is_none());
        catch_up.read_clock(UnixMillis(1_000 + PATIENCE_MS));
        assert!(catch_up.next_question(Height(7)).is_some());
    }

    #[test]
    fn one_question_at_a_time_and_the_peers_take_turns() {
        let mut catch_up = catch_up();
        catch_up.on_status(LIAR, &status(100));
        catch_up.on_status(HONEST, &status(100));
        let first = catch_up.next_question(Height(0)).unwrap();
        assert!(catch_up.next_question(Height(0)).is_none());
        assert!(catch_up.answered(first.request));
        assert!(!catch_up.answered(first.request), "an answer counts once");
        let second = catch_up.next_question(Height(0)).unwrap();
        assert_ne!(first.peer, second.peer);
    }

    #[test]
    fn a_busy_peer_is_left_alone_for_as_long_as_it_asks() {
        let mut catch_up = catch_up();
        catch_up.read_clock(UnixMillis(30));
        catch_up.on_status(HONEST, &status(100));
        let question = catch_up.next_question(Height(0)).unwrap();
        catch_up.failed(question.request, 500);
        catch_up.read_clock(UnixMillis(529));
        assert!(catch_up.next_question(Height(0)).is_none());
        catch_up.read_clock(UnixMillis(530));
        assert!(catch_up.next_question(Height(0)).is_some());
    }

    /// A link that carries one block a second: answers to longer questions come too late and are thrown away.
    #[test]
    fn over_a_slow_link_ever_fewer_blocks_are_asked_for_until_they_come_in_time() {
        let (mut catch_up, mut tip, mut now) = (catch_up(), Height(0), UnixMillis(0));
        let mut counts = vec![];
        while tip < Height(200) {
            catch_up.on_status(HONEST, &status(1_000));
            if let Some(question) = catch_up.next_question(tip) {
                counts.push(question.count);
                now = now.plus(u64::from(question.count) * 1_000);
                catch_up.read_clock(now);
                catch_up.expire(tip);
                if catch_up.answered(question.request) {
                    tip = Height(tip.0 + u64::from(question.count));
                }
            }
            now = now.plus(PATIENCE_MS);
            catch_up.read_clock(now);
        }
        assert_eq!(counts[..4], [256, 128, 64, 32], "each of these took longer than it was waited for");
        assert!(
            now < UnixMillis(3 * 200 * 1_000 + 512_000),
            "most of the time went into answers that counted: {now:?}"
        );
    }
}
