//! The engine's timers: keyed, replaced, cancelled; driven by the monotonic clock.
//!
//! Always true: a key runs at most once; a timer fires once, never early, and earlier deadlines fire first.

use blockchat_engine::event::Timer;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Longest wait: the engine's are far shorter, and an `Instant` must not overflow.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// All running timers.
#[derive(Debug, Default)]
pub(super) struct Timers {
    running: HashMap<Timer, Instant>,
    deadlines: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Starts a timer; one with this key that runs already is replaced.
    pub(super) fn start(&mut self, timer: Timer, after_ms: u64) {
        self.cancel(timer);
        let deadline = Instant::now() + Duration::from_millis(after_ms).min(WAIT_MAX);
        self.running.insert(timer, deadline);
        self.deadlines.insert((deadline, timer));
    }

    /// Stops a timer, if it runs.
    pub(super) fn cancel(&mut self, timer: Timer) {
        if let Some(deadline) = self.running.remove(&timer) {
            self.deadlines.remove(&(deadline, timer));
        }
    }

    /// The next timer that runs out; waits for ever if none runs. Cancel safe: a timer is taken only when it is returned.
    pub(super) async fn next(&mut self) -> Timer {
        let Some((deadline, timer)) = self.deadlines.first().copied() else {
            return std::future::pending().await;
        };
        if deadline > Instant::now() {
            sleep_until(deadline).await;
        }
        self.cancel(timer);
        timer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::units::Height;

    #[tokio::test]
    async fn timers_fire_in_order_of_deadline_and_only_once() {
        let mut timers = Timers::default();
        timers.start(Timer::Pace(Height(1)), 30);
        timers.start(Timer::Mempool, 10);
        timers.start(Timer::CatchUp, 20);
        let begin = Instant::now();
        for (timer, after_ms) in [(Timer::Mempool, 10), (Timer::CatchUp, 20), (Timer::Pace(Height(1)), 30)] {
            assert_eq!(timers.next().await, timer);
            assert!(begin.elapsed() >= Duration::from_millis(after_ms));
        }
        assert!(timers.running.is_empty() && timers.deadlines.is_empty());
    }

    #[tokio::test]
    async fn a_replaced_timer_fires_at_its_new_time_and_a_cancelled_one_never() {
        let mut timers = Timers::default();
        timers.start(Timer::Mempool, 10);
        timers.start(Timer::Mempool, 50);
        timers.start(Timer::Presence, 20);
        timers.cancel(Timer::Presence);
        let begin = Instant::now();
        assert_eq!(timers.next().await, Timer::Mempool);
        assert!(begin.elapsed() >= Duration::from_millis(50));
        assert!(timers.running.is_empty() && timers.deadlines.is_empty());
    }

    #[tokio::test]
    async fn an_interrupted_wait_loses_no_timer() {
        let mut timers = Timers::default();
        timers.start(Timer::Mempool, 50);
        assert!(tokio::time::timeout(Duration::from_millis(1), timers.next()).await.is_err());
        assert_eq!(timers.next().await, Timer::Mempool);
    }
}
