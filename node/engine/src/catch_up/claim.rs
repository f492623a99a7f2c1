//! What one peer says of itself, how well it answers, and the time that is measured by.
//!
//! Does not own: whom to ask (`catch_up`).
//! Always true: what one peer does changes only how that peer is asked; a peer that claims more than it delivers is asked
//! again for as long as it stays, ever less often.
//! Start reading at [`Claim`].

use blockchat_proto::limits;
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, UnixMillis};

/// First pause after an answer that proves nothing; doubles with each further one, in ms.
const PAUSE_MS: u64 = 250;
/// Longest pause of our own choice, in ms. A peer may ask for a longer one.
const PAUSE_MAX_MS: u64 = 30_000;
/// Longest wait for an answer, in ms. Shorter than the network's own limit of 15 s, so that the conclusion is ours.
const PATIENCE_MAX_MS: u64 = 14_000;

/// What a peer says of itself, and what it has proved.
pub(super) struct Claim {
    pub(super) height: Height,
    pub(super) since: UnixMillis,
    /// Last time it delivered a certified block that we needed, while it claims more than that.
    pub(super) backed: Option<UnixMillis>,
    /// How fast it delivered such blocks the last time, in blocks per 1,000 s; `None` unless its last answer did.
    pub(super) speed: Option<u64>,
    /// Has a question to it ended since it last delivered such a block?
    pub(super) tried: bool,
    /// Do not ask before this time.
    pub(super) busy_until: UnixMillis,
    /// Most blocks to ask it for: over a slow link longer answers come too late.
    pub(super) blocks_max: u32,
    /// How long to wait for its answer, in ms.
    pub(super) patience_ms: u64,
    /// Answers in a row that proved nothing.
    misses: u32,
    /// `patience_ms` of a peer that was never slow.
    first_patience_ms: u64,
}

impl Claim {
    pub(super) fn new(status: &Status, first_patience_ms: u64, now: UnixMillis) -> Self {
        Self {
            height: status.height,
            since: now,
            backed: None,
            speed: None,
            tried: false,
            busy_until: UnixMillis(0),
            blocks_max: limits::SYNC_BLOCKS_MAX,
            patience_ms: first_patience_ms,
            misses: 0,
            first_patience_ms,
        }
    }

    /// It delivered `blocks` certified blocks that we needed, `took_ms` after we asked.
    pub(super) fn was_useful(&mut self, blocks: usize, took_ms: u64, now: UnixMillis) {
        let blocks = u64::try_from(blocks).unwrap_or(u64::MAX);
        self.speed = Some(blocks.saturating_mul(1_000_000) / took_ms.max(1));
        self.backed = Some(now);
        self.tried = false;
        self.misses = 0;
    }

    /// It answered, whatever it said. Twice as long as that is what the next answer may take; if that leaves room, it may
    /// be a longer one.
    pub(super) fn answered(&mut self, took_ms: u64) {
        let twice_ms = took_ms.saturating_mul(2);
        self.patience_ms = twice_ms.clamp(self.first_patience_ms, PATIENCE_MAX_MS);
        if twice_ms <= self.patience_ms {
            self.blocks_max = self.blocks_max.saturating_mul(2).min(limits::SYNC_BLOCKS_MAX);
        }
    }

    /// It did not answer in time: ask it for less, wait longer, and later.
    pub(super) fn was_late(&mut self, now: UnixMillis) {
        self.patience_ms = self.patience_ms.saturating_mul(2).min(PATIENCE_MAX_MS);
        self.blocks_max = (self.blocks_max / 4).max(1);
        self.was_useless(self.first_patience_ms, now);
    }

    /// It asks to wait, was not reached, or sent nothing that proves its claim: not before `pause_ms`, and later each time.
    pub(super) fn was_useless(&mut self, pause_ms: u64, now: UnixMillis) {
        let pause_ms = pause_ms.max(PAUSE_MS.saturating_mul(1 << self.misses.min(16)).min(PAUSE_MAX_MS));
        self.busy_until = now.plus(pause_ms);
        self.misses = self.misses.saturating_add(1);
        self.speed = None;
        self.tried = true;
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
