//! Learns the transmission time of proposals: on slow links, a timeout that was too short in one height is too short in
//! the next.
//!
//! Owns: for each leader, the delay from entering its round to having its block. Late blocks count too: they show that
//! a timeout was too short; a dead leader shows nothing. Local, and never a rule: a timeout decides no block.
//! Always true: leaders with a third of the stake or less cannot change it, or a single slow one would lengthen every
//! timeout for a dead one; a leader's value falls slowly with each faster proposal.
//! Start reading at [`Needed::most_ms`].

use blockchat_proto::coins::{Stake, is_quorum};
use blockchat_proto::keys::Address;
use blockchat_proto::validators::ValidatorSet;
use std::collections::BTreeMap;

/// A faster proposal removes this fraction of the difference.
const FALL: u64 = 4;

/// See the module's header.
#[derive(Default)]
pub(super) struct Needed {
    /// Only of members: see [`Self::retain`].
    by_leader: BTreeMap<Address, u64>,
}

impl Needed {
    /// The whole block that this leader proposed was here this long after we had entered its round.
    pub(super) fn came(&mut self, leader: Address, after_ms: u64) {
        let known = self.by_leader.entry(leader).or_insert(after_ms);
        let fall = known.saturating_sub(after_ms).div_ceil(FALL);
        *known = after_ms.max(*known - fall);
    }

    /// Drops leaders that are no longer members.
    pub(super) fn retain(&mut self, members: &ValidatorSet) {
        self.by_leader.retain(|leader, _| members.get(leader).is_some());
    }

    /// Maximum over the fastest leaders that together hold more than two thirds of the stake, in ms. Unknown members
    /// count as 0, and so do we.
    pub(super) fn most_ms(&self, members: &ValidatorSet) -> u64 {
        let need = |leader| self.by_leader.get(leader).copied().unwrap_or(0);
        let mut needs: Vec<_> = members.members().iter().map(|member| (need(&member.address), member.stake)).collect();
        needs.sort_unstable();
        let mut faster = Stake::default();
        let enough = needs.into_iter().find(|(_, stake)| {
            faster = faster.plus(*stake);
            is_quorum(faster, members.total())
        });
        enough.map_or(0, |(need, _)| need)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::validators::Validator;

    fn set(members: u8) -> ValidatorSet {
        let member = |n| Validator { address: Address([n; 32]), stake: Stake(10) };
        ValidatorSet::new((1..=members).map(member).collect()).unwrap()
    }

    fn of(needs: &[(u8, u64)]) -> Needed {
        let mut needed = Needed::default();
        needs.iter().for_each(|(leader, after_ms)| needed.came(Address([*leader; 32]), *after_ms));
        needed
    }

    #[test]
    fn a_third_of_the_stake_cannot_make_the_others_wait() {
        assert_eq!(of(&[(1, 90_000), (2, 20), (3, 30)]).most_ms(&set(4)), 30, "we are the fourth");
        assert_eq!(of(&[(1, 90_000), (9, 80_000)]).most_ms(&set(4)), 0, "who left the set does not count");
    }

    #[test]
    fn links_that_are_slow_everywhere_count() {
        assert_eq!(of(&[(1, 900), (2, 700), (3, 800), (4, 600)]).most_ms(&set(5)), 800);
    }

    #[test]
    fn a_need_rises_at_once_and_falls_slowly_to_what_came() {
        let mut needed = of(&[(1, 100), (1, 900)]);
        assert_eq!(needed.most_ms(&set(1)), 900);
        needed.came(Address([1; 32]), 100);
        assert_eq!(needed.most_ms(&set(1)), 700);
        (0..100).for_each(|_| needed.came(Address([1; 32]), 100));
        assert_eq!(needed.most_ms(&set(1)), 100);
    }
}
