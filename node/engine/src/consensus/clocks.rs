//! Difference between our clock and those of other validators, derived from their blocks. It decides nothing; the
//! operator sees it.
//!
//! A leader puts its time into the block of its first proposal. When the proposal arrives, the difference to our clock
//! is the clock difference, apart from the transmission time. The median by stake over the leaders of the last blocks
//! counts, so that a third of the stake with wrong clocks, or lies, cannot move it.
//! Start reading at [`Clocks::median_ms`].

use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::validators::ValidatorSet;
use std::collections::{BTreeMap, VecDeque};

/// Number of blocks whose leaders count.
const BLOCKS: usize = 64;
/// Step in ms, so that not every block changes it.
const STEP_MS: i64 = 100;

/// Recent clock differences per leader.
#[derive(Default)]
pub(super) struct Clocks {
    seen: VecDeque<(Height, Address, i64)>,
}

impl Clocks {
    /// Records another member's first proposal of round 0 at this height, received now, with a block of this time.
    pub(super) fn saw(&mut self, height: Height, leader: Address, time: UnixMillis, now: UnixMillis) {
        if self.seen.back().is_some_and(|(last, ..)| *last >= height) {
            return;
        }
        let ahead = i128::from(time.0) - i128::from(now.0);
        let ahead_ms = i64::try_from(ahead).unwrap_or(if ahead > 0 { i64::MAX } else { i64::MIN });
        self.seen.push_back((height, leader, ahead_ms));
        if self.seen.len() > BLOCKS {
            self.seen.pop_front();
        }
    }

    /// How far the others' clocks are ahead of ours, in ms; `None` until leaders with more than a third of the stake
    /// were heard.
    pub(super) fn median_ms(&self, members: &ValidatorSet) -> Option<i64> {
        let newest: BTreeMap<Address, i64> = self.seen.iter().map(|(_, leader, ahead)| (*leader, *ahead)).collect();
        let mut weighed: Vec<_> = newest
            .into_iter()
            .filter_map(|(leader, ahead)| Some((ahead, u128::from(members.get(&leader)?.stake.0))))
            .collect();
        weighed.sort_unstable();
        let heard: u128 = weighed.iter().map(|(_, stake)| stake).sum();
        if heard * 3 <= u128::from(members.total().0) {
            return None;
        }
        let mut below = 0;
        let middle = weighed.into_iter().find(|(_, stake)| {
            below += stake;
            below * 2 >= heard
        });
        middle.map(|(ahead, _)| ahead / STEP_MS * STEP_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::Stake;
    use blockchat_proto::validators::Validator;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn set() -> ValidatorSet {
        let member = |n| Validator { address: Address([n; 32]), stake: Stake(10) };
        ValidatorSet::new((1..=4).map(member).collect()).unwrap()
    }

    fn clocks(ahead: &[(u8, i64)]) -> Clocks {
        let mut clocks = Clocks::default();
        for (height, (leader, ahead)) in (1..).zip(ahead) {
            clocks.saw(Height(height), Address([*leader; 32]), UnixMillis(NOW.0.saturating_add_signed(*ahead)), NOW);
        }
        clocks
    }

    #[test]
    fn one_wrong_clock_among_the_others_is_not_ours() {
        assert_eq!(clocks(&[(1, -40), (2, 86_400_000), (3, -20)]).median_ms(&set()), Some(0));
    }

    #[test]
    fn if_all_others_are_behind_ours_is_ahead() {
        assert_eq!(clocks(&[(1, -10_040), (2, -10_010), (3, -10_000)]).median_ms(&set()), Some(-10_000));
    }

    #[test]
    fn a_leader_counts_once_with_its_newest_block_and_by_its_stake() {
        assert_eq!(clocks(&[(1, 5_000), (1, 5_000), (1, 5_000), (2, 0), (3, 0)]).median_ms(&set()), Some(0));
        assert_eq!(clocks(&[(1, 0), (2, 0), (1, 5_000), (2, 5_000)]).median_ms(&set()), Some(5_000));
    }

    #[test]
    fn a_third_of_the_stake_says_nothing() {
        assert_eq!(clocks(&[(1, 5_000)]).median_ms(&set()), None);
        assert_eq!(clocks(&[(9, 5_000), (8, 5_000)]).median_ms(&set()), None, "who left the set does not count");
    }
}
