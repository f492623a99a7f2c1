//! The only source of chance in a simulated world.
//!
//! Always true: the same seed and purpose give the same throws, on every machine and with every version of our
//! dependencies: only the ChaCha stream is borrowed, what is drawn from it is computed here, in integers.
//! Start reading at [`Dice::of`].

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;

/// Throws for one purpose. Purposes do not disturb each other: a changed network leaves the load as it was.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of this seed for this purpose.
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_be_bytes());
        hasher.update(purpose.as_bytes());
        Self(ChaCha8Rng::from_seed(hasher.finalize().into()))
    }

    /// Evenly from 0 to below `bound` (off by less than bound / 2^64); 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the upper half of a product of two u64")
    }

    /// Evenly from the range, both ends included.
    pub fn range(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True in so many of a thousand throws.
    pub fn permille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }

    /// One of these, or `None` if there are none.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let index = self.below(u64::try_from(from.len()).ok()?);
        from.get(usize::try_from(index).ok()?).cloned()
    }

    /// An index below `length`, which must not be 0.
    pub fn index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).expect("a list in memory has fewer than 2^64 items");
        usize::try_from(self.below(length)).expect("below a usize")
    }

    /// 32 bytes, for a key.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_throws_the_same_and_purposes_differ() {
        let throws = |seed, purpose| (0..4).map(|_| 0).scan(Dice::of(seed, purpose), |dice, _| Some(dice.below(1_000)));
        let first: Vec<_> = throws(7, "network").collect();
        assert_eq!(first, throws(7, "network").collect::<Vec<_>>());
        assert_ne!(first, throws(7, "load").collect::<Vec<_>>());
        assert_ne!(first, throws(8, "network").collect::<Vec<_>>());
        assert_eq!(first, [24, 873, 987, 565], "throws of a seed are pinned: seeds in files must keep their meaning");
    }

    #[test]
    fn throws_stay_in_their_range_and_reach_both_ends() {
        let mut dice = Dice::of(1, "test");
        let throws: Vec<_> = (0..200).map(|_| dice.range(3..=5)).collect();
        assert!(throws.iter().all(|throw| (3..=5).contains(throw)));
        assert!(throws.contains(&3) && throws.contains(&5));
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
