//! Hands events to an engine and carries out what it asks for: in order, one step at a time, each step a place to crash.
//!
//! Always true: the effects of one event are all performed before the next event, or the node has crashed in between; what
//! an honest node says, shows and stores passes the checker first.
//! Start reading at [`World::deliver`].

use super::byzantine::{Audience, Scene, Speech};
use super::counts::Met;
use super::invariants::{News, Violation, check_rise};
use super::marks::own_marks;
use super::node::Running;
use super::notes;
use super::step::Step;
use super::time::Micros;
use super::wire;
use super::world::{Happening, World};
use blockchat_engine::chain_view::Silence;
use blockchat_engine::effect::{Effect, FinalBlock, SubmitOutcome};
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{Event, Timer};
use blockchat_engine::journal::{GuardState, SignStep};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{LedgerAct, Standing};
use blockchat_proto::sync::SyncRequest;
use blockchat_proto::transaction::{Body, TransactionId};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Evidence, Vote, VoteKind};

/// The place at which a liar may sign once.
pub(super) type LiePlace = (Address, (Height, Round, SignStep));

impl World {
    /// One event for the engine of a node that is up.
    pub(super) fn deliver(&mut self, node: usize, event: Event) {
        self.note(node, notes::of_event(&event));
        self.counts.met(Met::Events);
        let catching_up = matches!(event, Event::BlocksReceived { .. } | Event::TimerElapsed(Timer::NextPart));
        if matches!(event, Event::BodyReceived { block: Some(_), .. }) {
            self.counts.met(Met::BodiesFetched);
        }
        let now = self.nodes[node].clock(self.now);
        let Some(running) = &mut self.nodes[node].engine else {
            return;
        };
        let effects = running.engine.handle(event, now);
        self.perform_all(node, effects, catching_up);
    }

    /// A started engine takes its place.
    pub(super) fn switch_on(&mut self, node: usize, engine: Engine, effects: Vec<Effect>) {
        self.note(node, notes::Note { what: "starts", height: engine.ledger().tip().height.0, ..Default::default() });
        let (timers, links, peers) = Default::default();
        let running = Running { engine, timers, links, peers, tells_soon: false };
        self.nodes[node].engine = Some(running);
        let life = self.nodes[node].life;
        self.perform_all(node, effects, false);
        if self.is_alive(node, life) {
            self.look_for_peers(node);
        }
    }

    fn perform_all(&mut self, node: usize, effects: Vec<Effect>, catching_up: bool) {
        let life = self.nodes[node].life;
        for effect in effects {
            let together = if let Effect::Finalise(blocks) = &effect { blocks.len() } else { 0 };
            if catching_up {
                self.count_synced(together, &effect);
                self.tempt(node, together);
            }
            let up = self.is_alive(node, life);
            if self.springs(node) || !self.is_alive(node, life) || self.violation.is_some() {
                self.count_crash(up && together > 1);
                return;
            }
            self.note(node, notes::of_effect(&effect));
            self.perform(node, effect);
            self.count_crash(together > 1 && !self.is_alive(node, life));
        }
        self.springs(node);
    }

    fn count_synced(&mut self, together: usize, effect: &Effect) {
        let blocks = u64::try_from(together).expect("an answer holds few blocks");
        self.counts.add(Met::Synced, blocks);
        self.counts.add(Met::SyncedTogether, if blocks > 1 { blocks } else { 0 });
        if matches!(effect, Effect::StartTimer { timer: Timer::NextPart, .. }) {
            self.counts.met(Met::AnswersInParts);
        }
    }

    fn count_crash(&mut self, around_write_of_several: bool) {
        if around_write_of_several {
            self.counts.met(Met::CrashesInCatchUp);
        }
    }

    /// One effect.
    fn perform(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Journal(entry) => {
                self.nodes[node].disk.append(&entry);
                let (step, height) = Step::journaled(&entry);
                self.after(node, step, height);
            }
            Effect::Sync(state) => self.sync(node, state),
            Effect::Broadcast(message) => self.broadcast(node, message),
            Effect::GossipTransactions(transactions) => self.gossip(node, transactions),
            Effect::GossipEvidence(evidence) => self.accuse(node, evidence),
            Effect::KeepEvidence(all) => self.keep_evidence(node, all),
            // Nobody listens to a feed.
            Effect::GossipVerdict { .. } | Effect::Replaced(_) => {}
            Effect::StartTimer { timer, after_ms } => self.start_timer(node, timer, after_ms),
            Effect::CancelTimer(timer) => {
                self.running(node).timers.remove(&timer);
            }
            Effect::Finalise(blocks) => self.finalise(node, &blocks),
            Effect::PublishView(view) => {
                if self.nodes[node].is_honest() {
                    let found = self.checker.shown(node, &self.nodes[node].disk, view.tip.height, view.tip.hash);
                    self.check(found);
                    self.check_stop(node, view.silence);
                }
            }
            Effect::Reply { outcomes, .. } => self.replied(node, &outcomes),
            Effect::Answer { request, answer } => self.answered(node, request, answer),
            Effect::RememberOwn(transactions) => self.nodes[node].disk.remember(&transactions),
            Effect::ForgetOwn(ids) => {
                self.nodes[node].disk.forget(&ids);
                self.moved = true;
            }
            Effect::RequestBlocks { request, peer, from, count } => {
                self.ask(node, peer, request, SyncRequest::Blocks { from, count });
            }
            Effect::RequestBody { request, peer, block } => {
                self.ask(node, peer, request, SyncRequest::Body { hash: block });
            }
            Effect::SendStatus(peer) => self.send_status(node, peer),
            Effect::Blame { .. } => self.counts.met(Met::Blamed),
            Effect::Halt(fault) => self.halt(node, &fault.to_string()),
        }
    }

    /// The running part of a node. Only while it performs.
    pub(super) fn running(&mut self, node: usize) -> &mut Running {
        self.nodes[node].engine.as_mut().expect("only nodes that are up perform")
    }

    /// A sync point: the journal, then the guard; a crash may fall between the two.
    fn sync(&mut self, node: usize, state: GuardState) {
        let height = state.mark.height;
        if self.nodes[node].is_honest() {
            let found = check_rise(node, self.nodes[node].disk.guard(), &state.mark);
            self.check(found);
        }
        self.nodes[node].disk.sync_journal();
        self.after(node, Step::JournalSynced, height);
        if self.nodes[node].is_up() && !self.springs(node) {
            self.nodes[node].disk.raise_guard(state);
            self.after(node, Step::GuardRaised, height);
        }
    }

    /// Final blocks: stored all together, then the journal emptied; a crash may fall before, between the two, or after.
    fn finalise(&mut self, node: usize, blocks: &[FinalBlock]) {
        let Some(last) = blocks.last() else { return };
        for final_block in blocks {
            if self.nodes[node].is_honest() {
                let (found, knows) = (final_block.block.header().version, self.nodes[node].knows);
                if found > knows {
                    let height = final_block.block.height();
                    return self.fail(Violation::RulesUnknown { height, node, found, knows });
                }
                let found = self.checker.made_final(node, &self.nodes[node].disk, final_block);
                match self.check(found) {
                    Some(News::First) => self.count_block(final_block),
                    Some(News::Known) => {}
                    None => return,
                }
            }
            self.nodes[node].disk.store(final_block);
        }
        self.moved = true;
        if self.nodes[node].is_honest() {
            let found = self.checker.stored(node, &self.nodes[node].disk);
            self.check(found);
        }
        self.after(node, Step::BlockStored, last.block.height());
        if self.nodes[node].is_up() && !self.springs(node) {
            self.nodes[node].disk.empty_journal();
            self.after(node, Step::JournalEmptied, last.block.height());
        }
        if self.nodes[node].is_up() {
            self.tell_all(node);
        }
    }

    /// No node stops because of another signer that does not exist.
    fn check_stop(&mut self, node: usize, silence: Option<Silence>) {
        let own = self.nodes[node].address();
        let bearers = self.nodes.iter().filter(|other| other.address() == own).count();
        if silence == Some(Silence::Elsewhere) && bearers == 1 {
            self.fail(Violation::Stopped { node });
        }
    }

    fn count_block(&mut self, final_block: &FinalBlock) {
        let FinalBlock { block, certificate, applied } = final_block;
        self.counts.met(Met::Heights);
        self.counts.add(Met::Versions, u64::from(applied.system().version > block.header().version));
        if self.scenario.feed > 0 {
            self.push(self.now, Happening::Feed);
        }
        let transactions = u64::try_from(block.transactions().len()).expect("a block holds few");
        self.counts.add(Met::Transactions, transactions);
        let met = [
            (Met::LateRounds, certificate.round > Round(0)),
            (Met::ReproposalsDecided, block.header().round < certificate.round),
            (Met::SetChanges, applied.validators() != applied.next_validators()),
        ];
        met.into_iter().filter(|(_, is)| *is).for_each(|(what, _)| self.counts.met(what));
        let barred = |act: &&LedgerAct| matches!(act, LedgerAct::Barred { .. });
        for act in applied.acts().iter().filter(barred) {
            self.counts.met(Met::Barred);
            let found = self.checker.barred(block.height(), act.account());
            self.check(found);
        }
        for act in applied.acts().iter().filter(|act| matches!(act, LedgerAct::Jailed { .. })) {
            let found = self.checker.jailed(block.height(), act.account());
            self.check(found);
        }
        let claims = block.transactions().iter().filter(|one| matches!(one.transaction().body, Body::Claim { .. }));
        self.counts.add(Met::Grants, u64::try_from(claims.count()).expect("a block pays one"));
        for (address, account) in applied.accounts() {
            if account.standing == Standing::Jailed {
                if self.jailed.insert(*address) {
                    self.counts.met(Met::Jailed);
                }
            } else if self.jailed.remove(address) {
                self.counts.met(Met::Unjailed);
            }
        }
    }

    /// All nodes hear a message: the honest after a check, liars in their own words.
    fn broadcast(&mut self, node: usize, message: ConsensusMessage) {
        let (step, height) = Step::sent(&message);
        if matches!(&message, ConsensusMessage::Proposal { proposal, .. } if proposal.proposal.lock_round.is_some()) {
            self.counts.met(Met::Reproposals);
        }
        match self.nodes[node].address().filter(|_| self.nodes[node].is_honest()) {
            Some(own) => {
                let clock = self.nodes[node].clock(self.now);
                let (disk, ledger) = (&self.nodes[node].disk, self.nodes[node].engine.as_ref());
                let ledger = ledger.expect("only nodes that are up speak").engine.ledger();
                let found = self.checker.spoke(node, own, disk, ledger, clock, &message);
                if self.check(found).is_some() {
                    self.spread(node, Audience::All, message);
                }
            }
            None => self.lie(node, message),
        }
        self.after(node, step, height);
    }

    fn lie(&mut self, node: usize, message: ConsensusMessage) {
        let chain = self.scenario.genesis.hash();
        let this = &mut self.nodes[node];
        let (Some(signer), Some(crime), Some(running)) = (&this.signer, &mut this.crime, &this.engine) else {
            return self.spread(node, Audience::All, message);
        };
        let ledger = running.engine.ledger();
        let mut scene = Scene { chain, signer, ledger, dice: &mut self.chance.lies };
        let speech = crime.speak(&mut scene, message.clone());
        let own = signer.address();
        if speech != [(Audience::All, message)] {
            self.counts.met(Met::Lies);
        }
        self.tell_lies(node, own, speech);
    }

    /// A liar speaks; what it signs twice in one place is written down.
    pub(super) fn tell_lies(&mut self, node: usize, own: Address, speech: Speech) {
        let chain = self.scenario.genesis.hash();
        for (audience, said) in speech {
            for mark in own_marks(&said, own, chain) {
                let before = *self.lies.entry((own, mark.position())).or_insert(mark.hash);
                if before != mark.hash {
                    self.counts.met(Met::Equivocations);
                    self.checker.lied(own);
                }
            }
            self.spread(node, audience, said);
        }
    }

    /// Sends a consensus message to all connected peers of the audience.
    fn spread(&mut self, node: usize, audience: Audience, message: ConsensusMessage) {
        let (chain, salt) = (self.scenario.genesis.hash(), self.number());
        let known = |id: &TransactionId| self.known.get(id).cloned();
        let votes = prevotes_in(&message);
        match wire::transmit(message, salt, chain, known) {
            Some(heard) => {
                self.checker.prevoted(votes);
                self.gossip_message(node, audience, &heard);
            }
            None => self.counts.met(Met::Forgeries),
        }
    }

    /// Evidence that an honest node keeps must lead to a penalty.
    fn keep_evidence(&mut self, node: usize, all: Vec<Evidence>) {
        if self.nodes[node].is_honest() {
            self.checker.accused(&all);
        }
        self.nodes[node].disk.keep_evidence(all);
    }

    fn accuse(&mut self, node: usize, evidence: Evidence) {
        let Ok(verified) = evidence.verify(self.scenario.genesis.hash()) else {
            return self.counts.met(Met::Forgeries);
        };
        self.counts.met(Met::Accusations);
        self.gossip_evidence(node, &verified);
    }

    fn start_timer(&mut self, node: usize, timer: Timer, after_ms: u64) {
        if matches!(timer, Timer::HeldBlock(_)) {
            self.counts.met(Met::Held);
        }
        let (at, life) = (self.now.plus(Micros::from_ms(after_ms)), self.nodes[node].life);
        let number = self.push(at, Happening::Timer { node, life, timer });
        self.running(node).timers.insert(timer, number);
    }

    fn replied(&mut self, node: usize, outcomes: &[(TransactionId, SubmitOutcome)]) {
        for (id, outcome) in outcomes {
            match outcome {
                SubmitOutcome::Refused(_) | SubmitOutcome::MaybeFinal(_) => self.counts.met(Met::Refused),
                SubmitOutcome::Pooled | SubmitOutcome::Queued | SubmitOutcome::InBlock(_) => {
                    let kept = self.nodes[node].disk.own().iter().any(|own| own.id() == *id);
                    if !kept && self.nodes[node].is_honest() {
                        self.fail(Violation::Unremembered { node, id: *id });
                    }
                }
            }
        }
    }

    fn halt(&mut self, node: usize, fault: &str) {
        if self.nodes[node].is_honest() {
            self.fail(Violation::Halted { node, fault: fault.to_string() });
        } else {
            self.crash(node);
        }
    }
}

/// All prevotes in a message.
fn prevotes_in(message: &ConsensusMessage) -> Vec<Vote> {
    let votes = match message {
        ConsensusMessage::Vote(signed) => vec![signed.vote],
        ConsensusMessage::RoundCertificate(certificate) => certificate.votes.iter().map(|signed| signed.vote).collect(),
        ConsensusMessage::Proposal { .. } => vec![],
    };
    votes.into_iter().filter(|vote| vote.kind == VoteKind::Prevote).collect()
}
