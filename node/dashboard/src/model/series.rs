//! Measurements of every second, for the curves: the pool, and the traffic of all nodes.

use blockchat_proto::units::UnixMillis;
use std::collections::VecDeque;

/// Seconds kept.
pub(crate) const SECONDS_MAX: usize = 240;

/// One second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Transactions that wait: the largest pool; none if no node answered.
    pub(crate) pool: Option<u64>,
    /// Bytes a second from peers, of all nodes.
    pub(crate) received: u64,
    /// Bytes a second to peers, of all nodes.
    pub(crate) sent: u64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    samples: VecDeque<Sample>,
    last: Option<UnixMillis>,
}

impl Series {
    /// Is the next measurement due?
    pub(crate) fn is_due(&self, now: UnixMillis) -> bool {
        self.last.is_none_or(|last| now.since(last) >= 1_000)
    }

    /// Keeps one; if the seconds before it were missed, they stay empty.
    pub(crate) fn push(&mut self, now: UnixMillis, sample: Sample) {
        let missed = self.last.map_or(0, |last| now.since(last) / 1_000).saturating_sub(1);
        for _ in 0..missed.min(SECONDS_MAX as u64) {
            self.samples.push_back(Sample::default());
        }
        self.samples.push_back(sample);
        while self.samples.len() > SECONDS_MAX {
            self.samples.pop_front();
        }
        self.last = Some(now);
    }

    /// The last so many, oldest first.
    pub(crate) fn last(&self, count: usize) -> impl Iterator<Item = &Sample> {
        self.samples.iter().skip(self.samples.len().saturating_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_that_was_missed_stays_empty_and_old_ones_go() {
        let mut series = Series::default();
        let full = Sample { pool: Some(7), received: 1, sent: 2 };
        assert!(series.is_due(UnixMillis(0)));
        series.push(UnixMillis(0), full);
        assert!(!series.is_due(UnixMillis(999)) && series.is_due(UnixMillis(1_000)));
        series.push(UnixMillis(3_100), full);
        let pools: Vec<_> = series.last(9).map(|sample| sample.pool).collect();
        assert_eq!(pools, [Some(7), None, None, Some(7)]);
        series.push(UnixMillis(9_000_000), full);
        assert_eq!(series.last(usize::MAX).count(), SECONDS_MAX);
    }
}
