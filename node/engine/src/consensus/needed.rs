//! Learns what the links need: a timeout that was too short in one height is too short in the next, and so is a block
//! too large.
//!
//! Owns: for each leader, the delay from entering its round to having its block, and the rate of its larger blocks. Late
//! blocks count too: they show that a timeout was too short; a dead leader shows nothing. Local, and never a rule: a
//! timeout decides no block, and a leader may always propose a smaller one.
//! Always true: leaders with a third of the stake or less cannot change it, or a single slow one would lengthen every
//! timeout for a dead one, and shrink every block; a leader's values improve slowly with each faster proposal.
//! Start reading at [`Needed::most_ms`] and [`Consensus::block_bytes_max`].

use super::Consensus;
use blockchat_proto::coins::{Stake, is_quorum};
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::limits;
use blockchat_proto::units::Round;
use blockchat_proto::validators::ValidatorSet;
use std::collections::BTreeMap;

/// A faster proposal removes this fraction of the difference.
const FALL: u64 = 4;
/// Smaller blocks show no rate: the delay of the link and the leader's own work outweigh their transmission.
const RATED_BYTES_MIN: u64 = 32 * 1024;
/// A block of ours should reach the others within this time, in ms: a quarter of the longest timeout of a round.
const FITS_MS: u64 = 1_500;
/// Assumed of a leader whose rate is unknown, in bytes per s: blocks of 256 KiB.
const RATE_UNKNOWN: u64 = 256 * 1024 * 1_000 / FITS_MS;

/// A leader may always propose so much, in bytes.
const BLOCK_BYTES_MIN: usize = 16 * 1024;

/// See the module's header.
#[derive(Default)]
pub(super) struct Needed {
    /// Only of members: see [`Self::retain`].
    by_leader: BTreeMap<Address, Seen>,
}

/// Measurements of one leader's proposals.
#[derive(Clone, Copy)]
struct Seen {
    after_ms: u64,
    /// In bytes per s; `None` before its first larger block.
    rate: Option<u64>,
}

impl Needed {
    /// The whole block that this leader proposed, of this size, was here this long after we had entered its round.
    pub(super) fn came(&mut self, leader: Address, after_ms: u64, bytes: usize) {
        let seen = self.by_leader.entry(leader).or_insert(Seen { after_ms, rate: None });
        let fall = seen.after_ms.saturating_sub(after_ms).div_ceil(FALL);
        seen.after_ms = after_ms.max(seen.after_ms - fall);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes >= RATED_BYTES_MIN {
            let rate = bytes.saturating_mul(1_000) / after_ms.max(1);
            let known = seen.rate.unwrap_or(rate);
            seen.rate = Some(rate.min(known + rate.saturating_sub(known).div_ceil(2)));
        }
    }

    /// Drops leaders that are no longer members.
    pub(super) fn retain(&mut self, members: &ValidatorSet) {
        self.by_leader.retain(|leader, _| members.get(leader).is_some());
    }

    /// Maximum over the fastest leaders that together hold more than two thirds of the stake, in ms. Unknown members
    /// count as 0, and so do we.
    pub(super) fn most_ms(&self, members: &ValidatorSet) -> u64 {
        slowest_of_quorum(members, |leader| self.by_leader.get(leader).map_or(0, |seen| seen.after_ms)).unwrap_or(0)
    }

    /// Largest block that members with more than two thirds of the stake, `us` included, get in time, in bytes. A member
    /// whose rate is unknown counts as [`RATE_UNKNOWN`].
    fn fitting_bytes(&self, members: &ValidatorSet, us: &Address) -> usize {
        let rate = |leader: &Address| match self.by_leader.get(leader).and_then(|seen| seen.rate) {
            _ if leader == us => u64::MAX,
            rate => rate.unwrap_or(RATE_UNKNOWN),
        };
        let slowness = |leader: &Address| u64::MAX - rate(leader);
        let rate = u64::MAX - slowest_of_quorum(members, slowness).unwrap_or(u64::MAX);
        usize::try_from(rate.saturating_mul(FITS_MS) / 1_000).unwrap_or(usize::MAX)
    }
}

impl Consensus {
    /// Largest block that `us` should propose in this round, in bytes: what the links carry in time, and half of it
    /// after each failed round. Otherwise blocks grow with the pool while a height takes long, faster than timeouts do.
    pub(crate) fn block_bytes_max(&self, ledger: &Ledger, us: &Address, round: Round) -> usize {
        let fits = self.needed.fitting_bytes(ledger.validators(), us).min(limits::BLOCK_BYTES_MAX);
        (fits >> round.0.min(31)).max(BLOCK_BYTES_MIN)
    }
}

/// The largest value among the members with the smallest values that together hold more than two thirds of the stake.
fn slowest_of_quorum(members: &ValidatorSet, value: impl Fn(&Address) -> u64) -> Option<u64> {
    let mut values: Vec<_> = members.members().iter().map(|member| (value(&member.address), member.stake)).collect();
    values.sort_unstable();
    let mut faster = Stake::default();
    let last = values.into_iter().find(|(_, stake)| {
        faster = faster.plus(*stake);
        is_quorum(faster, members.total())
    });
    last.map(|(value, _)| value)
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
        of_size(needs, 0)
    }

    fn of_size(needs: &[(u8, u64)], bytes: usize) -> Needed {
        let mut needed = Needed::default();
        needs.iter().for_each(|(leader, after_ms)| needed.came(Address([*leader; 32]), *after_ms, bytes));
        needed
    }

    const US: Address = Address([4; 32]);
    const START: usize = 256 * 1024;

    #[test]
    fn blocks_begin_small_and_fit_what_links_carried() {
        let start = Needed::default().fitting_bytes(&set(4), &US);
        assert!(start.abs_diff(START) < 10, "{start}");
        let fast = of_size(&[(1, 20), (2, 30)], 100_000);
        assert_eq!(fast.fitting_bytes(&set(4), &US), 4_999_999, "as the slowest of the quorum");
        let narrow = of_size(&[(1, 4_000), (2, 4_000), (3, 4_000)], 1_000_000);
        assert_eq!(narrow.fitting_bytes(&set(4), &US), 375_000);
        let small = of(&[(1, 3_000), (2, 3_000), (3, 3_000)]);
        assert_eq!(small.fitting_bytes(&set(4), &US), start, "a small block shows no rate");
        assert_eq!(
            Needed::default().fitting_bytes(&set(1), &Address([1; 32])),
            usize::MAX / 1_000,
            "nobody to send it to"
        );
    }

    #[test]
    fn a_third_of_the_stake_cannot_shrink_blocks() {
        let one_slow = of_size(&[(1, 90_000), (2, 100), (3, 100)], 100_000);
        assert_eq!(one_slow.fitting_bytes(&set(4), &US), 1_500_000);
    }

    #[test]
    fn a_rate_falls_at_once_and_rises_with_each_faster_block() {
        let mut needed = of_size(&[(1, 100), (1, 1_000)], 100_000);
        let only = set(1);
        assert_eq!(needed.fitting_bytes(&only, &US), 150_000);
        needed.came(Address([1; 32]), 100, 100_000);
        assert_eq!(needed.fitting_bytes(&only, &US), 825_000);
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
        needed.came(Address([1; 32]), 100, 0);
        assert_eq!(needed.most_ms(&set(1)), 700);
        (0..100).for_each(|_| needed.came(Address([1; 32]), 100, 0));
        assert_eq!(needed.most_ms(&set(1)), 100);
    }
}
