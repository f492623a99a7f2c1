//! Carries out what the engine asks for, one arm per effect, in order.
//!
//! Owns: the writing sides of the store, the timers, the door's answers. Does not own: what to do.
//!
//! Always true: disk effects are finished when [`Performer::perform`] returns, everything else is only handed over and
//! waits for no reader; after an error no further effect is performed, so a vote that is not on disk never leaves.
//!
//! Runs on the engine's own thread and simply blocks on the disk there: no other task waits with it, and there is no way
//! to another thread and back in front of a vote.

use super::asked::Asked;
use super::own_waits::OwnWaits;
use super::timers::Timers;
use crate::api;
use crate::clock::unix_millis;
use crate::clock_watch;
use crate::engine_handle::EngineDoor;
use crate::feed::{Feed, Happening};
use crate::metrics::Metrics;
use crate::net::{NetHandle, NetVerdict};
use crate::silence;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::evidence::EvidenceFile;
use crate::store::guard::Guard;
use crate::store::own::OwnLog;
use crate::store::sign_journal::SignJournal;
use blockchat_client::shapes::{ConsensusEvent, OffenceView, Phase, ReplacedEvent};
use blockchat_engine::chain_view::{ChainView, Silence};
use blockchat_engine::effect::{Effect, Fault, FinalBlock, GossipVerdict, Replaced};
use blockchat_engine::event::Timer;
use blockchat_engine::journal::{GuardMark, GuardState, JournalEntry, JournalRecord};
use blockchat_proto::ledger::LedgerAct;
use blockchat_proto::sync::Status;
use blockchat_proto::transaction::VerifiedTransaction;
use blockchat_proto::units::{Height, RulesVersion, UnixMillis};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tracing::{debug, info, trace, warn};

/// Why a running node must stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeFault {
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine found that going on would be wrong.
    #[error(transparent)]
    Engine(#[from] Fault),
}

/// Everything effects are performed on.
#[derive(Debug)]
pub(super) struct Performer {
    pub(super) disk: Disk,
    pub(super) journal: SignJournal,
    pub(super) own: OwnLog,
    pub(super) evidence: EvidenceFile,
    /// Absent on an observer.
    pub(super) guard: Option<Guard>,
    pub(super) net: NetHandle,
    pub(super) door: EngineDoor,
    pub(super) timers: Timers,
    /// Our status for peers.
    pub(super) status: watch::Sender<Status>,
    /// The version of the rules that the operator was told to update for, with its first height.
    pub(super) warned: Option<(Height, RulesVersion)>,
    /// Of the last view: why this validator does not vote as others do.
    pub(super) silence: Option<Silence>,
    /// The channel for event streams about consensus.
    pub(super) feed: Feed,
    /// The last that they heard.
    pub(super) told: Option<ConsensusEvent>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) own_waits: OwnWaits,
    /// When the last block became final.
    pub(super) last_final: Option<Instant>,
    /// The operator was told that this clock is wrong.
    pub(super) clock_told: bool,
    /// Which block was asked for.
    pub(super) asked: Asked,
}

impl Performer {
    /// Performs effects in order, up to the first that fails.
    pub(super) fn perform_all(&mut self, effects: Vec<Effect>) -> Result<(), NodeFault> {
        effects.into_iter().try_for_each(|effect| self.perform(effect))
    }

    fn perform(&mut self, effect: Effect) -> Result<(), NodeFault> {
        trace!(?effect, "effect");
        match effect {
            Effect::Journal(entry) => self.append(&entry)?,
            Effect::Sync(state) => self.sync(&state)?,
            Effect::Broadcast(message) => self.net.broadcast(message),
            Effect::GossipTransactions(transactions) => self.net.gossip(transactions),
            Effect::GossipEvidence(evidence) => {
                warn!(validator = %evidence.accused(), ?evidence, "a validator contradicted itself: evidence goes to all");
                self.net.gossip_evidence(evidence);
            }
            Effect::KeepEvidence(all) => self.evidence.keep(&all)?,
            Effect::GossipVerdict { ticket, verdict } => self.net.verdict(ticket, net_verdict(verdict)),
            Effect::StartTimer { timer, after_ms } => self.start_timer(timer, after_ms),
            Effect::CancelTimer(timer) => self.timers.cancel(timer),
            Effect::Finalise(blocks) => self.finalise(&blocks)?,
            Effect::PublishView(view) => self.publish(view),
            Effect::Reply { request, outcomes } => self.door.reply(request, outcomes),
            Effect::Answer { request, answer } => self.door.answer(request, answer),
            Effect::RememberOwn(transactions) => {
                self.own_waits.begin(transactions.iter().map(VerifiedTransaction::id), Instant::now());
                self.own.remember(&transactions)?;
            }
            Effect::ForgetOwn(ids) => {
                self.own_waits.give_up(&ids);
                self.own.forget(&ids)?;
            }
            Effect::Replaced(all) => all.into_iter().for_each(|one| self.feed.tell_replaced(replaced_event(one))),
            Effect::RequestBlocks { request, peer, from, count } => {
                self.net.request_blocks(request, peer, from, count);
            }
            Effect::RequestBody { request, peer, block } => {
                self.asked.note(request, block);
                self.net.request_body(request, peer, block);
            }
            Effect::SendStatus(peer) => self.net.send_status(peer),
            Effect::Blame { peer, offence } => self.net.blame(peer, offence),
            Effect::Halt(fault) => return Err(fault.into()),
        }
        Ok(())
    }

    /// A block from ahead of our clock is worth a word: either clock may be wrong.
    fn start_timer(&mut self, timer: Timer, after_ms: u64) {
        if let Timer::HeldBlock(block) = timer {
            warn!(
                ?block,
                after_ms,
                "a proposed block comes from ahead of this clock: held until its time, or a quorum of prevotes"
            );
        }
        self.timers.start(timer, after_ms);
    }

    /// Says once that this clock is wrong, and once that it is right again.
    fn tell_of_clock(&mut self, view: &ChainView) {
        let found = clock_watch::explain(view);
        match &found {
            Some(words) if !self.clock_told => warn!("{words}"),
            None if self.clock_told => info!("this machine's clock agrees with those of the other validators again"),
            _ => {}
        }
        self.clock_told = found.is_some();
    }

    /// Updates the view of readers. Tells the operator when the validator falls silent, and when it signs again.
    fn publish(&mut self, view: ChainView) {
        self.warn_of_unknown_rules(&view);
        self.tell_of_clock(&view);
        if view.silence != self.silence {
            let before = std::mem::replace(&mut self.silence, view.silence);
            match silence::explain(&view) {
                Some(words) => warn!(tip = %view.tip.height, "{words}"),
                None if before == Some(Silence::ShutOut) => info!("peers take this node again"),
                None => info!(tip = %view.tip.height, "this validator votes again"),
            }
        }
        self.tell(&view);
        self.door.publish(view);
    }

    /// Event streams hear of another height, round, leader or phase; not of every change in the pool.
    fn tell(&mut self, view: &ChainView) {
        let time = self.told.as_ref().map_or(UnixMillis(0), |told| told.time);
        let now = api::consensus_event(view, time);
        if self.told.as_ref() != Some(&now) {
            let event = ConsensusEvent { time: unix_millis(), ..now };
            self.told = Some(event.clone());
            self.feed.tell(Happening::Consensus(Arc::new(event)));
        }
    }

    fn append(&mut self, entry: &JournalEntry) -> Result<(), StoreError> {
        if let JournalRecord::Lost(GuardState { mark, .. }) = &entry.record {
            let GuardMark { height, round, step, .. } = mark;
            warn!(%height, %round, ?step, "the journal lost votes that the guard remembers: signing only votes after them");
        }
        self.journal.append(entry)
    }

    /// A sync point: the journal first, so that an honest crash never looks like a lost journal.
    fn sync(&mut self, state: &GuardState) -> Result<(), NodeFault> {
        let begin = Instant::now();
        self.journal.sync()?;
        let guard = self.guard.as_mut().expect("only a validator signs, and a validator has a guard");
        guard.raise(state)?;
        self.metrics.sync_point.observe(begin.elapsed().as_secs_f64());
        let GuardMark { height, round, step, .. } = &state.mark;
        debug!(%height, %round, ?step, us = begin.elapsed().as_micros(), "signed and synced");
        Ok(())
    }

    /// Says once, as soon as it is decided, from which height on this program cannot take part. SPEC VER-5.
    fn warn_of_unknown_rules(&mut self, view: &ChainView) {
        let unknown = view.rules.unknown_from(view.tip.height);
        if let Some((height, version)) = unknown.filter(|unknown| self.warned != Some(*unknown)) {
            let known = view.rules.known;
            warn!(%height, %version, %known, "the chain switches to a version of the rules that this program does not support: update the program");
            self.warned = unknown;
        }
    }

    /// The blocks first, then the journal: what was signed for them is needed until they are durable.
    fn finalise(&mut self, blocks: &[FinalBlock]) -> Result<(), NodeFault> {
        let Some(last) = blocks.last() else { return Ok(()) };
        let begin = Instant::now();
        self.disk.store(blocks)?;
        self.journal.clear()?;
        self.count(blocks, begin);
        let header = last.block.header();
        blocks.iter().for_each(tell_of_the_barred);
        info!(
            height = %header.height,
            blocks = blocks.len(),
            round = %last.certificate.round,
            leader = ?header.leader,
            transactions = blocks.iter().map(|one| one.block.transactions().len()).sum::<usize>(),
            hash = ?last.block.hash(),
            disk_us = begin.elapsed().as_micros(),
            "block final"
        );
        self.status.send_modify(|status| {
            status.height = header.height;
            status.hash = last.block.hash();
            status.time = unix_millis();
        });
        Ok(())
    }
}

impl Performer {
    /// Counts what became final, at the cost of one look-up a transaction, and none if nothing was submitted here.
    fn count(&mut self, blocks: &[FinalBlock], begin: Instant) {
        let now = Instant::now();
        let metrics = &self.metrics;
        metrics.store.observe(now.duration_since(begin).as_secs_f64());
        let last = self.last_final.replace(now);
        let catches_up = self.told.as_ref().is_some_and(|told| matches!(told.phase, Phase::CatchingUp { .. }));
        if let Some(last) = last.filter(|_| !catches_up) {
            metrics.block_interval.observe(now.duration_since(last).as_secs_f64());
        }
        for FinalBlock { block, certificate, .. } in blocks {
            metrics.blocks.inc();
            metrics.transactions.inc_by(u64::try_from(block.transactions().len()).unwrap_or(u64::MAX));
            metrics.rounds.observe(f64::from(certificate.round.0) + 1.0);
            if !self.own_waits.is_empty() {
                let ids = block.transactions().iter().map(VerifiedTransaction::id);
                self.own_waits.end(ids, now).for_each(|took| metrics.submit_to_final.observe(took.as_secs_f64()));
            }
        }
    }
}

/// All operators learn which validator is barred, and why.
fn tell_of_the_barred(final_block: &FinalBlock) {
    for act in final_block.applied.acts() {
        if let LedgerAct::Barred { account, amount } = act {
            let height = final_block.block.height();
            let evidence = final_block.block.evidence().iter().find(|evidence| evidence.accused() == *account);
            let why = evidence.map(|evidence| OffenceView::from(evidence).to_string()).unwrap_or_default();
            warn!(validator = %account, %height, burned = %amount, why, "a validator is barred: it contradicted itself");
        }
    }
}

fn replaced_event(replaced: Replaced) -> ReplacedEvent {
    let Replaced { id, by, sender, nonce } = replaced;
    ReplacedEvent { id, by, sender, nonce }
}

fn net_verdict(verdict: GossipVerdict) -> NetVerdict {
    match verdict {
        GossipVerdict::Accept => NetVerdict::Accept,
        GossipVerdict::Ignore => NetVerdict::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Announce;
    use crate::engine_handle;
    use crate::held_ports::HeldPorts;
    use crate::net::{self, NetConfig};
    use crate::store;
    use blockchat_engine::config::EngineConfig;
    use blockchat_engine::engine::Engine;
    use blockchat_engine::journal::JournalStep;
    use blockchat_engine::recovered::Recovered;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::Address;
    use blockchat_proto::sync::STATUS_VERSION;
    use blockchat_proto::units::Round;
    use std::path::Path;
    use tempfile::TempDir;
    use tokio_util::sync::CancellationToken;

    fn genesis() -> VerifiedGenesis {
        let (balance, stake) = (Coins::ZERO, Coins::from_bcc(1));
        let genesis = Genesis {
            name: "test".into(),
            time: UnixMillis(0),
            parameters: Parameters::default(),
            treasury: Coins::ZERO,
            accounts: vec![GenesisAccount { address: Address([1; 32]), balance, stake, name: None }],
            version: RulesVersion::FIRST,
        };
        genesis.verify().unwrap()
    }

    async fn performer(folder: &Path, guard: Option<Guard>) -> Performer {
        let genesis = genesis();
        let opened = store::open(folder, &genesis).unwrap();
        let recovered = Recovered {
            ledger: opened.ledger,
            tip_certificate: None,
            journal: vec![],
            own: vec![],
            evidence: vec![],
            validator: None,
        };
        let (engine, _) = Engine::new(EngineConfig::default(), recovered, UnixMillis(0)).unwrap();
        let (_, door) = engine_handle::open(engine.view(UnixMillis(0)));
        let (height, hash, chain) = (Height(0), genesis.hash(), genesis.hash());
        let earliest = Height(1);
        let status = Status { version: STATUS_VERSION, chain, height, hash, earliest, time: UnixMillis(0) };
        let (status, told) = watch::channel(status);
        let listen = vec!["/ip4/127.0.0.1/tcp/0".into()];
        let (peers, external, book, held) = (vec![], vec![], None, HeldPorts::default());
        let (mdns, only_peers, announce) = (false, false, Announce::All);
        let metrics = Arc::new(Metrics::new(0));
        let (identity, counts) = ([1; 32], Arc::clone(&metrics));
        let config = NetConfig {
            identity,
            genesis,
            listen,
            held,
            peers,
            mdns,
            external,
            only_peers,
            announce,
            book,
            metrics: counts,
        };
        let (net, _) = Box::pin(net::start(config, told, CancellationToken::new())).await.unwrap();
        let (disk, journal, own, evidence) = (opened.disk, opened.journal, opened.own, opened.evidence);
        Performer {
            disk,
            journal,
            own,
            evidence,
            guard,
            net,
            door,
            timers: Timers::default(),
            status,
            warned: None,
            silence: None,
            feed: Feed::default(),
            told: None,
            metrics,
            own_waits: OwnWaits::default(),
            last_final: None,
            clock_told: false,
            asked: Asked::default(),
        }
    }

    fn vote_effects() -> Vec<Effect> {
        let record = JournalRecord::Timeout { round: Round(0), step: JournalStep::Propose };
        let mark = GuardMark { height: Height(1), hash: Hash32([7; 32]), ..GuardMark::START };
        let state = GuardState { mark, ..GuardState::START };
        let after = Effect::StartTimer { timer: Timer::Mempool, after_ms: 0 };
        vec![Effect::Journal(JournalEntry { height: Height(1), record }), Effect::Sync(state), after]
    }

    #[tokio::test]
    async fn a_sync_point_is_on_disk_before_the_next_effect() {
        let folder = TempDir::new().unwrap();
        let guard = folder.path().join("guard");
        Guard::create(&guard).unwrap();
        let held = Guard::open(&guard).unwrap().0;
        let mut performer = performer(folder.path(), Some(held)).await;
        performer.perform_all(vote_effects()).unwrap();
        assert_eq!(performer.timers.next().await, Timer::Mempool);
        assert_eq!(Guard::peek(&guard).unwrap().unwrap().mark.height, Height(1));
        drop(performer);
        let again = store::open(folder.path(), &genesis()).unwrap();
        assert_eq!(again.journal_entries.len(), 1);
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_more_is_performed() {
        let folder = TempDir::new().unwrap();
        let lost = Guard::open(&folder.path().join("guard")).unwrap().0;
        let mut performer = performer(folder.path(), Some(lost)).await;
        let fault = performer.perform_all(vote_effects()).unwrap_err();
        assert!(matches!(fault, NodeFault::Store(StoreError::Broken { .. })), "{fault}");
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), performer.timers.next()).await;
        assert!(waited.is_err(), "the effect after the failed one was performed");
    }

    #[tokio::test]
    async fn a_halt_ends_it() {
        let folder = TempDir::new().unwrap();
        let mut performer = performer(folder.path(), None).await;
        let halt = Effect::Halt(Fault::Journal { reason: "test".into() });
        let fault = performer.perform_all(vec![halt]).unwrap_err();
        assert!(matches!(fault, NodeFault::Engine(Fault::Journal { .. })), "{fault}");
    }
}
