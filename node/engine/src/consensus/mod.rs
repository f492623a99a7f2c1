//! Voting: one height after the other, with Malachite's core, our journal and our pace. SPEC VOTE-3, VOTE-6, VOTE-7.
//!
//! Owns: the core of the current height, its proposed blocks, the guard, the wait between heights, messages from ahead, late
//! precommits. Does not own: the pool, the ledger, catching up; it requests what it needs of those as [`Wish`]es.
//! Always true: a signature is synced before it is published, and a valid block's bytes before the prevote for it; the
//! core hears only verified messages of members at its own height. The map: `height` holds the state of one height;
//! `messages` receives members' messages, `malachite` drives the core, `outputs` turns its outputs into effects;
//! `proposed_blocks` holds proposed blocks, `clocks` compares ours with those of leaders, `signing` is the guard, `lost` its
//! restrictions after a loss, `own_key` detects another node that signs with our key, `pace` decides when a height
//! starts, `timeouts` computes timeouts, using what `needed` has learned of slow links, `replay` selects the part of
//! the journal for a restart; `sightings` and `view` are for readers.
//! Start reading at [`Consensus::on_message`], then [`Consensus::height_decided`].

mod ahead;
mod clocks;
mod height;
mod late_votes;
mod lost;
mod malachite;
mod messages;
mod needed;
mod outputs;
mod own_key;
mod pace;
mod proposed_blocks;
mod replay;
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
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{AppliedBlock, Ledger};
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::vote::{Certificate, LatePrecommits};
use clocks::Clocks;
use height::Deciding;
use late_votes::LateVotes;
use lost::Lost;
use malachite::{CoreStart, VoteInput, VotingCore};
use needed::Needed;
use replay::{body_from_journal, replayable};
use signing::Signing;
use std::collections::BTreeMap;

/// A request of consensus to other parts of the engine.
pub(crate) enum Wish {
    /// We lead this round: build a block and answer with [`Consensus::built`].
    BuildBlock(Round),
    /// The block is final.
    Decided { block: VerifiedBlock, applied: AppliedBlock, certificate: Certificate },
    /// A proposal waits for this block.
    FetchBody { block: Hash32, from: PeerTag },
}

/// See the module's header.
pub(crate) struct Consensus {
    config: EngineConfig,
    signing: Signing,
    /// The height after the tip.
    deciding: Deciding,
    ahead: Ahead,
    late: LateVotes,
    /// When each member was last heard.
    heard: BTreeMap<Address, UnixMillis>,
    /// The last height each member said something about.
    spoke: BTreeMap<Address, Height>,
    clocks: Clocks,
    /// Transmission times of proposals.
    needed: Needed,
    /// When each peer last got our status.
    told: BTreeMap<PeerTag, UnixMillis>,
    /// We are catching up: see [`Self::is_paused`].
    following: bool,
    /// Are the rules of the next height unknown?
    unknown_rules: bool,
    /// Has the current event already started a height, or finalized a block that was not full? Then input that arrived
    /// during the disk write is handled before the next height, or it would miss one more block.
    begun: bool,
    /// Has a fault stopped us?
    halted: bool,
}

impl Consensus {
    /// From the recovered state. A journal that does not decode or verify is a fault.
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
        // Leftovers of a crash between the write of the block and emptying, or of a height that was passed by sync.
        journal.retain(|entry| entry.height == height);
        let signing = Signing::new(validator, ledger.chain(), tip.height, &journal);
        let journal = replayable(journal, signing.lost_at(height), &signing);
        let leader = leader_for(ledger.validators(), tip.hash, height, Round(0));
        let ahead = Ahead::new(config.ahead_per_validator_max);
        let mut consensus = Self {
            config,
            signing,
            deciding: Deciding { journal, ..Deciding::new(leader, now) },
            ahead,
            late: LateVotes::new(tip_certificate, ledger.tip_validators()),
            heard: BTreeMap::new(),
            spoke: BTreeMap::new(),
            clocks: Clocks::default(),
            needed: Needed::default(),
            told: BTreeMap::new(),
            following: false,
            unknown_rules: false,
            begun: false,
            halted: false,
        };
        consensus.restore_proposed(ledger.chain())?;
        consensus.listen_at_start(ledger, now);
        Ok(consensus)
    }

    /// Blocks in the journal count as proposed again.
    fn restore_proposed(&mut self, chain: Hash32) -> Result<(), Fault> {
        for record in &self.deciding.journal {
            if let JournalRecord::Body(bytes) = record {
                self.deciding.proposed.restore(body_from_journal(bytes, chain)?);
            }
        }
        Ok(())
    }

    /// The journal shows that the current height was under way: continue at once, without the pace.
    pub(crate) fn resume(&mut self, turn: &mut Turn<'_>) {
        if let Some(sync) = self.signing.sync() {
            turn.ask(sync);
        }
        if (!self.deciding.journal.is_empty() || self.lost(turn).is_some()) && !self.is_paused(turn.ledger) {
            self.start_height(turn);
        }
    }

    /// The requested block.
    pub(crate) fn built(&mut self, turn: &mut Turn<'_>, round: Round, block: VerifiedBlock, applied: AppliedBlock) {
        let hash = block.hash();
        let record = JournalRecord::Body(block.bytes().to_vec());
        turn.ask(Effect::Journal(JournalEntry { height: block.height(), record }));
        self.deciding.proposed.insert_own(block, applied);
        self.step(turn, VoteInput::Built { block: hash, round });
    }

    /// One of our timers fired.
    pub(crate) fn on_round_timer(&mut self, turn: &mut Turn<'_>, height: Height, round: Round, step: RoundTimer) {
        self.deciding.timers.remove(&Timer::Round { height, round, step });
        if height == turn.ledger.tip().height.next() {
            if step == RoundTimer::Rebroadcast {
                self.deciding.repeated = self.deciding.repeated.saturating_add(1);
                self.deciding.backoff = self.deciding.backoff.saturating_add(1);
            }
            self.step(turn, VoteInput::Timeout { round, step });
            if step == RoundTimer::Rebroadcast {
                self.repeat(turn);
                self.follow(turn);
            }
        }
    }

    /// Our clock reached a held block.
    pub(crate) fn on_held_block(&mut self, turn: &mut Turn<'_>, hash: Hash32) {
        if self.deciding.core.is_some() {
            self.release(turn, hash);
        }
    }

    /// Starts the next height now.
    fn start_height(&mut self, turn: &mut Turn<'_>) {
        let tip = turn.ledger.tip();
        let height = tip.height.next();
        self.deciding.since = turn.now;
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
        let outputs = core.begin(&self.deciding.journal);
        self.deciding.core = Some(core);
        self.perform(turn, outputs);
        for (from, message) in self.ahead.take(height) {
            self.deliver(turn, from, message);
        }
    }

    /// Passes one input to the core, if a height is under way.
    fn step(&mut self, turn: &mut Turn<'_>, input: VoteInput) {
        if let Some(core) = &mut self.deciding.core {
            let outputs = core.step(input);
            self.perform(turn, outputs);
        }
    }

    /// The tip moved, by our decision or by catching up: everything of the old height is dropped.
    ///
    /// `full`: the block had the maximum number of transactions.
    pub(crate) fn height_decided(&mut self, turn: &mut Turn<'_>, certificate: Certificate, full: bool) {
        self.cancel_all(turn);
        self.late.tip_moved(certificate, turn.ledger.tip_validators());
        self.begun |= !full;
        let tip = turn.ledger.tip();
        let leader = leader_for(turn.ledger.validators(), tip.hash, tip.height.next(), Round(0));
        let speakers = self.ahead.speakers(tip.height.next());
        let begun_last = self.undecided_since().unwrap_or(turn.now);
        self.deciding = Deciding { begun_last, after_full: full, speakers, ..Deciding::new(leader, turn.now) };
        self.signing.own_key.tip_moved(tip.height, !self.following, turn.now);
        self.expect_members(turn);
        self.needed.retain(turn.ledger.validators());
    }

    /// A member that enters the set has not been silent yet; nor has any while we caught up and could not hear it.
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

    /// The next event begins.
    pub(crate) fn next_event(&mut self) {
        self.begun = false;
    }

    /// Requests to other parts, oldest first.
    pub(crate) fn take_wish(&mut self) -> Option<Wish> {
        self.deciding.wishes.pop_front()
    }

    /// The commit for the next block: the tip's, with all precommits received.
    pub(crate) fn commit_for_next(&self) -> Option<Certificate> {
        self.late.certificate().cloned()
    }

    /// All late precommits for the next block, of the tip's parent.
    pub(crate) fn late_for_next(&self) -> Option<LatePrecommits> {
        self.late.late()
    }

    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signing.signer()
    }

    /// May we sign at this height?
    pub(crate) fn signing_allowed_at(&self, height: Height) -> bool {
        self.signing.allowed_at(height)
    }

    /// Do we vote at this height? The brief listening after a start does not count.
    pub(crate) fn votes_at(&self, height: Height) -> bool {
        self.signing.is_able_at(height)
    }

    /// The loss at the current height, if we still sign in it.
    fn lost(&self, turn: &Turn<'_>) -> Option<Lost> {
        self.signing.lost_at(turn.ledger.tip().height.next()).filter(|lost| !lost.is_closed())
    }

    /// Why we sign nothing at this height, or less than others.
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
