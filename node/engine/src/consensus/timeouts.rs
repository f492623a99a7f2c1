//! The timeouts of a round, and the intervals of repetitions. SPEC GOSSIP-4.
//!
//! Always true: timeouts grow until the round is long enough for the network, or voting could continue forever without
//! a decision; repetitions get rarer the longer a height takes, or they would keep the network slow.

use crate::config::EngineConfig;
use crate::event::RoundTimer;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::units::Round;

/// Observations of the network.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Learned {
    /// Number of repetitions of our votes since the intervals between them started anew.
    pub(super) backoff: u32,
    /// Transmission time of most proposals: see `needed`.
    pub(super) needed_ms: u64,
}

/// The timeout of `step` in `round`, in ms.
///
/// In round 0 the propose timeout includes the block interval: the leader may still be waiting for transactions.
pub(super) fn wait_ms(
    config: &EngineConfig,
    parameters: &Parameters,
    round: Round,
    step: RoundTimer,
    learned: Learned,
) -> u64 {
    let propose_ms = propose_ms(config, learned.needed_ms);
    let grown = |first, delta| grown_ms(first, delta, round).min(config.round_wait_max_ms.max(first));
    match step {
        RoundTimer::Propose if round.0 == 0 => propose_ms.saturating_add(parameters.block_interval_ms),
        RoundTimer::Propose => grown(propose_ms, config.propose_delta_ms),
        RoundTimer::Prevote => grown(config.prevote_ms, config.prevote_delta_ms),
        RoundTimer::Precommit => grown(config.precommit_ms, config.precommit_delta_ms),
        RoundTimer::Rebroadcast => {
            let doubled = config.rebroadcast_ms.saturating_mul(1 << learned.backoff.min(16));
            doubled.min(config.rebroadcast_max_ms.max(config.rebroadcast_ms))
        }
    }
}

/// The first propose timeout, without the block interval: on slow links 1.5 times what most proposals need, up to half
/// of the longest timeout: where messages get lost, proposals are late without being slow.
pub(super) fn propose_ms(config: &EngineConfig, needed_ms: u64) -> u64 {
    let fits = needed_ms.saturating_add(needed_ms / 2).min(config.round_wait_max_ms / 2);
    fits.max(config.propose_ms)
}

/// `delta` more in round 1, two of them more in round 2, and so on: `delta` times the triangular number.
fn grown_ms(first: u64, delta: u64, round: Round) -> u64 {
    let rounds = u64::from(round.0);
    let triangular = rounds.saturating_mul(rounds.saturating_add(1)) / 2;
    first.saturating_add(delta.saturating_mul(triangular))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_the_square_of_the_round_up_to_their_maximum() {
        let waits = [0, 1, 2, 3, 10].map(|round| grown_ms(300, 100, Round(round)));
        assert_eq!(waits, [300, 400, 600, 900, 5_800]);
        assert_eq!(grown_ms(300, 100, Round(u32::MAX)), u64::MAX, "no overflow");
    }

    #[test]
    fn repetitions_get_rarer_and_never_stop() {
        let config = EngineConfig::default();
        let parameters = Parameters::default();
        let pause = |backoff| {
            let learned = Learned { backoff, needed_ms: 0 };
            wait_ms(&config, &parameters, Round(7), RoundTimer::Rebroadcast, learned)
        };
        assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(pause), [400, 800, 1_600, 3_200, 3_200, 3_200]);
    }

    #[test]
    fn the_wait_for_a_proposal_fits_slow_links_and_has_an_end() {
        let config = EngineConfig::default();
        let parameters = Parameters { block_interval_ms: 50, ..Parameters::default() };
        let wait = |round, needed_ms| {
            let learned = Learned { backoff: 0, needed_ms };
            wait_ms(&config, &parameters, Round(round), RoundTimer::Propose, learned)
        };
        assert_eq!([0, 200, 800, u64::MAX].map(|needed| wait(0, needed)), [350, 350, 1_250, 3_050]);
        assert_eq!([0, 800, u64::MAX].map(|needed| wait(1, needed)), [400, 1_300, 3_100]);
    }
}
