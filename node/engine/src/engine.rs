//! Routes every event to its part. No rules of its own.
//!
//! Owns: the parts, and the effects of the current event. Does not own: any decision. What [`Engine`] itself does has
//! one file each: `build_block`, `finalise`, `following`, `presence`, `readers`.
//! Always true: effects come out in the order of the requests; nothing comes out after [`Effect::Halt`]; what
//! the pool replaced is told, and a view that differs from the last one is shown, at the end of the event.
//! Start reading at [`Engine::handle`].

use crate::catch_up::CatchUp;
use crate::chain_view::{ChainView, StakesView};
use crate::config::EngineConfig;
use crate::consensus::{Consensus, Message, Turn, Wish};
use crate::effect::{Effect, Fault};
use crate::event::{Event, PeerTag, RequestId, Timer};
use crate::evidence::Witness;
use crate::mempool::Mempool;
use crate::recovered::Recovered;
use crate::relevance::Horizon;
use crate::tally::Tally;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::UnixMillis;
use std::sync::Arc;

/// Interval of pool checks, in ms.
pub(crate) const MEMPOOL_TICK_MS: u64 = 500;
/// Interval of checks which members are reachable, in ms.
pub(crate) const PRESENCE_TICK_MS: u64 = 1_000;

/// One node, from its last durable state on.
pub struct Engine {
    pub(crate) ledger: Ledger,
    pub(crate) mempool: Mempool,
    pub(crate) consensus: Consensus,
    pub(crate) catch_up: CatchUp,
    /// For readers only.
    pub(crate) tally: Tally,
    pub(crate) witness: Witness,
    /// Coins created by the genesis, burned ones included; summed up once.
    pub(crate) made: Coins,
    /// As of the tip.
    pub(crate) stakes: Arc<StakesView>,
    /// Maximum transactions and bytes of blocks per write: see [`EngineConfig`].
    pub(crate) together_max: (usize, usize),
    /// See [`ChainView::reached_tip`].
    pub(crate) reached_tip: bool,
    /// See [`ChainView::silent`]. Updated every second.
    pub(crate) silent: Vec<Address>,
    /// See [`ChainView::clocks_ahead_ms`]. Updated every second.
    pub(crate) clocks_ahead_ms: Option<i64>,
    shown: Option<ChainView>,
    effects: Vec<Effect>,
}

impl Engine {
    /// Starts from the recovered state. Perform the returned effects before the first event.
    ///
    /// Errors: [`Fault::Journal`] if the journal does not decode or verify.
    pub fn new(config: EngineConfig, recovered: Recovered, now: UnixMillis) -> Result<(Self, Vec<Effect>), Fault> {
        let Recovered { ledger, tip_certificate, journal, own, evidence, validator } = recovered;
        let consensus = Consensus::new(config.clone(), &ledger, validator, tip_certificate, journal, now)?;
        let mut engine = Self {
            made: ledger.supply().checked_add(ledger.system().burned).expect("the genesis is below the cap"),
            stakes: StakesView::of(&ledger),
            witness: Witness::new(&ledger, evidence),
            mempool: Mempool::new(&config),
            catch_up: CatchUp::new(&config, now),
            tally: Tally::new(&ledger),
            consensus,
            ledger,
            together_max: (config.together_transactions_max, config.together_bytes_max),
            reached_tip: false,
            silent: vec![],
            clocks_ahead_ms: None,
            shown: None,
            effects: vec![],
        };
        engine.start(own, now);
        let effects = engine.finish(now);
        Ok((engine, effects))
    }

    fn start(&mut self, own: Vec<VerifiedTransaction>, now: UnixMillis) {
        let hopeless = self.mempool.restore_own(&self.ledger, own, now);
        self.forget_own(hopeless);
        self.ask(Effect::StartTimer { timer: Timer::Mempool, after_ms: MEMPOOL_TICK_MS });
        self.start_presence_timer();
        self.tell_evidence(now);
        self.stand_aside();
        self.with_consensus(now, |consensus, turn| consensus.resume(turn));
        self.pace(now);
    }

    /// Handles one event. `now` is the shell's clock; it may step, and nothing that decides validity depends on it.
    ///
    /// After [`Effect::Halt`] every call returns nothing.
    pub fn handle(&mut self, event: Event, now: UnixMillis) -> Vec<Effect> {
        if self.consensus.is_halted() {
            return vec![];
        }
        self.consensus.next_event();
        self.catch_up.read_clock(now);
        match event {
            Event::TimerElapsed(timer) => self.on_timer(timer, now),
            Event::SubmitTransactions { request, transactions, replaces } => {
                self.on_submit(request, transactions, replaces, now);
            }
            Event::GossipTransactions { ticket, transactions } => {
                let verdict = self.mempool.gossiped(&self.ledger, transactions, now);
                let adopted = self.mempool.take_adopted();
                self.remember_own(adopted);
                self.ask(Effect::GossipVerdict { ticket, verdict });
                self.pace(now);
            }
            Event::Proposal { from, proposal, block } => {
                self.on_message(from, Message::Proposal(proposal, block), now);
            }
            Event::Vote { from, vote } => self.on_message(from, Message::Vote(vote), now),
            Event::RoundCertificate { from, certificate } => {
                self.on_message(from, Message::Certificate(certificate), now);
            }
            Event::Evidence(evidence) => self.on_evidence(evidence),
            Event::PeerStatus { peer, status } => self.on_status(peer, &status, now),
            Event::PeerGone { peer } => self.on_peer_gone(peer),
            Event::IdentityElsewhere { shut_out } => {
                self.with_consensus(now, |consensus, turn| consensus.identity_elsewhere(turn, shut_out));
            }
            Event::BlocksReceived { request, peer: _, blocks } => self.on_blocks(request, blocks, now),
            Event::BodyReceived { request, block } => self.on_body(request, block, now),
            Event::RequestFailed { request, reason } => self.on_request_failed(request, reason),
            Event::Query { request, query } => self.on_query(request, query, now),
        }
        self.finish(now)
    }

    /// The status of the node.
    pub fn view(&self, now: UnixMillis) -> ChainView {
        self.build_view(now)
    }

    /// The filter for peers' messages before they are verified.
    pub fn horizon(&self) -> Horizon<'_> {
        Horizon::of(&self.ledger, self.consensus.round())
    }

    /// The ledger at the tip, for checks of tests and simulators.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn on_message(&mut self, from: PeerTag, message: Message, now: UnixMillis) {
        self.witness(&message);
        self.with_consensus(now, |consensus, turn| consensus.on_message(turn, from, message));
    }

    fn on_timer(&mut self, timer: Timer, now: UnixMillis) {
        self.tally.elapsed(&timer);
        match timer {
            Timer::Round { height, round, step } => {
                self.with_consensus(now, |consensus, turn| consensus.on_round_timer(turn, height, round, step));
            }
            Timer::Pace(height) => {
                self.with_consensus(now, |consensus, turn| consensus.on_pace_timer(turn, height));
            }
            Timer::HeldBlock(hash) => {
                self.with_consensus(now, |consensus, turn| consensus.on_held_block(turn, hash));
            }
            Timer::Body(hash) => self.fetch_body(hash, None),
            Timer::CatchUp => self.on_catch_up_timer(now),
            Timer::NextPart => self.on_next_part(now),
            Timer::Mempool => self.on_mempool_timer(now),
            Timer::Presence => self.on_presence_timer(now),
        }
    }

    fn on_submit(
        &mut self,
        request: RequestId,
        transactions: Vec<VerifiedTransaction>,
        replaces: Option<TransactionId>,
        now: UnixMillis,
    ) {
        let submitted = self.mempool.submit(&self.ledger, transactions, replaces, now);
        self.remember_own(submitted.own);
        self.ask(Effect::Reply { request, outcomes: submitted.outcomes });
        self.gossip(submitted.gossip);
        self.pace(now);
    }

    fn on_mempool_timer(&mut self, now: UnixMillis) {
        let ticked = self.mempool.tick(now);
        self.gossip(ticked.gossip);
        self.forget_own(ticked.forget);
        self.ask(Effect::StartTimer { timer: Timer::Mempool, after_ms: MEMPOOL_TICK_MS });
        self.pace(now);
    }

    /// Lets consensus handle something, then grants its wishes until none are left.
    pub(crate) fn with_consensus(&mut self, now: UnixMillis, act: impl FnOnce(&mut Consensus, &mut Turn<'_>)) {
        act(&mut self.consensus, &mut Turn { ledger: &self.ledger, now, effects: &mut self.effects });
        while let Some(wish) = self.consensus.take_wish() {
            match wish {
                Wish::BuildBlock(round) => self.build_block(round, now),
                Wish::FetchBody { block, from } => self.fetch_body(block, Some(from)),
                Wish::Decided { block, applied, certificate } => {
                    self.finalise(block, applied, certificate, now);
                    self.after_final(now);
                }
            }
        }
    }

    /// Starts the next height if the pool and the clock allow.
    pub(crate) fn pace(&mut self, now: UnixMillis) {
        let pooled = self.mempool.len();
        self.with_consensus(now, |consensus, turn| consensus.pace(turn, pooled));
    }

    /// Passes a block to consensus without the wish loop of [`Self::with_consensus`], which is already running.
    pub(crate) fn turn(&mut self, now: UnixMillis, act: impl FnOnce(&mut Consensus, &mut Turn<'_>)) {
        act(&mut self.consensus, &mut Turn { ledger: &self.ledger, now, effects: &mut self.effects });
    }

    pub(crate) fn gossip(&mut self, transactions: Vec<VerifiedTransaction>) {
        if !transactions.is_empty() {
            self.ask(Effect::GossipTransactions(transactions));
        }
    }

    fn remember_own(&mut self, transactions: Vec<VerifiedTransaction>) {
        if !transactions.is_empty() {
            self.ask(Effect::RememberOwn(transactions));
        }
    }

    pub(crate) fn forget_own(&mut self, ids: Vec<TransactionId>) {
        if !ids.is_empty() {
            self.ask(Effect::ForgetOwn(ids));
        }
    }

    fn tell_replaced(&mut self) {
        let replaced = self.mempool.take_replaced();
        if !replaced.is_empty() {
            self.ask(Effect::Replaced(replaced));
        }
    }

    pub(crate) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Tells and shows what changed, and returns the effects.
    fn finish(&mut self, now: UnixMillis) -> Vec<Effect> {
        self.tally.follow(&self.effects, now);
        if !self.consensus.is_halted() {
            self.tell_replaced();
            self.note_tip_reached();
            let view = self.build_view(now);
            if self.shown.as_ref() != Some(&view) {
                self.ask(Effect::PublishView(view.clone()));
                self.shown = Some(view);
            }
        }
        std::mem::take(&mut self.effects)
    }
}
