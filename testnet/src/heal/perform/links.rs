//! Faults of links: partitions, one-way silence, dead connections, a bad cable.

use crate::heal::stage::{LOOK_EVERY, Stage};
use crate::links::Links;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Time until bytes that were already on the wire have arrived.
const LAST_BYTES: Duration = Duration::from_millis(50);

impl Stage<'_> {
    fn links(&self) -> Result<std::sync::Arc<Links>, String> {
        self.launcher.links.clone().ok_or_else(|| "this story has no links of ours".into())
    }

    pub(super) async fn partition(&mut self, sizes: &[usize]) -> Result<String, String> {
        let mut groups = vec![];
        for (group, size) in sizes.iter().enumerate() {
            groups.extend(vec![group; *size]);
        }
        self.strikes((0..groups.len()).filter(|node| groups[*node] > 0).collect(), "cut off");
        let count = groups.len();
        let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
        let held: Vec<_> = pairs.filter(|(from, to)| groups[*from] != groups[*to]).collect();
        self.hold(&held).await
    }

    pub(super) async fn mute(&mut self, last: usize) -> Result<String, String> {
        let count = self.scenario.nodes;
        let muted = count.saturating_sub(last)..count;
        self.strikes(muted.clone().collect(), "mute");
        let held: Vec<_> = muted.flat_map(|from| (0..count - last).map(move |to| (from, to))).collect();
        self.hold(&held).await
    }

    /// Holds these directions. Evidence: each link stopped bytes, and none passed.
    pub(super) async fn hold(&self, ways: &[(usize, usize)]) -> Result<String, String> {
        let links = self.links()?;
        if !self.is_spared() {
            ways.iter().for_each(|(from, to)| links.shape(*from, *to, |shape| shape.held = true));
        }
        sleep(LAST_BYTES).await;
        let passed = || ways.iter().map(|(from, to)| links.passed_bytes(*from, *to)).sum::<u64>();
        let before = passed();
        let stopped = |(from, to): &(usize, usize)| links.stopped_bytes(*from, *to) > 0;
        // One direction of a link may have nothing to say.
        let all_stopped = || ways.iter().all(|(from, to)| stopped(&(*from, *to)) || stopped(&(*to, *from)));
        let begun = Instant::now();
        while !all_stopped() {
            if begun.elapsed() > self.proof_within() {
                return Err("bytes still pass on links that were to be held".into());
            }
            sleep(LOOK_EVERY).await;
        }
        let leaked = passed() - before;
        let stopped: u64 = ways.iter().map(|(from, to)| links.stopped_bytes(*from, *to)).sum();
        match leaked {
            0 => Ok(format!("{stopped} bytes are held on {} directions, none passed", ways.len())),
            leaked => Err(format!("{leaked} bytes passed on links that were to be held")),
        }
    }

    /// Directions between the last nodes and all others.
    fn crossing(&self, last: usize) -> Vec<(usize, usize)> {
        let count = self.scenario.nodes;
        let first = count.saturating_sub(last);
        (0..first).flat_map(|one| (first..count).map(move |other| (one, other))).collect()
    }

    pub(super) async fn half_open(&mut self, last: usize) -> Result<String, String> {
        let (links, pairs) = (self.links()?, self.crossing(last));
        self.strikes((self.scenario.nodes - last..self.scenario.nodes).collect(), "half-open");
        if !self.is_spared() {
            pairs.iter().for_each(|(one, other)| links.kill_silently(*one, *other));
        }
        let stopped =
            |(one, other): &(usize, usize)| links.stopped_bytes(*one, *other) + links.stopped_bytes(*other, *one) > 0;
        let begun = Instant::now();
        while !pairs.iter().all(stopped) {
            if begun.elapsed() > self.proof_within() {
                return Err("bytes still pass on connections that were to be dead".into());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(format!("{} links swallow what is sent", pairs.len()))
    }

    pub(super) async fn flap(&mut self, last: usize, every: Duration, times: u32) -> Result<String, String> {
        let (links, pairs) = (self.links()?, self.crossing(last));
        self.strikes((self.scenario.nodes - last..self.scenario.nodes).collect(), "flap");
        let turned_away = || pairs.iter().map(|(one, other)| links.connections(*one, *other).1).sum::<u64>();
        let made = || pairs.iter().map(|(one, other)| links.connections(*one, *other).0).sum::<u64>();
        let (before, made_before) = (turned_away(), made());
        for _ in 0..times {
            if !self.is_spared() {
                pairs.iter().for_each(|(one, other)| links.cut(*one, *other));
            }
            sleep(every).await;
            pairs.iter().for_each(|(one, other)| links.mend(*one, *other));
            sleep(every).await;
        }
        match (turned_away() - before, made() - made_before) {
            (0, 0) => Err("no connection was closed or turned away".into()),
            (away, made) => Ok(format!("{away} calls were turned away, {made} new connections were let through")),
        }
    }
}
