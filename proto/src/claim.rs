//! The proof of work of a claim: its value, and the search for it. SPEC CLAIM-3, CLAIM-4.
//!
//! Owns: the hash, the number of tries, the comparison. Does not own: eligibility and timing (`ledger::grants`).
//! Always true: work is valid for one account, one chain and one recent hash; less work is never worth more.
//! Start reading at [`Search`].

use crate::coins::Coins;
use crate::hash::{Hash32, Hasher, label};
use crate::keys::Address;

/// How many tries a grant costs on average, 1 to 2^64 - 1. SPEC CLAIM-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tries(u64);

impl Tries {
    /// One per micro-BCC of the grant while the treasury is full; it rises by the factor by which the treasury has
    /// shrunk. `None` if the grant is zero, or `left` is zero.
    pub fn for_grant(grant: Coins, first: Coins, left: Coins) -> Option<Self> {
        let (grant, first, left) = (u128::from(grant.micros()), u128::from(first.micros()), u128::from(left.micros()));
        let tries = (grant * first).checked_div(left)?;
        (tries > 0).then(|| Self(u64::try_from(tries).unwrap_or(u64::MAX)))
    }

    /// The number.
    pub const fn count(self) -> u64 {
        self.0
    }

    /// Is this hash small enough for this number of tries?
    pub const fn are_met_by(self, found: Found) -> bool {
        found.0 <= u64::MAX / self.0
    }
}

/// The first 8 bytes of the hash of a proof of work. Smaller means more work. SPEC CLAIM-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found(pub u64);

impl Found {
    /// Average number of tries to find a hash this small, rounded down; at least 1.
    pub const fn worth(self) -> u64 {
        u64::MAX / if self.0 == 0 { 1 } else { self.0 }
    }
}

/// The search for a proof of work. Cheap to clone: each thread tries its own numbers.
#[derive(Clone)]
pub struct Search(Hasher);

impl Search {
    /// For this account, on this chain, after this block.
    pub fn new(chain: Hash32, account: Address, recent: Hash32) -> Self {
        Self(Hasher::new(label::CLAIM).part(&chain.0).part(&account.0).part(&recent.0))
    }

    /// The work that a number proves. Cost: two blocks of SHA-256.
    pub fn attempt(&self, work: u64) -> Found {
        let [a, b, c, d, e, f, g, h, ..] = self.0.clone().part(&work.to_be_bytes()).finish().0;
        Found(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(grant: u64, first: u64, left: u64) -> Option<u64> {
        let [grant, first, left] = [grant, first, left].map(|micros| Coins::from_micros(micros).unwrap());
        Tries::for_grant(grant, first, left).map(Tries::count)
    }

    /// SPEC CLAIM-4.
    #[test]
    fn a_grant_costs_a_try_a_micro_and_more_as_the_treasury_empties() {
        assert_eq!(tries(10_000_000, 1_000_000_000, 1_000_000_000), Some(10_000_000));
        assert_eq!(tries(10_000_000, 1_000_000_000, 990_000_000), Some(10_101_010));
        assert_eq!(tries(10_000_000, 1_000_000_000, 500_000_000), Some(20_000_000));
        assert_eq!(tries(10_000_000, 1_000_000_000, 10_000_000), Some(1_000_000_000));
        let most = Coins::MAX.micros();
        assert_eq!((tries(most, most, 1), tries(1, 1, most)), (Some(u64::MAX), None));
        assert_eq!([tries(0, 5, 5), tries(5, 0, 5), tries(5, 5, 0)], [None; 3]);
    }

    /// SPEC CLAIM-3.
    #[test]
    fn a_hash_is_small_enough_up_to_the_very_target() {
        let tries = Tries(1_000);
        let target = u64::MAX / 1_000;
        assert!(tries.are_met_by(Found(target)) && !tries.are_met_by(Found(target + 1)));
        assert!(Tries(1).are_met_by(Found(u64::MAX)));
        assert!(Tries(u64::MAX).are_met_by(Found(1)) && !Tries(u64::MAX).are_met_by(Found(2)));
        assert_eq!([0, 1, target, u64::MAX].map(|found| Found(found).worth()), [u64::MAX, u64::MAX, 1_000, 1]);
    }

    #[test]
    fn work_is_for_one_account_one_chain_and_one_block() {
        let found = |chain, account, recent| {
            Search::new(Hash32([chain; 32]), Address([account; 32]), Hash32([recent; 32])).attempt(5)
        };
        let all = [found(1, 2, 3), found(9, 2, 3), found(1, 9, 3), found(1, 2, 9)];
        assert!((1..4).all(|other| all[0] != all[other]), "{all:?}");
    }
}
