//! Traffic between nodes without any load.

use super::look::Spread;
use blockchat_client::Client;
use blockchat_client::shapes::{StatusView, TrafficView};
use futures::future::join_all;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// Interval between readings of the counters.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);
/// Minimum length of a spell; it contains an empty block of an idle chain.
const SPELL_MIN: Duration = Duration::from_secs(2);
/// A spell is calmer if its traffic is below this part of the traffic before.
const CALMER: f64 = 0.75;
/// Maximum number of spells until the network counts as not calm.
const SPELLS_MAX: u32 = 18;

/// Idle traffic per node, in bytes per second through the sockets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Idle {
    /// Duration of the measurement.
    pub seconds: f64,
    /// Number of empty blocks meanwhile.
    pub blocks: u64,
    /// Received per second, blocks included.
    pub received_per_s: Spread,
    /// Sent per second, blocks included.
    pub sent_per_s: Spread,
    /// Mean sent per second while no block was being decided: pings, heartbeats, walks.
    pub sent_per_s_between_blocks: f64,
    /// Mean bytes that a node sends per empty block; `None` without one.
    pub sent_per_block: Option<f64>,
}

/// The counters of all nodes at one moment.
struct Sample {
    at: Instant,
    height: u64,
    traffic: Vec<TrafficView>,
}

impl Sample {
    async fn take(clients: &[Client]) -> Result<Self, String> {
        let statuses: Result<Vec<StatusView>, _> =
            join_all(clients.iter().map(Client::status)).await.into_iter().collect();
        let statuses = statuses.map_err(|error| format!("the traffic cannot be read: {error}"))?;
        let height = statuses.iter().map(|status| status.height.0).max().unwrap_or(0);
        Ok(Self { at: Instant::now(), height, traffic: statuses.iter().map(|status| status.traffic).collect() })
    }

    fn sent(&self) -> u64 {
        self.traffic.iter().map(|traffic| traffic.sent_bytes).sum()
    }
}

/// Waits until nodes that have found each other are calm: until a spell is no calmer than the one before. Returns
/// the mean of the bytes that the nodes have sent since their start.
pub async fn until_calm(clients: &[Client], idle_block_interval: Duration) -> Result<f64, String> {
    let spell = idle_block_interval.max(SPELL_MIN);
    let mut before = f64::INFINITY;
    for _ in 0..SPELLS_MAX {
        let samples = watch(clients, spell).await?;
        let (first, last) = (&samples[0], &samples[samples.len() - 1]);
        let sent = (last.sent() - first.sent()) as f64;
        if sent > before * CALMER {
            return Ok((last.sent() as f64 / clients.len().max(1) as f64).round());
        }
        before = sent;
    }
    Err(format!("the traffic still falls after {} s", spell.as_secs() * u64::from(SPELLS_MAX)))
}

/// Measures for this time.
pub async fn measure(clients: &[Client], seconds: u64) -> Result<Idle, String> {
    watch(clients, Duration::from_secs(seconds)).await.map(|samples| judge(&samples))
}

/// At least one sample.
async fn watch(clients: &[Client], span: Duration) -> Result<Vec<Sample>, String> {
    let mut often = interval(SAMPLE_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = Instant::now();
    let mut samples = vec![Sample::take(clients).await?];
    while begun.elapsed() < span {
        often.tick().await;
        samples.push(Sample::take(clients).await?);
    }
    Ok(samples)
}

/// `samples`: at least one.
fn judge(samples: &[Sample]) -> Idle {
    let (first, last) = (&samples[0], &samples[samples.len() - 1]);
    let seconds = last.at.duration_since(first.at).as_secs_f64();
    let per_second = |bytes: u64| if seconds > 0.0 { (bytes as f64 / seconds).round() } else { 0.0 };
    let each = |of: fn(&TrafficView) -> u64| {
        let pairs = first.traffic.iter().zip(&last.traffic);
        Spread::of(pairs.map(|(before, after)| per_second(of(after).saturating_sub(of(before)))))
    };
    let nodes = last.traffic.len().max(1) as f64;
    let blocks = last.height - first.height;
    let between = between_blocks(samples) / nodes;
    let sent = (last.sent() - first.sent()) as f64 / nodes;
    Idle {
        seconds: (seconds * 10.0).round() / 10.0,
        blocks,
        received_per_s: each(|traffic| traffic.received_bytes),
        sent_per_s: each(|traffic| traffic.sent_bytes),
        sent_per_s_between_blocks: between.round(),
        sent_per_block: (blocks > 0).then(|| ((sent - between * seconds) / blocks as f64).max(0.0).round()),
    }
}

/// Bytes per second that all nodes send together while the height stands still: not right before a block, which is
/// being decided then, and not right after it, when all nodes tell each other.
fn between_blocks(samples: &[Sample]) -> f64 {
    let still = samples.windows(4).filter(|around| around[0].height == around[3].height);
    let (bytes, seconds) = still.fold((0.0, 0.0), |(bytes, seconds), around| {
        let (before, after) = (&around[1], &around[2]);
        let span = after.at.duration_since(before.at).as_secs_f64();
        (bytes + (after.sent() - before.sent()) as f64, seconds + span)
    });
    if seconds > 0.0 { bytes / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One node that sends 100 bytes every half second, and 1,000 more around a block at 2.5 s.
    #[test]
    fn what_a_block_costs_is_told_apart_from_what_silence_costs() {
        let begun = Instant::now();
        let samples: Vec<_> = (0..=10_u32)
            .map(|n| {
                let block = u64::from(n >= 5);
                let traffic =
                    TrafficView { received_bytes: u64::from(n) * 50, sent_bytes: u64::from(n) * 100 + block * 1_000 };
                Sample { at: begun + SAMPLE_EVERY * n, height: block, traffic: vec![traffic] }
            })
            .collect();
        let idle = judge(&samples);
        assert_eq!((idle.seconds, idle.blocks), (5.0, 1));
        assert_eq!((idle.received_per_s.mean, idle.sent_per_s.mean), (100.0, 400.0));
        assert_eq!((idle.sent_per_s_between_blocks, idle.sent_per_block), (200.0, Some(1_000.0)));
    }

    #[test]
    fn one_sample_is_no_measurement_and_no_division_by_zero() {
        let traffic = vec![TrafficView { received_bytes: 7, sent_bytes: 7 }];
        let idle = judge(&[Sample { at: Instant::now(), height: 3, traffic }]);
        assert_eq!((idle.sent_per_s.mean, idle.sent_per_block), (0.0, None));
    }
}
