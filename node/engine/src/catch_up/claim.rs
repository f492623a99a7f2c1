//! The claim of one peer, how well the peer answers, and the clock used to measure it.
//!
//! Does not own: the choice of peer (`catch_up`).
//! Always true: the behaviour of a peer changes only how that peer is asked; a peer that claims more than it delivers
//! is asked again as long as it is connected, less and less often.
//! Start reading at [`Claim`].

use blockchat_proto::limits;
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, UnixMillis};

/// First backoff after an answer that proves nothing; doubles with each further one, in ms.
const PAUSE_MS: u64 = 250;
/// Longest backoff that we choose, in ms. A peer may ask for a longer one.
const PAUSE_MAX_MS: u64 = 30_000;
/// Longest timeout for an answer, in ms. Below the network's own limit of 15 s, so that we decide first.
const PATIENCE_MAX_MS: u64 = 14_000;

/// The height a peer claims, and what it has proved.
pub(super) struct Claim {
    pub(super) height: Height,
    pub(super) since: UnixMillis,
    /// Last time it delivered a certified block that we needed, while claiming more than that.
    pub(super) backed: Option<UnixMillis>,
    /// Its last rate of delivering such blocks, in blocks per 1,000 s; `None` unless its last answer contained some.
    pub(super) speed: Option<u64>,
    /// Has a request to it ended since it last delivered such a block?
    pub(super) tried: bool,
    /// Do not ask before this time.
    pub(super) busy_until: UnixMillis,
    /// Maximum blocks per request: over a slow link longer answers come too late.
    pub(super) blocks_max: u32,
    /// Timeout for its answer, in ms.
    pub(super) patience_ms: u64,
    /// Consecutive answers that proved nothing.
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

    /// It delivered `blocks` certified blocks that we needed, `took_ms` after the request.
    pub(super) fn was_useful(&mut self, blocks: usize, took_ms: u64, now: UnixMillis) {
        let blocks = u64::try_from(blocks).unwrap_or(u64::MAX);
        self.speed = Some(blocks.saturating_mul(1_000_000) / took_ms.max(1));
        self.backed = Some(now);
        self.tried = false;
        self.misses = 0;
    }

    /// It answered, with any content. The next answer may take twice as long; if there is slack, it may also be longer.
    pub(super) fn answered(&mut self, took_ms: u64) {
        let twice_ms = took_ms.saturating_mul(2);
        self.patience_ms = twice_ms.clamp(self.first_patience_ms, PATIENCE_MAX_MS);
        if twice_ms <= self.patience_ms {
            self.blocks_max = self.blocks_max.saturating_mul(2).min(limits::SYNC_BLOCKS_MAX);
        }
    }

    /// It did not answer in time: request less, wait longer, and ask later.
    pub(super) fn was_late(&mut self, now: UnixMillis) {
        self.patience_ms = self.patience_ms.saturating_mul(2).min(PATIENCE_MAX_MS);
        self.blocks_max = (self.blocks_max / 4).max(1);
        self.was_useless(self.first_patience_ms, now);
    }

    /// It is busy, unreachable, or sent nothing that proves its claim: wait at least `pause_ms`, and longer each time.
    pub(super) fn was_useless(&mut self, pause_ms: u64, now: UnixMillis) {
        let pause_ms = pause_ms.max(PAUSE_MS.saturating_mul(1 << self.misses.min(16)).min(PAUSE_MAX_MS));
        self.busy_until = now.plus(pause_ms);
        self.misses = self.misses.saturating_add(1);
        self.speed = None;
        self.tried = true;
    }
}

/// Monotonic time: sums the differences between readings of a clock that may be set back.
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
