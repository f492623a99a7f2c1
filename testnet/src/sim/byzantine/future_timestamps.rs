//! Lives ahead of all others: its blocks carry times that have not come yet.

use super::Misbehaviour;

/// Ten seconds ahead, far beyond what a clock may be off.
#[derive(Debug)]
pub(super) struct FutureTimestamps;

impl Misbehaviour for FutureTimestamps {
    fn clock_ahead_ms(&self) -> u64 {
        10_000
    }
}
