//! Quotas: the work that a peer may cause, in units and time.
//!
//! Always true: a peer over a quota is told to wait or is not heard, never blamed: small networks that banned for rates
//! banned their honest nodes. Gossip has shares instead (`shares`). Start reading at [`Pace`].

use std::time::Duration;
use tokio::time::Instant;

/// A quota: how long one unit takes to be earned again, and how much may be spent at once, as time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    unit: Duration,
    burst: Duration,
}

impl Rate {
    /// `units` in every `period`, all of them at once if need be.
    pub(crate) const fn new(units: u32, period: Duration) -> Self {
        let unit = Duration::from_nanos(period.as_nanos() as u64 / units as u64);
        Self { unit, burst: period }
    }
}

/// Answers to one peer's sync questions, in bytes.
pub(super) const SYNC_BYTES: Rate = Rate::new(64 * 1024 * 1024, Duration::from_secs(10));
/// The price of a request, even if its answer is short: the store is read for it.
pub(super) const SYNC_QUESTION_BYTES: usize = 16 * 1024;
/// Statuses of one peer.
pub(super) const STATUSES: Rate = Rate::new(150, Duration::from_secs(15));
/// Genesis questions of one peer.
pub(super) const GENESES: Rate = Rate::new(4, Duration::from_secs(60));
/// Spending so far, as the time at which everything is earned again (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    earned_at: Option<Instant>,
}

impl Pace {
    /// Spends `units`, unless the quota is used up: then says how long to wait. The last spending may overdraw it.
    pub(crate) fn spend(&mut self, rate: Rate, units: usize, now: Instant) -> Result<(), Duration> {
        let earned_at = self.earned_at.map_or(now, |at| at.max(now));
        let debt = earned_at.duration_since(now);
        if debt >= rate.burst {
            return Err(debt - rate.burst + rate.unit);
        }
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.earned_at = Some(earned_at + rate.unit.saturating_mul(units));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_A_SECOND: Rate = Rate::new(10, Duration::from_secs(1));

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let passed = (0..100).filter(|_| pace.spend(TEN_A_SECOND, 1, now).is_ok()).count();
        assert_eq!(passed, 10);
        let later = now + Duration::from_millis(250);
        assert_eq!((0..100).filter(|_| pace.spend(TEN_A_SECOND, 1, later).is_ok()).count(), 3);
    }

    /// SPEC SYNC-5.
    #[test]
    fn questions_cost_their_share_however_short_the_answers_are() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let asked = (0..10_000).filter(|_| pace.spend(SYNC_BYTES, SYNC_QUESTION_BYTES, now).is_ok()).count();
        // A quota is kept in whole ns a byte.
        assert!((4_096..=4_097).contains(&asked), "{asked}");
        let later = now + Duration::from_secs(1);
        let asked = (0..10_000).filter(|_| pace.spend(SYNC_BYTES, SYNC_QUESTION_BYTES, later).is_ok()).count();
        assert!((409..=410).contains(&asked), "{asked}");
    }

    #[test]
    fn whoever_waits_as_told_is_heard() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.spend(TEN_A_SECOND, 35, now).unwrap();
        let wait = pace.spend(TEN_A_SECOND, 1, now).unwrap_err();
        assert!(pace.spend(TEN_A_SECOND, 1, now + wait).is_ok());
        assert!(wait > Duration::from_secs(2) && wait < Duration::from_secs(3), "{wait:?}");
    }
}
