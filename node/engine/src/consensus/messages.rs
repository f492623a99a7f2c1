//! Messages of members: kept, passed to the core, or answered with our status.
//!
//! Does not own: the core and its outputs (`outputs`), messages from ahead (`ahead`), late precommits (`late_votes`),
//! the blocks that proposals wait for (`proposed_blocks`).
//! Start reading at [`Consensus::on_message`].

use super::ahead::Message;
use super::malachite::{VoteInput, VotingCore};
use super::proposed_blocks::round_fits;
use super::{Consensus, Turn, Wish, timeouts};
use crate::effect::Effect;
use crate::event::{PeerTag, RoundTimer, Timer};
use crate::journal::{JournalEntry, JournalRecord};
use crate::relevance::ROUNDS_AHEAD;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::leader::leader_for;
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::vote::{RoundCertificate, RoundProof, SignedProposal, SignedVote, Verified};

/// Shortest interval between our statuses to one peer.
const STATUS_EVERY_MS: u64 = 500;

impl Consensus {
    /// A verified message arrived. Enough members of the next height's set start it with theirs: see `pace`.
    pub(crate) fn on_message(&mut self, turn: &mut Turn<'_>, from: PeerTag, message: Message) {
        let Some((height, author)) = message.height_and_author() else {
            return;
        };
        let current = turn.ledger.tip().height.next();
        if height < current {
            return self.on_old_message(turn, from, &message);
        }
        if turn.ledger.validators().get(&author).is_none() {
            return;
        }
        if let Some(height) = self.foreign(&message) {
            return self.heard_ourselves(turn, height);
        }
        self.signing.own_key.saw(height);
        self.hear_of(&message.speakers(), height, turn.now);
        if height > current {
            return self.ahead.keep(turn.ledger.tip().height, height, author, from, message);
        }
        self.deciding.speakers.extend(message.speakers());
        if self.deciding.core.is_some() {
            return self.deliver(turn, from, message);
        }
        self.ahead.keep(turn.ledger.tip().height, height, author, from, message);
        if !self.is_paused(turn.ledger) && self.is_called(turn.ledger) {
            self.start_height(turn);
        }
    }

    /// The height of a message in it that is signed by our key, but not by us.
    fn foreign(&self, message: &Message) -> Option<Height> {
        match message {
            Message::Proposal(proposal, _) => self.signing.foreign_proposal(proposal.get()),
            Message::Vote(vote) => self.signing.foreign_vote(vote.get()),
            Message::Certificate(votes) => {
                votes.get().votes.iter().find_map(|signed| self.signing.foreign_vote(signed))
            }
        }
    }

    fn hear_of(&mut self, members: &[Address], height: Height, now: UnixMillis) {
        for member in members {
            self.heard.insert(*member, now);
            let spoke = self.spoke.entry(*member).or_default();
            *spoke = height.max(*spoke);
        }
    }

    /// Passes a message of the current height to the core. Our own messages from before a data loss do not count as
    /// ours.
    pub(super) fn deliver(&mut self, turn: &mut Turn<'_>, from: PeerTag, message: Message) {
        match message {
            Message::Proposal(proposal, block) => self.on_proposal(turn, from, proposal, block),
            Message::Vote(vote) => self.on_vote(turn, vote.into_inner()),
            Message::Certificate(certificate) => self.on_certificate(turn, certificate.into_inner()),
        }
    }

    fn on_vote(&mut self, turn: &mut Turn<'_>, signed: SignedVote) {
        if !self.signing.has_lost_vote(&signed) {
            self.step(turn, VoteInput::Vote(signed));
            self.release_proved(turn);
        }
    }

    /// Ends the waits of a round that cannot end by itself, because a third of the stake has left it. SPEC VOTE-3.
    ///
    /// Members leave a round without the votes of the others if their data was lost (VOTE-8), and then never repeat
    /// the votes that the others lack. Called with each repetition: until then, votes on their way may still decide.
    pub(super) fn follow(&mut self, turn: &mut Turn<'_>) {
        while self.deciding.core.as_ref().is_some_and(VotingCore::is_left_behind) {
            let round = self.deciding.round;
            for step in [RoundTimer::Propose, RoundTimer::Prevote, RoundTimer::Precommit] {
                self.step(turn, VoteInput::Timeout { round, step });
            }
            if self.deciding.round == round {
                return;
            }
        }
    }

    /// The core follows a certificate into a later round. It would drop votes of its own round, which a member repeats
    /// for members that lack some.
    fn on_certificate(&mut self, turn: &mut Turn<'_>, certificate: RoundCertificate) {
        let here = certificate.height_and_round().is_some_and(|(_, round)| round == self.deciding.round);
        if here && certificate.proof == RoundProof::Skip {
            certificate.votes.into_iter().for_each(|signed| self.on_vote(turn, signed));
        } else {
            self.step(turn, VoteInput::Certificate(certificate));
            self.release_proved(turn);
        }
    }

    /// Below the current height: a late precommit is welcome; for anything else its sender is behind, and gets our
    /// status, because a node that decided never sends its votes again.
    fn on_old_message(&mut self, turn: &mut Turn<'_>, from: PeerTag, message: &Message) {
        if let Message::Vote(vote) = message
            && self.late.add(vote.get())
        {
            let vote = vote.get().vote;
            return self.hear_of(&[vote.validator], vote.height, turn.now);
        }
        let last = self.told.get(&from).copied().unwrap_or_default();
        // The last status is in the future: our clock was set back since.
        if turn.now.since(last) >= STATUS_EVERY_MS || turn.now < last {
            self.told.insert(from, turn.now);
            turn.ask(Effect::SendStatus(from));
        }
    }

    /// A proposal of the current height: the core hears it once its block is known, fits and is not ahead of our clock.
    fn on_proposal(
        &mut self,
        turn: &mut Turn<'_>,
        from: PeerTag,
        proposal: Verified<SignedProposal>,
        block: Option<VerifiedBlock>,
    ) {
        let signed = proposal.into_inner();
        let proposal = signed.proposal;
        let tip = turn.ledger.tip();
        let near = proposal.round.0 <= self.deciding.round.0.saturating_add(ROUNDS_AHEAD);
        if !near || leader_for(turn.ledger.validators(), tip.hash, proposal.height, proposal.round) != proposal.leader {
            return;
        }
        if self.signing.has_lost_proposal(&signed) {
            return;
        }
        self.deciding.sightings.proposed(&proposal, turn.now);
        if let Some(block) = block.filter(|block| block.hash() == proposal.block) {
            if proposal.round == Round(0) && proposal.lock_round.is_none() {
                self.clocks.saw(proposal.height, proposal.leader, block.header().time, turn.now);
            }
            self.deciding.proposed.insert(proposal.round, block);
        }
        let polka = self.deciding.core.as_ref().is_some_and(|core| core.knows_polka(proposal.round, proposal.block));
        self.deciding.proposed.wait(signed, polka);
        if self.deciding.proposed.get(&proposal.block).is_some() {
            self.release(turn, proposal.block);
        } else {
            self.deciding.wishes.push_back(Wish::FetchBody { block: proposal.block, from });
        }
    }

    /// A block that a proposal waits for arrived by hash.
    pub(crate) fn on_body(&mut self, turn: &mut Turn<'_>, block: VerifiedBlock) {
        let hash = block.hash();
        if let Some(round) = self.deciding.proposed.awaited_in(&hash).filter(|_| self.deciding.core.is_some()) {
            self.deciding.proposed.insert(round, block);
            self.release(turn, hash);
        }
    }

    /// Does a proposal still wait for this block?
    pub(crate) fn awaits_body(&self, hash: &Hash32) -> bool {
        self.deciding.proposed.awaited_in(hash).is_some() && self.deciding.proposed.get(hash).is_none()
    }

    /// Tells the core about a block and the proposals that waited for it, unless our clock has not reached it and no
    /// quorum has prevoted it. SPEC TIME-2.
    pub(super) fn release(&mut self, turn: &mut Turn<'_>, hash: Hash32) {
        let Some(proposed) = self.deciding.proposed.get(&hash) else {
            return;
        };
        let ahead_ms = proposed.block.header().time.since(turn.now);
        if ahead_ms > self.config.clock_ahead_max_ms && !self.is_proved(&hash) {
            self.deciding.held.insert(hash);
            let after_ms = ahead_ms - self.config.clock_ahead_max_ms;
            return turn.ask(Effect::StartTimer { timer: Timer::HeldBlock(hash), after_ms });
        }
        self.deciding.held.remove(&hash);
        let Some(proposed) = self.deciding.proposed.get_mut(&hash) else {
            return;
        };
        let built = proposed.block.header().round;
        let valid = proposed.applied(turn.ledger).is_some();
        if valid && !proposed.journaled {
            proposed.journaled = true;
            let record = JournalRecord::Body(proposed.block.bytes().to_vec());
            turn.ask(Effect::Journal(JournalEntry { height: proposed.block.height(), record }));
        }
        for signed in self.deciding.proposed.released(&hash) {
            self.learn_wait(turn, &signed);
            if round_fits(&signed, built) {
                self.hand_over(turn, signed, valid);
            }
        }
    }

    /// Delay of this proposal with its block. After a partition it measures the partition, not the links: it counts at
    /// most as twice the timeout, so that only repeatedly late proposals lead to long timeouts.
    fn learn_wait(&mut self, turn: &Turn<'_>, signed: &SignedProposal) {
        if let Some(entered) = self.deciding.sightings.entry(signed.proposal.round) {
            let wait_ms = timeouts::propose_ms(&self.config, self.needed.most_ms(turn.ledger.validators()));
            let after_ms = turn.now.since(entered).min(wait_ms.saturating_mul(2));
            let bytes = self.deciding.proposed.get(&signed.proposal.block).map(|known| known.block.bytes().len());
            self.needed.came(signed.proposal.leader, after_ms, bytes.unwrap_or_default());
        }
    }

    /// Has a quorum prevoted it where a proposal waits for it? Then our clock is wrong.
    fn is_proved(&self, hash: &Hash32) -> bool {
        let round = self.deciding.proposed.awaited_in(hash);
        round.is_some_and(|round| self.deciding.core.as_ref().is_some_and(|core| core.knows_polka(round, *hash)))
    }

    /// Releases held blocks that a quorum has prevoted.
    fn release_proved(&mut self, turn: &mut Turn<'_>) {
        let proved: Vec<_> = self.deciding.held.iter().filter(|hash| self.is_proved(hash)).copied().collect();
        proved.into_iter().for_each(|hash| self.release(turn, hash));
    }

    /// Passes a proposal to the core: at once, unless our data of this height was lost and the lock in the guard
    /// forbids a prevote for it. Then only after the propose timeout of that round. SPEC VOTE-8.
    fn hand_over(&mut self, turn: &mut Turn<'_>, signed: SignedProposal, valid: bool) {
        let proposal = signed.proposal;
        let (block, round, lock_round, leader) = (proposal.block, proposal.round, proposal.lock_round, proposal.leader);
        if self.lost(turn).is_some_and(|lost| lost.forbids(&proposal)) {
            if round > self.deciding.round {
                return self.deciding.withheld.push((signed, valid));
            }
            if round == self.deciding.round {
                self.step(turn, VoteInput::Timeout { round, step: RoundTimer::Propose });
            }
        }
        self.step(turn, VoteInput::Verdict { block, round, lock_round, leader, valid });
        self.step(turn, VoteInput::Proposal(signed));
    }

    /// Passes on what was withheld from the core until this round.
    pub(super) fn hand_over_withheld(&mut self, turn: &mut Turn<'_>) {
        while let Some(at) =
            self.deciding.withheld.iter().position(|(signed, _)| signed.proposal.round <= self.deciding.round)
        {
            let (signed, valid) = self.deciding.withheld.swap_remove(at);
            self.hand_over(turn, signed, valid);
        }
    }
}
