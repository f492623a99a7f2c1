//! Members that sign two different votes for one place: the operator is told. Both votes go their way.
//!
//! Always true: at most [`REMEMBERED_MAX`] votes are remembered, of heights above the tip first.

use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{SignedVote, VoteKind};
use std::collections::BTreeMap;

/// Two kinds of votes of 128 members, in 16 rounds.
const REMEMBERED_MAX: usize = 4_096;

/// The first vote that each member cast in each place.
#[derive(Debug, Default)]
pub(super) struct Doubles {
    first: BTreeMap<(Height, Address, Round, VoteKind), Option<SignedVote>>,
}

impl Doubles {
    /// A verified vote of a member. Does it contradict an earlier one? Said once for each place.
    pub(super) fn contradicts(&mut self, signed: &SignedVote, tip: Height) -> bool {
        let vote = &signed.vote;
        if self.first.len() >= REMEMBERED_MAX {
            self.first.retain(|(height, ..), _| *height > tip);
        }
        let place = (vote.height, vote.validator, vote.round, vote.kind);
        if self.first.len() >= REMEMBERED_MAX && !self.first.contains_key(&place) {
            return false;
        }
        let first = self.first.entry(place).or_insert(Some(*signed));
        let double = first.is_some_and(|first| first.vote.value != vote.value);
        if double {
            *first = None;
        }
        double
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::Signature;
    use blockchat_proto::vote::Vote;

    fn vote(height: u64, value: Option<Hash32>) -> SignedVote {
        let (kind, validator) = (VoteKind::Prevote, Address([1; 32]));
        let vote = Vote { kind, height: Height(height), round: Round(0), value, validator };
        SignedVote { vote, signature: Signature([0; 64]) }
    }

    #[test]
    fn two_votes_for_one_place_are_said_once() {
        let (mut doubles, block) = (Doubles::default(), Some(Hash32([1; 32])));
        let heard = [vote(5, None), vote(5, None), vote(6, block), vote(5, block), vote(5, None), vote(5, block)];
        let said = heard.map(|vote| doubles.contradicts(&vote, Height(4)));
        assert_eq!(said, [false, false, false, true, false, false]);
    }

    #[test]
    fn many_votes_push_out_what_is_decided_and_nothing_else() {
        let mut doubles = Doubles::default();
        for height in 1..=100_000 {
            assert!(!doubles.contradicts(&vote(height, None), Height(height - 1)));
            assert!(doubles.first.len() <= REMEMBERED_MAX);
        }
        assert!(doubles.contradicts(&vote(100_000, Some(Hash32([1; 32]))), Height(99_999)));
    }
}
