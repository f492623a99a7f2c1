//! The operator's settings for the engine, and its local limits; other nodes may differ.

/// Timeouts and limits of one engine, in ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Propose timeout beyond the block interval, in round 0.
    pub propose_ms: u64,
    /// Added in round 1, twice as much more in round 2, and so on: see [`Self::round_wait_max_ms`].
    pub propose_delta_ms: u64,
    /// Timeout for more prevotes, in round 0.
    pub prevote_ms: u64,
    /// Its growth, as above.
    pub prevote_delta_ms: u64,
    /// Timeout for more precommits, in round 0.
    pub precommit_ms: u64,
    /// Its growth, as above.
    pub precommit_delta_ms: u64,
    /// First repetition of our last votes; doubles each time while the height lasts.
    pub rebroadcast_ms: u64,
    /// Longest interval between repetitions of votes.
    pub rebroadcast_max_ms: u64,
    /// Maximum timeout of a round. Timeouts grow with the square of the round: on machines too slow for the first
    /// timeouts, rounds that end before their messages arrive only produce more messages.
    pub round_wait_max_ms: u64,
    /// A block further ahead of our clock than this is held until our clock reaches it.
    pub clock_ahead_max_ms: u64,
    /// After a peer delivers a block we needed, we count as behind for this long.
    pub backing_ms: u64,
    /// Timeout of a request to a peer that was never slow; others get up to 14 s.
    pub request_timeout_ms: u64,
    /// Maximum transactions in one write of caught-up blocks. Until it is done, all other work of the engine waits.
    pub together_transactions_max: usize,
    /// Maximum bytes in one such write; at least one block in any case.
    pub together_bytes_max: usize,
    /// Maximum pooled transactions.
    pub pool_transactions_max: usize,
    /// Maximum bytes of pooled transactions.
    pub pool_bytes_max: usize,
    /// One sender gets at most this fraction of the pool: 1/16.
    pub pool_sender_share: usize,
    /// Maximum transactions that wait for an earlier nonce.
    pub shelf_max: usize,
    /// How long they may wait.
    pub shelf_ms: u64,
    /// First repetition of our own transaction that is not final; doubles each time.
    pub repeat_first_ms: u64,
    /// Longest interval between repetitions.
    pub repeat_max_ms: u64,
    /// Maximum messages kept for heights ahead of ours, per validator.
    pub ahead_per_validator_max: usize,
    /// Maximum refused ids remembered with their reason.
    pub refused_max: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            propose_ms: 300,
            propose_delta_ms: 100,
            prevote_ms: 100,
            prevote_delta_ms: 50,
            precommit_ms: 100,
            precommit_delta_ms: 50,
            rebroadcast_ms: 400,
            rebroadcast_max_ms: 3_200,
            round_wait_max_ms: 6_000,
            clock_ahead_max_ms: 3_000,
            backing_ms: 5_000,
            request_timeout_ms: 5_000,
            together_transactions_max: 4_096,
            together_bytes_max: 1024 * 1024,
            pool_transactions_max: 100_000,
            pool_bytes_max: 64 * 1024 * 1024,
            pool_sender_share: 16,
            shelf_max: 1_024,
            shelf_ms: 30_000,
            repeat_first_ms: 2_000,
            repeat_max_ms: 60_000,
            ahead_per_validator_max: 8,
            refused_max: 10_000,
        }
    }
}
