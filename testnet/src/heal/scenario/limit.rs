//! Predicted times: in protocol timeouts, or in seconds.

use blockchat_engine::config::EngineConfig;
use blockchat_proto::genesis::Parameters;
use std::time::Duration;

/// A time, expressed in protocol timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Number of leader timeouts: see [`leader_timeout`].
    pub leader_timeouts: u32,
    /// Plus this time.
    pub more: Duration,
}

/// The cost of a dead leader: the block interval until the height starts, the propose timeout, and the timeout for
/// more precommits before the next round.
pub fn leader_timeout(parameters: &Parameters) -> Duration {
    let engine = EngineConfig::default();
    let propose = engine.propose_ms + parameters.block_interval_ms;
    Duration::from_millis(parameters.block_interval_ms + propose + engine.precommit_ms)
}

/// This number of leader timeouts.
pub const fn timeouts(leader_timeouts: u32) -> Limit {
    Limit { leader_timeouts, more: Duration::ZERO }
}

/// This number of seconds.
pub const fn seconds(seconds: u64) -> Limit {
    Limit { leader_timeouts: 0, more: Duration::from_secs(seconds) }
}

impl Limit {
    /// Adds this number of ms.
    #[must_use]
    pub const fn and_ms(self, ms: u64) -> Self {
        Self { more: Duration::from_millis(ms), ..self }
    }

    /// The time on a chain with these parameters.
    pub fn on(&self, parameters: &Parameters) -> Duration {
        leader_timeout(parameters) * self.leader_timeouts + self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_leader_costs_the_waits_of_the_protocol_and_nothing_else() {
        assert_eq!(leader_timeout(&Parameters::default()), Duration::from_millis(500));
        assert_eq!(timeouts(2).and_ms(150).on(&Parameters::default()), Duration::from_millis(1_150));
    }
}
