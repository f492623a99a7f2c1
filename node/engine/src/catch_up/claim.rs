//! What one peer says of itself, how well it answers, and the time that is measured by.
//!
//! Does not own: whom to ask (`catch_up`).
//! Always true: what one peer does changes only how that peer is asked.
//! Start reading at [`Claim`].

use blockchat_proto::limits;
use blockchat_proto::units::{Height, UnixMillis};

/// Answers in a row that came too late before a claim is dropped: by then the question was for one block.
pub(super) const LATE_MAX: u32 = 9;

/// What a peer says of itself, and what it has proved.
pub(super) struct Claim {
    pub(super) height: Height,
    pub(super) since: UnixMillis,
    /// Last time it delivered a certified block we needed.
    pub(super) backed: Option<UnixMillis>,
    /// Do not ask before this time.
    pub(super) busy_until: UnixMillis,
    /// Questions since its last answer in time that were not answered in time.
    pub(super) late: u32,
    /// Most blocks to ask it for: over a slow link longer answers come too late.
    pub(super) blocks_max: u32,
}

impl Claim {
    /// How long to wait for an answer. Shorter than the network's own limit, so that it is us who draw the conclusion.
    pub(super) fn timeout_ms(&self, first_ms: u64) -> u64 {
        if self.late == 0 { first_ms } else { first_ms.saturating_mul(2) }
    }

    /// It did not answer in time: less, and later.
    pub(super) fn was_late(&mut self, pause_ms: u64, now: UnixMillis) {
        self.late = self.late.saturating_add(1);
        self.blocks_max = (self.blocks_max / 2).max(1);
        self.busy_until = now.plus(pause_ms.saturating_mul(u64::from(self.late.min(LATE_MAX))));
    }

    pub(super) fn was_in_time(&mut self) {
        self.late = 0;
        self.blocks_max = (self.blocks_max + (self.blocks_max / 8).max(1)).min(limits::SYNC_BLOCKS_MAX);
    }
}

/// Time that never runs backwards: what passed between readings of a clock that may be set.
pub(super) struct Steady {
    pub(super) read: UnixMillis,
    pub(super) passed: UnixMillis,
}

impl Steady {
    pub(super) fn read(&mut self, now: UnixMillis) {
        self.passed = self.passed.plus(now.since(self.read));
        self.read = now;
    }
}
