//! Contradictions of members: detected, kept until a block contains them, sent to all peers. SPEC EVID-1 to EVID-4,
//! GOSSIP-5.
//!
//! Owns: recent messages of members, and the contradictions that are not punished yet. Does not own: the penalty (the
//! ledger), signatures (verified before).
//! Always true: a contradiction is on disk before we send it, and stays there until it cannot be punished any more;
//! memory is bounded per member, and the messages of one displace none of another.
//! Start reading at [`Engine::witness`].

use crate::consensus::Message;
use crate::effect::Effect;
use crate::engine::Engine;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::vote::{Evidence, SignedProposal, SignedVote, Verified, VoteKind};
use std::collections::BTreeMap;

/// Heights below the tip whose messages still count: a vote may be this late.
const HEIGHTS_BEHIND: u64 = 8;
/// Heights above the tip: no further ones are kept for later either.
const HEIGHTS_AHEAD: u64 = 2;
/// Maximum messages remembered per member; its own oldest ones are dropped.
const SAID_MAX: usize = 128;
/// Interval of repetitions while evidence waits for a block: a peer may have missed it. Gossip itself drops most of
/// them.
const TELL_EVERY_MS: u64 = 4_000;
/// Maximum contradictions that wait for a block. There is at most one per account.
const KNOWN_MAX: usize = 512;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    said: BTreeMap<Address, Said>,
    known: BTreeMap<Address, Evidence>,
    told: UnixMillis,
}

/// Messages of one member, at most one per kind, height and round.
#[derive(Debug, Default)]
struct Said {
    votes: BTreeMap<(Height, Round, VoteKind), SignedVote>,
    proposals: BTreeMap<(Height, Round), SignedProposal>,
}

impl Witness {
    /// After a start: the stored contradictions that can still be punished.
    pub(crate) fn new(ledger: &Ledger, kept: Vec<Evidence>) -> Self {
        let mut witness = Self::default();
        for evidence in kept {
            witness.learn(ledger, evidence);
        }
        witness
    }

    /// Adds evidence whose signatures verify. `true` if it is new: its account is not accused yet.
    fn learn(&mut self, ledger: &Ledger, evidence: Evidence) -> bool {
        let accused = evidence.accused();
        let is_news = !self.known.contains_key(&accused) && self.known.len() < KNOWN_MAX;
        if !is_news || evidence.height() > ledger.tip().height.next() || ledger.check_evidence(&evidence).is_err() {
            return false;
        }
        self.known.insert(accused, evidence);
        true
    }

    /// All evidence that waits for a block.
    pub(crate) fn known(&self) -> Vec<Evidence> {
        self.known.values().cloned().collect()
    }

    /// The tip moved: drops what is punished or too old. `true` if some evidence no longer waits for a block.
    pub(crate) fn tip_moved(&mut self, ledger: &Ledger) -> bool {
        let before = self.known.len();
        self.known.retain(|_, evidence| ledger.check_evidence(evidence).is_ok());
        let oldest = Height(ledger.tip().height.0.saturating_sub(HEIGHTS_BEHIND));
        for said in self.said.values_mut() {
            said.votes = said.votes.split_off(&(oldest, Round(0), VoteKind::Prevote));
            said.proposals = said.proposals.split_off(&(oldest, Round(0)));
        }
        self.said.retain(|_, said| !said.votes.is_empty() || !said.proposals.is_empty());
        self.known.len() < before
    }

    /// Records a vote; returns the contradiction, if the member said something else before.
    fn vote(&mut self, signed: SignedVote) -> Option<Evidence> {
        let said = self.said.entry(signed.vote.validator).or_default();
        let place = (signed.vote.height, signed.vote.round, signed.vote.kind);
        let first = *said.votes.entry(place).or_insert(signed);
        if said.votes.len() > SAID_MAX {
            said.votes.pop_first();
        }
        Evidence::of_votes(first, signed)
    }

    /// The same for a proposal.
    fn proposal(&mut self, signed: SignedProposal) -> Option<Evidence> {
        let said = self.said.entry(signed.proposal.leader).or_default();
        let first = *said.proposals.entry((signed.proposal.height, signed.proposal.round)).or_insert(signed);
        if said.proposals.len() > SAID_MAX {
            said.proposals.pop_first();
        }
        Evidence::of_proposals(first, signed)
    }
}

impl Engine {
    /// Inspects every message of a member before anything else is done with it.
    pub(crate) fn witness(&mut self, message: &Message) {
        let found: Vec<_> = match message {
            Message::Vote(vote) => self.overhear(vote.get()).into_iter().collect(),
            Message::Certificate(certificate) => {
                certificate.get().votes.iter().filter_map(|vote| self.overhear(vote)).collect()
            }
            Message::Proposal(proposal, _) => {
                let signed = *proposal.get();
                let heard = self.concerns(&signed.proposal.leader, signed.proposal.height);
                heard.then(|| self.witness.proposal(signed)).flatten().into_iter().collect()
            }
        };
        found.into_iter().for_each(|evidence| self.accuse(evidence));
    }

    fn overhear(&mut self, signed: &SignedVote) -> Option<Evidence> {
        if !self.concerns(&signed.vote.validator, signed.vote.height) {
            return None;
        }
        self.witness.vote(*signed)
    }

    /// Only members count, at heights near ours. We never accuse ourselves: if another node uses our key, the others
    /// detect that.
    fn concerns(&self, author: &Address, height: Height) -> bool {
        let tip = self.ledger.tip().height.0;
        let near = (tip.saturating_sub(HEIGHTS_BEHIND)..=tip.saturating_add(HEIGHTS_AHEAD)).contains(&height.0);
        let is_member =
            [self.ledger.validators(), self.ledger.tip_validators()].iter().any(|set| set.get(author).is_some());
        let us = self.consensus.signer().map(|signer| signer.address());
        near && is_member && us != Some(*author)
    }

    /// A peer detected a contradiction.
    pub(crate) fn on_evidence(&mut self, evidence: Verified<Evidence>) {
        if self.witness.learn(&self.ledger, evidence.into_inner()) {
            self.keep_evidence();
        }
    }

    /// We detected a contradiction: make it durable, then send it.
    fn accuse(&mut self, evidence: Evidence) {
        if self.witness.learn(&self.ledger, evidence.clone()) {
            self.keep_evidence();
            self.ask(Effect::GossipEvidence(evidence));
        }
    }

    pub(crate) fn keep_evidence(&mut self) {
        self.ask(Effect::KeepEvidence(self.witness.known()));
    }

    /// Sends all waiting evidence again: after a start, and at intervals.
    pub(crate) fn tell_evidence(&mut self, now: UnixMillis) {
        let last = self.witness.told;
        if now.since(last) < TELL_EVERY_MS && now >= last {
            return;
        }
        self.witness.told = now;
        self.witness.known().into_iter().for_each(|evidence| self.ask(Effect::GossipEvidence(evidence)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::Signer;
    use blockchat_proto::vote::{Proposal, Vote};

    const CHAIN: Hash32 = Hash32([7; 32]);

    fn vote(height: u64, round: u32, value: Option<Hash32>) -> SignedVote {
        let signer = Signer::from_seed(&[1; 32]);
        let (height, round) = (Height(height), Round(round));
        Vote { kind: VoteKind::Prevote, height, round, value, validator: signer.address() }.sign(CHAIN, &signer)
    }

    fn proposal(round: u32, block: u8) -> SignedProposal {
        let signer = Signer::from_seed(&[1; 32]);
        let (height, round, block, leader) = (Height(1), Round(round), Hash32([block; 32]), signer.address());
        Proposal { height, round, block, lock_round: None, leader }.sign(CHAIN, &signer)
    }

    #[test]
    fn two_different_messages_of_one_place_contradict_whichever_came_first() {
        let (nil, block) = (vote(1, 0, None), vote(1, 0, Some(CHAIN)));
        for (first, second) in [(nil, block), (block, nil)] {
            let mut witness = Witness::default();
            assert_eq!(witness.vote(first), None);
            assert_eq!(witness.vote(first), None, "the same again");
            assert_eq!(witness.vote(vote(1, 1, None)), None);
            assert_eq!(witness.vote(second), Some(Evidence::Votes { first: nil, second: block }));
        }
        let mut witness = Witness::default();
        assert_eq!(witness.proposal(proposal(0, 2)), None);
        assert_eq!(witness.proposal(proposal(1, 1)), None);
        let found = Evidence::Proposals { first: proposal(0, 1), second: proposal(0, 2) };
        assert_eq!(witness.proposal(proposal(0, 1)), Some(found));
    }

    #[test]
    fn what_is_remembered_of_one_member_is_bounded() {
        let mut witness = Witness::default();
        (0..1_000).for_each(|round| assert_eq!(witness.vote(vote(1, round, None)), None));
        (0..1_000).for_each(|round| assert_eq!(witness.proposal(proposal(round, 1)), None));
        let said = witness.said.values().next().unwrap();
        assert_eq!((said.votes.len(), said.proposals.len()), (SAID_MAX, SAID_MAX));
        assert!(witness.vote(vote(1, 999, Some(CHAIN))).is_some(), "its newest is remembered");
    }
}
