//! Latency statistics: median, 99th percentile, maximum.

use serde::Serialize;
use std::time::Duration;

/// Median, 99th percentile and maximum, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the values are lower.
    pub p50: f64,
    /// 99 % of the values are lower.
    pub p99: f64,
    /// The highest value.
    pub max: f64,
    /// Number of values.
    pub transactions: usize,
}

impl Latency {
    /// The statistics of these values; `None` without values.
    pub fn of_waits(mut waits: Vec<Duration>) -> Option<Self> {
        waits.sort_unstable();
        let last = waits.len().checked_sub(1)?;
        let at = |hundredth: usize| (waits[last * hundredth / 100].as_secs_f64() * 10_000.0).round() / 10.0;
        Some(Self { p50: at(50), p99: at(99), max: at(100), transactions: waits.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_are_faster_than_the_median() {
        let waits = (1..=101).rev().map(Duration::from_millis).collect();
        let latency = Latency::of_waits(waits).unwrap();
        assert_eq!((latency.p50, latency.p99, latency.max), (51.0, 100.0, 101.0));
        assert_eq!(Latency::of_waits(vec![]), None);
    }
}
