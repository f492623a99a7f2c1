//! The current height for readers. Changes nothing; built on request.
//!
//! Start reading at [`Consensus::rounds`].

use super::Consensus;
use crate::engine_view::{LEADERS_SHOWN, ProposalFacts, ROUNDS_SHOWN, RoundFacts};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{Vote, VoteKind};

impl Consensus {
    /// The last rounds up to the current one, with their proposals and votes.
    pub(crate) fn rounds(&self, ledger: &Ledger) -> Vec<RoundFacts> {
        let Some(core) = &self.deciding.core else { return vec![] };
        let shown = u32::try_from(ROUNDS_SHOWN).expect("a few");
        let first = (self.deciding.round.0 + 1).saturating_sub(shown);
        let members = ledger.validators();
        let facts = |round| {
            let votes = core.votes_heard(round);
            RoundFacts {
                round,
                leader: leader_of(ledger, round),
                entered: self.deciding.sightings.entry(round),
                proposal: self.proposal_facts(round),
                prevotes: in_order(members, &votes, VoteKind::Prevote),
                precommits: in_order(members, &votes, VoteKind::Precommit),
            }
        };
        (first..=self.deciding.round.0).map(Round).map(facts).collect()
    }

    fn proposal_facts(&self, round: Round) -> Option<ProposalFacts> {
        let sighting = self.deciding.sightings.proposal(round)?;
        let proposed = self.deciding.proposed.get(&sighting.block);
        Some(ProposalFacts {
            block: sighting.block,
            lock_round: sighting.lock_round,
            seen: sighting.seen,
            holds: proposed.map(|found| (found.block.transactions().len(), found.block.bytes().len())),
            valid: proposed.and_then(|found| found.verdict()),
        })
    }

    /// Leaders of the current round and the next ones.
    pub(crate) fn next_leaders(&self, ledger: &Ledger) -> Vec<(Round, Address)> {
        let rounds = (0..LEADERS_SHOWN).map(|ahead| Round(self.deciding.round.0.saturating_add(ahead)));
        rounds.map(|round| (round, leader_of(ledger, round))).collect()
    }

    /// When each member of the set was last heard, in the set's order.
    pub(crate) fn all_heard(&self, members: &ValidatorSet) -> Vec<Option<UnixMillis>> {
        members.members().iter().map(|member| self.last_heard(&member.address)).collect()
    }

    /// The last height that a member said something about, or from which it is expected to.
    pub(crate) fn last_spoken(&self, member: &Address) -> Option<Height> {
        self.spoke.get(member).copied()
    }

    /// How far the clocks of others are ahead of ours, in ms.
    pub(crate) fn clocks_ahead_ms(&self, ledger: &Ledger) -> Option<i64> {
        self.clocks.median_ms(ledger.validators())
    }

    /// Start of the undecided height.
    pub(crate) fn undecided_since(&self) -> Option<UnixMillis> {
        self.deciding.core.as_ref().map(|_| self.deciding.since)
    }

    /// A proposed block that we hold.
    pub(crate) fn body(&self, hash: &Hash32) -> Option<&VerifiedBlock> {
        self.deciding.proposed.get(hash).map(|proposed| &proposed.block)
    }

    /// Blocks proposed at this height.
    pub(crate) fn proposed(&self) -> impl Iterator<Item = &VerifiedBlock> {
        self.deciding.proposed.blocks()
    }

    /// Is a height under way?
    pub(crate) fn is_deciding(&self) -> bool {
        self.deciding.core.is_some()
    }

    /// When the current height began, or the last one was decided.
    pub(crate) fn since(&self) -> UnixMillis {
        self.deciding.since
    }

    pub(crate) fn round(&self) -> Round {
        self.deciding.round
    }

    pub(crate) fn leader(&self) -> Address {
        self.deciding.leader
    }

    /// When a member was last heard.
    pub(crate) fn last_heard(&self, member: &Address) -> Option<UnixMillis> {
        self.heard.get(member).copied()
    }
}

fn leader_of(ledger: &Ledger, round: Round) -> Address {
    let tip = ledger.tip();
    leader_for(ledger.validators(), tip.hash, tip.height.next(), round)
}

/// Votes of the members, in the order of the set.
fn in_order(members: &ValidatorSet, votes: &[Vote], kind: VoteKind) -> Vec<Option<Option<Hash32>>> {
    let mut all = vec![None; members.members().len()];
    for vote in votes.iter().filter(|vote| vote.kind == kind) {
        if let Ok(place) = members.members().binary_search_by_key(&vote.validator, |member| member.address) {
            all[place] = Some(vote.value);
        }
    }
    all
}
