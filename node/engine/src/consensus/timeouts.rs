//! How long each wait of a round lasts.

use crate::config::EngineConfig;
use crate::event::RoundTimer;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::units::Round;

/// The wait of `step` in `round`, in ms. Grows with the round, up to `round_wait_max_ms`.
///
/// In round 0 the propose wait includes the block interval: the leader may still be waiting for transactions.
pub(super) fn wait_ms(config: &EngineConfig, parameters: &Parameters, round: Round, step: RoundTimer) -> u64 {
    let rounds = u64::from(round.0);
    let grown = |first: u64, delta: u64| {
        first.saturating_add(delta.saturating_mul(rounds)).min(config.round_wait_max_ms.max(first))
    };
    match step {
        RoundTimer::Propose if round.0 == 0 => config.propose_ms.saturating_add(parameters.block_interval_ms),
        RoundTimer::Propose => grown(config.propose_ms, config.propose_delta_ms),
        RoundTimer::Prevote => grown(config.prevote_ms, config.prevote_delta_ms),
        RoundTimer::Precommit => grown(config.precommit_ms, config.precommit_delta_ms),
        RoundTimer::Rebroadcast => config.rebroadcast_ms,
    }
}
