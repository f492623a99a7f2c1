//! Claims about blocks: pauses, none at all, the next one, rounds that failed.

use super::{Outcome, ms};
use crate::heal::record::{Record, Seen};
use crate::heal::scenario::{Limit, Who, timeouts};
use crate::heal::stage::{LOOK_EVERY, Stage};
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Messages that are on their way when a network breaks have arrived, and been dealt with, after this.
const SETTLES: Limit = timeouts(1);
/// And on the slowest machine after this.
const SETTLED: Duration = Duration::from_secs(5);

impl Stage<'_> {
    pub(super) async fn pause_at_most(&self, of: Who, limit: &Limit, blocks: u64) -> Outcome {
        let (nodes, since, allowed) = (self.nodes_of(of).await, self.since, self.allowed(limit));
        let enough = |record: &Record| {
            let after: Vec<_> = record.firsts(&nodes).into_iter().filter(|tick| tick.at > since).collect();
            let last = after.get(usize::try_from(blocks).unwrap_or(usize::MAX).saturating_sub(1))?;
            Some(last.at)
        };
        let asked = Instant::now();
        let end = self.until(self.patience_for(allowed), enough).await;
        let to = end.map_or_else(Instant::now, |end| end.max(asked));
        let pause = self.record.with(|record| record.longest_pause(&nodes, since, to));
        let said = match end {
            Some(_) => format!("the longest pause is {} ms", ms(pause)),
            None => format!("{blocks} blocks did not come; the last one is {} ms ago", ms(pause)),
        };
        Outcome::of(end.is_some() && pause <= allowed, said).with("longest_pause_ms", ms(pause)).never(end.is_none())
    }

    pub(super) async fn no_block(&self, during: Duration) -> Outcome {
        // Messages under way may still decide a block that most had voted for; on one side only, and never two.
        sleep(self.allowed(&SETTLES).min(SETTLED)).await;
        let before = self.height_of_all();
        let mut why = BTreeMap::new();
        let begun = Instant::now();
        while begun.elapsed() < during {
            self.record.with(|record| {
                for node in 0..record.tracks.len() {
                    if let Some(Seen::Waiting { online_percent, missing }) = record.now(node) {
                        let missing: Vec<_> = missing.iter().map(|address| self.network.name(address)).collect();
                        why.insert(node, format!("{online_percent} % in reach, {} missing", missing.join(" and ")));
                    }
                }
            });
            sleep(LOOK_EVERY * 4).await;
        }
        let new = self.height_of_all().0 - before.0;
        let why: Vec<_> = why.iter().map(|(node, why)| format!("{}: {why}", self.network.name_of(*node))).collect();
        let why = if why.is_empty() { "no node says for whom it waits".into() } else { why.join("; ") };
        Outcome::of(new == 0, format!("{new} new blocks after block {before}; {why}")).with("blocks", new)
    }

    pub(super) async fn block_within(&self, of: Who, limit: &Limit) -> Outcome {
        let (nodes, since) = (self.nodes_of(of).await, self.since);
        let all: Vec<_> = self.all().collect();
        let next = self.record.with(|record| record.height_by(&all, since)).next();
        self.each(&nodes, limit, "block_ms", |record, node| record.reached(node, next, since)).await
    }

    pub(super) async fn no_failed_round(&self, blocks: u64, after: u64) -> Outcome {
        let first = self.height_of_all().0 + after + 1;
        let last = Height(first + blocks - 1);
        let begun = Instant::now();
        let come = self.until(self.plan.patience * 4, |record| {
            (0..record.tracks.len()).any(|node| record.height(&[node]) >= last).then_some(())
        });
        if come.await.is_none() {
            return Outcome::of(false, format!("{blocks} blocks did not come within {} ms", ms(begun.elapsed())));
        }
        let (mut failed, mut bytes, mut transactions) = (0_u64, 0_u64, 0_u64);
        for height in first..=last.0 {
            if let Some(block) = self.block(Height(height)).await {
                failed += u64::from(block.round.0 > 0);
                bytes = bytes.max(block.bytes);
                transactions += u64::try_from(block.transactions.len()).unwrap_or(u64::MAX);
            }
        }
        let per_block = ms(begun.elapsed()) / blocks.max(1);
        let said =
            format!("{failed} of {blocks} needed one; a block every {per_block} ms, the largest has {bytes} bytes");
        let outcome = Outcome::of(failed == 0, said).with("failed_rounds", failed).with("block_every_ms", per_block);
        outcome.with("largest_block_bytes", bytes).with("transactions", transactions)
    }
}
