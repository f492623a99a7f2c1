//! The choices an operator makes for the engine, and its local limits: not agreed with anybody.

/// Waits and limits of one engine. Times in ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Wait for a proposal beyond the block interval, in round 0.
    pub propose_ms: u64,
    /// Added to it in round 1, twice as much more in round 2, and so on: see [`Self::round_wait_max_ms`].
    pub propose_delta_ms: u64,
    /// Wait for more prevotes, in round 0.
    pub prevote_ms: u64,
    /// Its growth, as above.
    pub prevote_delta_ms: u64,
    /// Wait for more precommits, in round 0.
    pub precommit_ms: u64,
    /// Its growth, as above.
    pub precommit_delta_ms: u64,
    /// Our last votes are sent again after this; doubles each time while the height lasts.
    pub rebroadcast_ms: u64,
    /// Longest pause between repetitions of votes.
    pub rebroadcast_max_ms: u64,
    /// No wait of a round exceeds this. Waits grow with the square of the round: on machines too slow for the first
    /// waits, rounds that end before their messages arrive only make more messages.
    pub round_wait_max_ms: u64,
    /// A block this far ahead of our clock is held until our clock reaches it.
    pub clock_ahead_max_ms: u64,
    /// A peer that delivered a block we needed shows for so long that we are behind.
    pub backing_ms: u64,
    /// A question to a peer that was never slow is given up after this; to others after up to 14 s.
    pub request_timeout_ms: u64,
    /// Blocks caught up with are committed together, up to so many transactions: until that is done, everybody else who
    /// wants something of the engine waits.
    pub together_transactions_max: usize,
    /// And up to so many bytes; at least one block in any case.
    pub together_bytes_max: usize,
    /// Most pooled transactions.
    pub pool_transactions_max: usize,
    /// Most bytes of pooled transactions.
    pub pool_bytes_max: usize,
    /// One sender gets at most this part of the pool: 1/16.
    pub pool_sender_share: usize,
    /// Most transactions that wait for an earlier nonce.
    pub shelf_max: usize,
    /// How long they wait.
    pub shelf_ms: u64,
    /// First repetition of an own transaction that is not final; doubles each time.
    pub repeat_first_ms: u64,
    /// Longest pause between repetitions.
    pub repeat_max_ms: u64,
    /// Most messages kept for heights ahead of ours, per validator.
    pub ahead_per_validator_max: usize,
    /// Most refused ids remembered with their reason.
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
