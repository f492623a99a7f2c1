//! Am I behind, whom to ask, what to ask next.
//!
//! Owns: peers' claims, questions under way. Does not own: checking and applying blocks (`commit`).
//! Always true: a claim mutes our votes only while its peer backs it with certified blocks; unbacked claims expire; at
//! most one question for blocks is under way, and none while its answer is not committed whole; bulk sync never enters the voting core; a clock that is set back delays
//! nothing; a peer that does not answer in time is asked for fewer blocks, later, and no other peer for that.
//! Start reading at [`CatchUp::next_question`].

mod claim;

use crate::config::EngineConfig;
use crate::event::{PeerTag, SyncId};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::limits;
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::{Certificate, Verified};
use claim::{Claim, LATE_MAX, Steady};
use std::collections::{BTreeMap, VecDeque};

/// A claim one or a few heights ahead is most often our own decision on its way: wait so long before asking.
pub(crate) const PATIENCE_MS: u64 = 100;
/// A claim further ahead than this is followed at once.
const FAR_AHEAD: u64 = 8;
/// Most questions for single blocks under way.
const BODY_QUESTIONS_MAX: usize = 16;

struct Question {
    request: SyncId,
    peer: PeerTag,
    asked: UnixMillis,
}

/// Blocks that came and are not committed yet, with their certificates.
pub(crate) type Part = VecDeque<(VerifiedBlock, Verified<Certificate>)>;

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
    claims: BTreeMap<PeerTag, Claim>,
    question: Option<Question>,
    /// What the answer to the last question holds that is not committed yet, and who gave it: at most one answer.
    part: Option<(PeerTag, Part)>,
    bodies: BTreeMap<SyncId, Hash32>,
    next_request: u64,
    last_peer: PeerTag,
    tip_moved: UnixMillis,
    /// Last time that a question was seen under way.
    asking: UnixMillis,
}

impl CatchUp {
    pub(crate) fn new(config: &EngineConfig, now: UnixMillis) -> Self {
        let clock = Steady { read: now, passed: UnixMillis(0) };
        Self {
            claim_expires_ms: config.claim_expires_ms,
            request_timeout_ms: config.request_timeout_ms,
            clock,
            claims: BTreeMap::new(),
            question: None,
            part: None,
            bodies: BTreeMap::new(),
            next_request: 0,
            last_peer: PeerTag(0),
            tip_moved: UnixMillis(0),
            asking: UnixMillis(0),
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
            late: 0,
            blocks_max: limits::SYNC_BLOCKS_MAX,
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
        let Some(question) = self.question.take_if(|question| question.request == request) else {
            return false;
        };
        if let Some(claim) = self.claims.get_mut(&question.peer) {
            claim.was_in_time();
        }
        true
    }

    /// Blocks came, or are left over after a commit.
    pub(crate) fn came(&mut self, peer: PeerTag, blocks: Part) {
        self.part = Some((peer, blocks));
    }

    /// Blocks that came, to be committed now.
    pub(crate) fn take_part(&mut self) -> Option<(PeerTag, Part)> {
        self.part.take()
    }

    /// Are there blocks that came and are not committed yet?
    pub(crate) fn has_part(&self) -> bool {
        self.part.is_some()
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
    /// next status; while any peer is being asked, or its own is to be asked for less, it stands: only one can be asked at
    /// a time.
    pub(crate) fn expire(&mut self, tip: Height) {
        let now = self.clock.passed;
        self.expire_question(now);
        let expires_ms = self.claim_expires_ms;
        if self.is_asking() {
            self.asking = now;
        }
        for claim in self.claims.values_mut() {
            let mut last = claim.backed.unwrap_or_default().max(claim.since).max(self.tip_moved).max(self.asking);
            if claim.late < LATE_MAX {
                last = last.max(claim.busy_until);
            }
            if claim.height > tip && now.since(last) > expires_ms {
                claim.height = tip;
                claim.backed = None;
            }
        }
    }

    fn expire_question(&mut self, now: UnixMillis) {
        let pause_ms = self.request_timeout_ms;
        if let Some(question) = &self.question
            && let Some(claim) = self.claims.get_mut(&question.peer)
            && now.since(question.asked) > claim.timeout_ms(pause_ms)
        {
            claim.was_late(pause_ms, now);
            self.question = None;
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

    /// Is a question for blocks under way, or its answer not committed whole?
    pub(crate) fn is_asking(&self) -> bool {
        self.question.is_some() || self.part.is_some()
    }

    /// Does any peer claim a height beyond our tip?
    pub(crate) fn anyone_ahead(&self, tip: Height) -> bool {
        self.highest_claim().is_some_and(|claim| claim > tip)
    }

    /// What to ask now, if anything: blocks after our tip, of the next peer in turn that claims them.
    pub(crate) fn next_question(&mut self, tip: Height) -> Option<BlocksQuestion> {
        let now = self.clock.passed;
        if self.is_asking() {
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
        let count = self.claims.get(&peer)?.blocks_max;
        let request = self.number();
        self.question = Some(Question { request, peer, asked: now });
        Some(BlocksQuestion { request, peer, from: tip.next(), count })
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

    /// Asks until `until`, and lets `seconds` say how long a peer takes for so many blocks, if it answers at all. What
    /// takes longer than the network's own limit of 15 s never comes. Returns what was asked, of whom, and the time.
    fn follow(
        catch_up: &mut CatchUp,
        until: Height,
        seconds: impl Fn(PeerTag, u32) -> Option<u64>,
    ) -> (Vec<(PeerTag, u32)>, UnixMillis) {
        let (mut tip, mut now, mut asked, mut answer) = (Height(0), UnixMillis(0), vec![], None);
        while tip < until {
            catch_up.read_clock(now);
            catch_up.expire(tip);
            if let Some(question) = catch_up.next_question(tip) {
                let (request, count) = (question.request, question.count);
                asked.push((question.peer, count));
                let takes = seconds(question.peer, count).filter(|seconds| *seconds <= 15);
                answer = takes.map(|seconds| (now.plus(seconds * 1_000), request, count));
            }
            if let Some((_, request, count)) = answer.take_if(|(at, _, _)| *at <= now)
                && catch_up.answered(request)
            {
                tip = Height(tip.0 + u64::from(count));
                catch_up.tip_moved(tip);
            }
            now = now.plus(PATIENCE_MS);
            assert!(now < UnixMillis(100_000_000), "it gets nowhere: {asked:?}");
        }
        (asked, now)
    }

    #[test]
    fn over_a_slow_link_ever_fewer_blocks_are_asked_for_until_they_come_in_time() {
        let mut catch_up = catch_up();
        catch_up.on_status(HONEST, &status(1_000));
        let (asked, now) = follow(&mut catch_up, Height(200), |_, count| Some(u64::from(count)));
        let counts: Vec<_> = asked.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts[..6], [256, 128, 64, 32, 16, 8], "all but the last took longer than it was waited for");
        assert!(now < UnixMillis(4 * 200 * 1_000), "{now:?} for what takes 200 s without a mistake");
    }

    #[test]
    fn silent_peers_make_nobody_else_slow() {
        let (mut catch_up, other_liar) = (catch_up(), PeerTag(3));
        for peer in [LIAR, HONEST, other_liar] {
            catch_up.on_status(peer, &status(1_000_000));
        }
        let honest = |peer, _| (peer == HONEST).then_some(1);
        let (asked, _) = follow(&mut catch_up, Height(256 * 100), honest);
        let of_honest: Vec<_> = asked.iter().filter(|(peer, _)| *peer == HONEST).collect();
        assert!(of_honest.iter().all(|(_, count)| *count == 256), "{asked:?}");
        assert!(asked.len() - of_honest.len() <= 2 * 9, "each liar is given up in the end: {asked:?}");
    }
}
