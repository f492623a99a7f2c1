//! Turns the core's outputs into effects and wishes, in the core's order.
//!
//! Always true: a sync point lies between a signature and its publication (SPEC VOTE-7); after a fault nothing more is
//! published.
//! Start reading at [`Consensus::perform_one`].

use super::malachite::{VoteOutput, VotingCore};
use super::timeouts::{self, Learned};
use super::{Consensus, Turn, Wish};
use crate::effect::{Effect, Fault};
use crate::event::{RoundTimer, Timer};
use crate::journal::{JournalEntry, JournalRecord};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::vote::{Certificate, SignedProposal};

/// Number of repetitions of our own votes before those of others are repeated too: 6 s with the default timeouts.
const SHARED_AFTER: u32 = 4;

impl Consensus {
    /// The core's outputs, in order. After a fault nothing is published any more.
    pub(super) fn perform(&mut self, turn: &mut Turn<'_>, outputs: Vec<VoteOutput>) {
        for output in outputs {
            if self.halted {
                return;
            }
            self.perform_one(turn, output);
        }
        self.hand_over_withheld(turn);
    }

    fn perform_one(&mut self, turn: &mut Turn<'_>, output: VoteOutput) {
        let height = turn.ledger.tip().height.next();
        let timer = |round, step| Timer::Round { height, round, step };
        match output {
            VoteOutput::Append(record) => {
                let entry = JournalEntry { height, record };
                self.signing.written(&entry);
                if let JournalRecord::Proposal(signed) = &entry.record {
                    self.deciding.proposed.kept(signed);
                }
                // A replay of it, once we sign again, would make votes that we did not cast.
                if !self.signing.listens() {
                    turn.ask(Effect::Journal(entry));
                }
            }
            VoteOutput::Signed { mark, block } => {
                if let Err(fault) = self.signing.signed(mark, block) {
                    self.halt(turn, fault);
                }
            }
            VoteOutput::StartTimer(round, step) => {
                let (backoff, needed_ms) = (self.deciding.backoff, self.needed.most_ms(turn.ledger.validators()));
                let learned = Learned { backoff, needed_ms };
                let after_ms = timeouts::wait_ms(&self.config, turn.ledger.parameters(), round, step, learned);
                self.deciding.timers.insert(timer(round, step));
                turn.ask(Effect::StartTimer { timer: timer(round, step), after_ms });
            }
            // The core stops its repetitions when a certificate of its current round brought news, and does not resume
            // in that round: one repetition too many is better than one too few.
            VoteOutput::CancelTimer(round, RoundTimer::Rebroadcast) if round == self.deciding.round => {}
            VoteOutput::CancelTimer(round, step) => self.cancel(turn, timer(round, step)),
            VoteOutput::CancelTimers => self.cancel_all(turn),
            VoteOutput::RoundStarted { round, leader } => {
                self.deciding.round = round;
                self.deciding.leader = leader;
                self.deciding.sightings.entered(round, turn.now);
            }
            // A lock without its block and polka: there is nothing we may propose.
            VoteOutput::BuildBlock { .. } if self.lost(turn).is_some_and(|lost| lost.is_locked()) => {}
            VoteOutput::BuildBlock { round } => self.deciding.wishes.push_back(Wish::BuildBlock(round)),
            VoteOutput::AttachBody(block) => {
                self.deciding.attach.insert(block);
            }
            VoteOutput::PublishProposal(signed) => self.publish_proposal(turn, signed),
            VoteOutput::PublishVote(signed) => {
                if self.lost(turn).is_some_and(|lost| signed.vote.round <= lost.mark.round) {
                    self.deciding.parting.push(signed);
                }
                self.publish(turn, ConsensusMessage::Vote(signed));
            }
            VoteOutput::RepublishVote(signed) => self.publish(turn, ConsensusMessage::Vote(signed)),
            VoteOutput::PublishCertificate(certificate) => {
                self.publish(turn, ConsensusMessage::RoundCertificate(certificate));
            }
            VoteOutput::Decided(certificate) => self.decided(turn, certificate),
            VoteOutput::Failed(reason) => self.halt(turn, Fault::Consensus { reason }),
        }
    }

    /// Messages that the core does not repeat: our votes in the round in which our data was lost, which it has left;
    /// and, once the height takes long, the votes of its round that others may lack. SPEC GOSSIP-4.
    pub(super) fn repeat(&mut self, turn: &mut Turn<'_>) {
        if self.halted {
            return;
        }
        for signed in self.deciding.parting.clone() {
            self.publish(turn, ConsensusMessage::Vote(signed));
        }
        let shared = self
            .deciding
            .core
            .as_ref()
            .filter(|_| self.deciding.repeated >= SHARED_AFTER)
            .map(VotingCore::votes_of_round);
        for certificate in shared.unwrap_or_default() {
            self.publish(turn, ConsensusMessage::RoundCertificate(certificate));
        }
    }

    /// A peer connected that may lack our votes: they are due after the first interval again. SPEC GOSSIP-4.
    pub(crate) fn repeat_soon(&mut self, turn: &mut Turn<'_>) {
        self.deciding.backoff = 0;
        let is_repetition = |timer: &&Timer| matches!(timer, Timer::Round { step: RoundTimer::Rebroadcast, .. });
        for timer in self.deciding.timers.iter().filter(is_repetition) {
            turn.ask(Effect::StartTimer { timer: *timer, after_ms: self.config.rebroadcast_ms });
        }
    }

    /// SPEC VOTE-7: the sync point comes first.
    fn publish(&mut self, turn: &mut Turn<'_>, message: ConsensusMessage) {
        let sign_hash = match &message {
            ConsensusMessage::Vote(signed) => Some(signed.vote.sign_hash(turn.ledger.chain())),
            ConsensusMessage::Proposal { proposal, .. } => Some(proposal.proposal.sign_hash(turn.ledger.chain())),
            ConsensusMessage::RoundCertificate(_) => None,
        };
        if sign_hash.is_some_and(|hash| self.signing.is_unwritten(hash)) {
            let reason = "it publishes what it has not written down".into();
            return self.halt(turn, Fault::Consensus { reason });
        }
        if let Some(sync) = self.signing.sync() {
            turn.ask(sync);
        }
        turn.ask(Effect::Broadcast(message));
    }

    /// Our own proposals carry their body; so do those that help others to our lock.
    fn publish_proposal(&mut self, turn: &mut Turn<'_>, proposal: SignedProposal) {
        let hash = proposal.proposal.block;
        self.deciding.sightings.proposed(&proposal.proposal, turn.now);
        let ours = self.signing.signer().is_some_and(|signer| signer.address() == proposal.proposal.leader);
        let attach = self.deciding.attach.remove(&hash) || ours;
        let block = self.deciding.proposed.get(&hash).filter(|_| attach).map(|proposed| proposed.block.to_block());
        self.publish(turn, ConsensusMessage::Proposal { proposal, block });
    }

    pub(super) fn decided(&mut self, turn: &mut Turn<'_>, certificate: Certificate) {
        let proposed = self.deciding.proposed.get_mut(&certificate.block);
        let found = proposed.and_then(|proposed| {
            let applied = proposed.applied(turn.ledger)?.clone();
            Some((proposed.block.clone(), applied))
        });
        match found {
            Some((block, applied)) => self.deciding.wishes.push_back(Wish::Decided { block, applied, certificate }),
            None => {
                let reason = format!("decided on block {} without a valid body", certificate.block);
                self.halt(turn, Fault::Consensus { reason });
            }
        }
    }

    pub(super) fn halt(&mut self, turn: &mut Turn<'_>, fault: Fault) {
        self.halted = true;
        turn.ask(Effect::Halt(fault));
    }

    fn cancel(&mut self, turn: &mut Turn<'_>, timer: Timer) {
        if self.deciding.timers.remove(&timer) {
            turn.ask(Effect::CancelTimer(timer));
        }
    }

    pub(super) fn cancel_all(&mut self, turn: &mut Turn<'_>) {
        for timer in std::mem::take(&mut self.deciding.timers) {
            turn.ask(Effect::CancelTimer(timer));
        }
    }
}
