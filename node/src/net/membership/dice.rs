//! Chance for decisions about peers, from a seed, so that they can be made again: SplitMix64. Not for secrets.

use std::time::Duration;

/// A sequence of numbers that its seed fixes.
#[derive(Clone, Debug)]
pub(in crate::net) struct Dice(u64);

impl Dice {
    pub(in crate::net) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 up to but not including `sides`; 0 without sides.
    pub(in crate::net) fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(sides).unwrap_or(0)
    }

    /// The duration, or up to `percent` longer.
    pub(in crate::net) fn stretch(&mut self, duration: Duration, percent: u64) -> Duration {
        let more = u32::try_from(self.throw(percent + 1)).unwrap_or(0);
        duration + duration * more / 100
    }
}
