//! When we entered each round and first received its proposal. Only for readers: it decides nothing.
//!
//! Always true: at most [`ROUNDS_KEPT`] rounds, of the current height.

use blockchat_proto::hash::Hash32;
use blockchat_proto::units::{Round, UnixMillis};
use blockchat_proto::vote::Proposal;
use std::collections::BTreeMap;

/// Rounds kept: more than are shown.
const ROUNDS_KEPT: usize = 32;

/// A proposal when first received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) block: Hash32,
    pub(super) lock_round: Option<Round>,
    pub(super) seen: UnixMillis,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    entered: BTreeMap<Round, UnixMillis>,
    proposals: BTreeMap<Round, Sighting>,
}

impl Sightings {
    /// We entered this round now.
    pub(super) fn entered(&mut self, round: Round, now: UnixMillis) {
        self.entered.entry(round).or_insert(now);
        bound(&mut self.entered);
    }

    /// The leader of its round made this proposal.
    pub(super) fn proposed(&mut self, proposal: &Proposal, now: UnixMillis) {
        let sighting = Sighting { block: proposal.block, lock_round: proposal.lock_round, seen: now };
        self.proposals.entry(proposal.round).or_insert(sighting);
        bound(&mut self.proposals);
    }

    /// When we entered a round.
    pub(super) fn entry(&self, round: Round) -> Option<UnixMillis> {
        self.entered.get(&round).copied()
    }

    /// The proposal of a round.
    pub(super) fn proposal(&self, round: Round) -> Option<&Sighting> {
        self.proposals.get(&round)
    }
}

fn bound<T>(rounds: &mut BTreeMap<Round, T>) {
    if rounds.len() > ROUNDS_KEPT {
        rounds.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sighting_counts_and_old_rounds_are_forgotten() {
        let mut sightings = Sightings::default();
        for round in 0..100 {
            sightings.entered(Round(round), UnixMillis(u64::from(round)));
            sightings.entered(Round(round), UnixMillis(1_000));
        }
        assert_eq!(sightings.entered.len(), ROUNDS_KEPT);
        assert_eq!((sightings.entry(Round(99)), sightings.entry(Round(0))), (Some(UnixMillis(99)), None));
    }
}
