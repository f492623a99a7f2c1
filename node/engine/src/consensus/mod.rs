//! Voting: one height after the other, with Malachite's core, our journal and our pace. SPEC VOTE-3, VOTE-6, VOTE-7.
//!
//! Owns: the core of the height being decided, its candidates, the guard, the wait between heights, messages from ahead,
//! late precommits. Does not own: the pool, the ledger, catching up; what it needs of those goes out as [`Wish`]es.
//! Always true: what we signed is synced before it is published, and a valid block's bytes before the prevote for it;
//! the core hears only verified messages of members at its own height.
//! The map: `messages` takes what members say, `malachite` drives the core, `outputs` turns what it wants into effects;
//! `candidates` holds proposed blocks, `clocks` compares ours with those of leaders, `signing` is the guard, `lost` what it
//! forbids after a loss, `own_key` whether another one signs with our key, `pace` says when a height starts, `timeouts` how
//! long it waits, with what `needed` has learned of slow links; `sightings` and `view` are for readers.
//! Start reading at [`Consensus::on_message`], then [`Consensus::committed`].

mod ahead;
mod candidates;
mod clocks;
mod late_votes;
mod lost;
mod malachite;
mod messages;
mod needed;
mod outputs;
mod own_key;
mod pace;
mod sightings;
mod signing;
mod timeouts;
mod turn;
mod view;

pub(crate) use ahead::Message;
pub(crate) use turn::Turn;

use crate::chain_view::Silence;
use crate::config::EngineConfig;
use crate::effect::{Effect, Fault};
use crate::event::{PeerTag, RoundTimer, Timer};
use crate::journal::{JournalEntry, JournalRecord};
use crate::recovered::RecoveredValidator;
use ahead::Ahead;
use blockchat_proto::block::{Block, VerifiedBlock};
use blockchat_proto::coins::{Stake, is_honest_share};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{AppliedBlock, Ledger};
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature, LatePrecommits, SignedProposal, SignedVote};
use candidates::Candidates;
use clocks::Clocks;
use late_votes::LateVotes;
use lost::Lost;
use malachite::{CoreStart, VoteInput, VotingCore};
use needed::Needed;
use sightings::Sightings;
use signing::Signing;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What consensus needs of the other parts of the engine.
pub(crate) enum Wish {
    /// We lead this round: build a block and answer with [`Consensus::built`].
    BuildBlock(Round),
    /// The block is final: commit it.
    Decided { block: VerifiedBlock, applied: AppliedBlock, certificate: Certificate },
    /// A proposal waits for this block.
    FetchBody { block: Hash32, from: PeerTag },
}

/// See the module's header.
pub(crate) struct Consensus {
    config: EngineConfig,
    signing: Signing,
    core: Option<VotingCore>,
    /// Replayed when the first height starts.
    journal: Vec<JournalRecord>,
    round: Round,
    leader: Address,
    /// When the current height began, or the last one was decided.
    since: UnixMillis,
    /// When the last height began that was decided here; when the tip moved, if it was not.
    begun_last: UnixMillis,
    /// Was the block at the tip full?
    after_full: bool,
    candidates: Candidates,
    ahead: Ahead,
    late: LateVotes,
    /// Proposals of later rounds that our lock forbids, each with the verdict on its block. See `lost`.
    withheld: Vec<(SignedProposal, bool)>,
    /// Our votes in the round in which our data was lost: the core has left it.
    parting: Vec<SignedVote>,
    timers: BTreeSet<Timer>,
    /// How often our votes of this height were sent again.
    repeated: u32,
    attach: BTreeSet<Hash32>,
    heard: BTreeMap<Address, UnixMillis>,
    sightings: Sightings,
    /// The last height that a member said something about.
    spoke: BTreeMap<Address, Height>,
    clocks: Clocks,
    /// How long proposals are on their way.
    needed: Needed,
    /// Blocks from ahead of our clock, held until it reaches them or a quorum has prevoted them.
    held: BTreeSet<Hash32>,
    /// Members that said something about the height after the tip.
    speakers: BTreeSet<Address>,
    told: BTreeMap<PeerTag, UnixMillis>,
    /// We are catching up: see [`Self::is_paused`].
    following: bool,
    /// We do not know the rules of the next height.
    unknown_rules: bool,
    /// The event being handled started a height already, or made a block final that was not full: what came while the disk
    /// was waited for has its turn before the next height, or it would miss one block more.
    begun: bool,
    wishes: VecDeque<Wish>,
    halted: bool,
}

impl Consensus {
    /// From what was recovered. A journal that does not decode or verify is a fault.
    pub(crate) fn new(
        config: EngineConfig,
        ledger: &Ledger,
        validator: Option<RecoveredValidator>,
        tip_certificate: Option<Certificate>,
        mut journal: Vec<JournalEntry>,
        now: UnixMillis,
    ) -> Result<Self, Fault> {
        let tip = ledger.tip();
        let height = tip.height.next();
        // Leftovers of a crash between commit and emptying, or of a height that was synced past.
        journal.retain(|entry| entry.height == height);
        let signing = Signing::new(validator, ledger.chain(), tip.height, &journal);
        let mut candidates = Candidates::default();
        for entry in &journal {
            if let JournalRecord::Body(bytes) = &entry.record {
                let block = body_from_journal(bytes, ledger.chain())?;
                candidates.restore(block);
            }
        }
        let journal = replayable(journal, signing.lost_at(height), &signing);
        let leader = leader_for(ledger.validators(), tip.hash, height, Round(0));
        let ahead = Ahead::new(config.ahead_per_validator_max);
        Ok(Self {
            config,
            signing,
            core: None,
            journal,
            round: Round(0),
            leader,
            since: now,
            begun_last: now,
            after_full: false,
            candidates,
            ahead,
            late: LateVotes::new(tip_certificate, ledger.tip_validators()),
            withheld: vec![],
            parting: vec![],
            timers: BTreeSet::new(),
            repeated: 0,
            attach: BTreeSet::new(),
            heard: BTreeMap::new(),
            sightings: Sightings::default(),
            spoke: BTreeMap::new(),
            clocks: Clocks::default(),
            needed: Needed::default(),
            held: BTreeSet::new(),
            speakers: BTreeSet::new(),
            told: BTreeMap::new(),
            following: false,
            unknown_rules: false,
            begun: false,
            wishes: VecDeque::new(),
            halted: false,
        })
    }

    /// The journal says that the current height was under way: go on at once, do not wait for the pace.
    pub(crate) fn resume(&mut self, turn: &mut Turn<'_>) {
        if let Some(sync) = self.signing.sync() {
            turn.ask(sync);
        }
        if (!self.journal.is_empty() || self.lost(turn).is_some()) && !self.is_paused(turn.ledger) {
            self.start_height(turn);
        }
    }

    /// The block we were asked to build.
    pub(crate) fn built(&mut self, turn: &mut Turn<'_>, round: Round, block: VerifiedBlock, applied: AppliedBlock) {
        let hash = block.hash();
        let record = JournalRecord::Body(block.bytes().to_vec());
        turn.ask(Effect::Journal(JournalEntry { height: block.height(), record }));
        self.candidates.insert_own(block, applied);
        self.step(turn, VoteInput::Built { block: hash, round });
    }

    /// One of our timers ran out.
    pub(crate) fn on_round_timer(&mut self, turn: &mut Turn<'_>, height: Height, round: Round, step: RoundTimer) {
        self.timers.remove(&Timer::Round { height, round, step });
        if height == turn.ledger.tip().height.next() {
            self.repeated = self.repeated.saturating_add(u32::from(step == RoundTimer::Rebroadcast));
            self.step(turn, VoteInput::Timeout { round, step });
            if step == RoundTimer::Rebroadcast {
                self.repeat(turn);
            }
        }
    }

    /// Our clock reached a held block.
    pub(crate) fn on_held_block(&mut self, turn: &mut Turn<'_>, hash: Hash32) {
        if self.core.is_some() {
            self.release(turn, hash);
        }
    }

    /// Starts the next height now.
    fn start_height(&mut self, turn: &mut Turn<'_>) {
        let tip = turn.ledger.tip();
        let height = tip.height.next();
        self.since = turn.now;
        self.begun = true;
        turn.ask(Effect::CancelTimer(Timer::Pace(height)));
        if let Some(guard) = self.signing.declare_loss(height) {
            turn.ask(Effect::Journal(JournalEntry { height, record: JournalRecord::Lost(guard) }));
            turn.ask(Effect::Sync(guard));
        }
        let mut core = VotingCore::new(&CoreStart {
            chain: turn.ledger.chain(),
            height,
            parent: tip.hash,
            validators: turn.ledger.validators().clone(),
            signer: self.signing.signer(),
            signing: self.signing.allowed_at(height),
            signed_up_to: self.signing.lost_at(height).map(|lost| lost.mark),
        });
        let outputs = core.begin(&std::mem::take(&mut self.journal));
        self.core = Some(core);
        self.perform(turn, outputs);
        for (from, message) in self.ahead.take(height) {
            self.deliver(turn, from, message);
        }
    }

    /// One input to the core, if a height is under way.
    fn step(&mut self, turn: &mut Turn<'_>, input: VoteInput) {
        if let Some(core) = &mut self.core {
            let outputs = core.step(input);
            self.perform(turn, outputs);
        }
    }

    /// The tip moved, by our decision or by catching up: everything of the old height is over.
    ///
    /// `full`: the block held as many transactions as one may.
    pub(crate) fn committed(&mut self, turn: &mut Turn<'_>, certificate: Certificate, full: bool) {
        self.cancel_all(turn);
        self.begun_last = self.undecided_since().unwrap_or(turn.now);
        self.core = None;
        self.journal.clear();
        self.candidates = Candidates::default();
        self.sightings = Sightings::default();
        self.withheld.clear();
        self.parting.clear();
        self.attach.clear();
        self.held.clear();
        self.late.tip_moved(certificate, turn.ledger.tip_validators());
        self.since = turn.now;
        self.after_full = full;
        self.begun |= !full;
        self.round = Round(0);
        self.repeated = 0;
        let tip = turn.ledger.tip();
        self.speakers = self.ahead.speakers(tip.height.next());
        self.signing.own_key.tip_moved(tip.height, !self.following, turn.now);
        self.expect_members(turn);
        self.needed.retain(turn.ledger.validators());
        self.leader = leader_for(turn.ledger.validators(), tip.hash, tip.height.next(), Round(0));
        self.wishes.clear();
    }

    /// Who enters the set has not been silent yet; nor has anybody while we caught up and could hear nobody.
    fn expect_members(&mut self, turn: &Turn<'_>) {
        let (members, tip, deaf) = (turn.ledger.validators(), turn.ledger.tip().height, self.following);
        self.spoke.retain(|member, _| members.get(member).is_some());
        for member in members.members() {
            let spoke = self.spoke.entry(member.address).or_insert(tip);
            if deaf {
                *spoke = tip;
            }
        }
    }

    /// The last height that a member said something about, or that it was first expected to.
    pub(crate) fn last_spoken(&self, member: &Address) -> Option<Height> {
        self.spoke.get(member).copied()
    }

    /// What the clocks of others show beyond ours, in ms.
    pub(crate) fn clocks_ahead_ms(&self, ledger: &Ledger) -> Option<i64> {
        self.clocks.median_ms(ledger.validators())
    }

    /// Since when the height being decided is undecided.
    pub(crate) fn undecided_since(&self) -> Option<UnixMillis> {
        self.core.as_ref().map(|_| self.since)
    }

    /// A final block with its proof: does it show a signature of ours that we know nothing of?
    pub(crate) fn saw_final(&mut self, block: &VerifiedBlock, certificate: &Certificate, now: UnixMillis) {
        let Some(us) = self.signing.signer().map(Signer::address) else { return };
        let has = |signatures: &[CommitSignature]| signatures.iter().any(|part| part.validator == us);
        let commits = [Some(certificate), block.commit()].into_iter().flatten();
        let highest = commits.filter(|commit| has(&commit.signatures)).map(|commit| commit.height).max();
        if let Some(height) = highest {
            self.signing.is_in_chain(height, now);
        }
    }

    /// Time passes: whoever listens for its own key does so for a while only.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) {
        let waits = !self.following;
        if self.signing.own_key.tick(waits, turn.now) && self.core.is_some() {
            self.start_anew(turn);
        }
    }

    /// A message that our key signed and we did not: see [`own_key`]. The height goes on without us.
    fn heard_ourselves(&mut self, turn: &mut Turn<'_>, height: Height) {
        let Some(closed) = self.signing.hears_itself(height, turn.now) else { return };
        turn.ask(Effect::Sync(closed));
        if self.core.is_some() && !self.signing.allowed_at(turn.ledger.tip().height.next()) {
            self.start_anew(turn);
        }
    }

    /// The core of this height begins again, with another right to sign. What was said meanwhile is repeated.
    fn start_anew(&mut self, turn: &mut Turn<'_>) {
        self.cancel_all(turn);
        (self.core, self.round, self.repeated) = (None, Round(0), 0);
        self.candidates = Candidates::default();
        self.withheld.clear();
        self.parting.clear();
        self.attach.clear();
        self.wishes.clear();
        self.start_height(turn);
    }

    /// Another event is handled now.
    pub(crate) fn next_event(&mut self) {
        self.begun = false;
    }

    /// `following`: the node is catching up with blocks that peers prove; `unknown_rules`: it does not know those of the
    /// next height.
    pub(crate) fn stand_aside(&mut self, following: bool, unknown_rules: bool) {
        self.following = following;
        self.unknown_rules = unknown_rules;
    }

    /// While catching up no height starts, unless members with more than a third of the stake, our own counted, speak for
    /// the height after our tip: then one honest member decides it now, and a peer that delivers old blocks one by one
    /// would only keep us from voting. Never by rules that we do not know. SPEC VER-5.
    pub(super) fn is_paused(&self, ledger: &Ledger) -> bool {
        if self.unknown_rules || !self.following {
            return self.unknown_rules;
        }
        let us = self.signer().filter(|_| self.signing_allowed_at(ledger.tip().height.next()));
        let own = us.and_then(|signer| ledger.validators().get(&signer.address())).map(|member| member.stake);
        let speaking = own.unwrap_or_default().plus(self.spoken_for(ledger));
        !is_honest_share(speaking, ledger.validators().total())
    }

    /// Stake of the members other than us that said something about the height after the tip.
    pub(crate) fn spoken_for(&self, ledger: &Ledger) -> Stake {
        let us = self.signer().map(|signer| signer.address());
        let others = self.speakers.iter().filter(|speaker| Some(**speaker) != us);
        let members = others.filter_map(|speaker| ledger.validators().get(speaker));
        members.fold(Stake::default(), |sum, member| sum.plus(member.stake))
    }

    /// What is needed of the other parts, oldest first.
    pub(crate) fn take_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// The commit for the next block: the tip's, with everyone heard of.
    pub(crate) fn commit_for_next(&self) -> Option<Certificate> {
        self.late.certificate().cloned()
    }

    /// The late precommits for the next block: of the block before the tip, everyone heard of.
    pub(crate) fn late_for_next(&self) -> Option<LatePrecommits> {
        self.late.late()
    }

    /// A proposed block we hold.
    pub(crate) fn body(&self, hash: &Hash32) -> Option<&VerifiedBlock> {
        self.candidates.get(hash).map(|candidate| &candidate.block)
    }

    /// Blocks proposed at this height.
    pub(crate) fn proposed(&self) -> impl Iterator<Item = &VerifiedBlock> {
        self.candidates.blocks()
    }

    /// Is a height under way?
    pub(crate) fn is_deciding(&self) -> bool {
        self.core.is_some()
    }

    /// When the current height began, or the last one was decided.
    pub(crate) fn since(&self) -> UnixMillis {
        self.since
    }

    pub(crate) fn round(&self) -> Round {
        self.round
    }

    pub(crate) fn leader(&self) -> Address {
        self.leader
    }

    /// When a member was last heard of.
    pub(crate) fn last_heard(&self, member: &Address) -> Option<UnixMillis> {
        self.heard.get(member).copied()
    }

    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signing.signer()
    }

    /// May we sign at this height?
    pub(crate) fn signing_allowed_at(&self, height: Height) -> bool {
        self.signing.allowed_at(height)
    }

    /// What was lost of the height being decided, in which we sign all the same.
    fn lost(&self, turn: &Turn<'_>) -> Option<Lost> {
        self.signing.lost_at(turn.ledger.tip().height.next()).filter(|lost| !lost.is_closed())
    }

    /// Why we sign nothing at this height, or not all that others would.
    pub(crate) fn silence_at(&self, height: Height) -> Option<Silence> {
        self.signing.silence_at(height)
    }

    /// A fault elsewhere: nothing is published any more.
    pub(crate) fn stop(&mut self) {
        self.halted = true;
    }

    /// Has a fault stopped us?
    pub(crate) fn is_halted(&self) -> bool {
        self.halted
    }

    /// Forgets a peer.
    pub(crate) fn peer_gone(&mut self, peer: PeerTag) {
        self.told.remove(&peer);
    }
}

/// What is replayed. After a loss nothing that we said before it; and of what came before it no wait, which would bring the
/// core to a place that it has passed, and no proposal that the lock forbids, for the core does not know the lock.
fn replayable(journal: Vec<JournalEntry>, lost: Option<Lost>, signing: &Signing) -> Vec<JournalRecord> {
    let records = journal.into_iter().map(|entry| entry.record);
    let Some(lost) = lost else {
        return records.collect();
    };
    let mut records: Vec<_> = records.collect();
    let declared = records.iter().rposition(|record| matches!(record, JournalRecord::Lost(_)));
    let after = if lost.journaled { declared.map_or(0, |at| at + 1) } else { records.len() };
    let since = records.split_off(after);
    records.retain(|record| match record {
        JournalRecord::Timeout { .. } => false,
        JournalRecord::Proposal(signed) => !lost.forbids(&signed.proposal),
        _ => true,
    });
    records.extend(since);
    records.retain(|record| !signing.has_lost_record(record));
    records
}

fn body_from_journal(bytes: &[u8], chain: Hash32) -> Result<VerifiedBlock, Fault> {
    let block = Block::decode(bytes).map_err(|error| Fault::Journal { reason: error.to_string() })?;
    block.verify(chain, |_| None).map_err(|error| Fault::Journal { reason: error.to_string() })
}
