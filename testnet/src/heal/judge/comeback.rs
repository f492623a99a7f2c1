//! Claims about nodes that come back, or come late: at the tip, with all that they had reported, voting.

use super::{Outcome, ms};
use crate::heal::record::{Seen, Tick};
use crate::heal::scenario::{Limit, Who};
use crate::heal::stage::{LOOK_EVERY, Stage};
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

impl Stage<'_> {
    pub(super) async fn at_the_tip(&self, who: Who, limit: &Limit) -> Outcome {
        let (nodes, since) = (self.nodes_of(who).await, self.since);
        let all: Vec<_> = self.all().collect();
        self.each(&nodes, limit, "at_the_tip_ms", |record, node| {
            let tip = record.height(&all);
            let is_up = !matches!(record.now(node), None | Some(Seen::Down));
            let own = record.tracks[node].ticks.last().filter(|tick| tick.height >= tip)?;
            is_up.then_some(own.at.max(since))
        })
        .await
    }

    pub(super) async fn forgot_nothing(&self, who: Who) -> Outcome {
        let nodes = self.nodes_of(who).await;
        let words = self.until(self.plan.patience, |record| {
            let word = |node: &usize| record.tracks[*node].first_words.get(self.words_before[*node]).copied();
            nodes.iter().map(word).collect::<Option<Vec<_>>>()
        });
        let Some(words) = words.await else {
            return Outcome::of(false, "not all of them came back".into());
        };
        let lost: Vec<_> = nodes.iter().zip(&words).filter(|(_, (first, before))| first < before).collect();
        let said = match lost.first() {
            None => format!("{} nodes know all that they had reported", nodes.len()),
            Some((node, (first, before))) => {
                format!("{} had reported height {before} and came back with {first}", self.network.name_of(**node))
            }
        };
        Outcome::of(lost.is_empty(), said)
    }

    pub(super) async fn votes_again(&self, who: Who, limit: &Limit) -> Outcome {
        let (nodes, since, allowed) = (self.nodes_of(who).await, self.since, self.allowed(limit));
        let all: Vec<_> = self.all().collect();
        let mut height = self.record.with(|record| record.height_by(&all, since)).next();
        let mut came: BTreeMap<usize, Duration> = BTreeMap::new();
        while came.len() < nodes.len() && since.elapsed() < self.patience_for(allowed) {
            if height > self.height_of_all() {
                sleep(LOOK_EVERY).await;
                continue;
            }
            let Some(block) = self.block(height).await else {
                sleep(LOOK_EVERY).await;
                continue;
            };
            let at =
                self.record.with(|record| all.iter().filter_map(|node| record.reached(*node, height, since)).min());
            for node in nodes.iter().filter(|node| block.signers.contains(&self.network.addresses()[**node])) {
                came.entry(*node).or_insert_with(|| at.unwrap_or_else(Instant::now).saturating_duration_since(since));
            }
            height = height.next();
        }
        let slowest = came.values().max().copied().unwrap_or(Duration::ZERO);
        let all_came = came.len() == nodes.len();
        let said = match all_came {
            true => format!("after {} ms", ms(slowest)),
            false => format!(
                "{} of {} have not signed after {} ms",
                nodes.len() - came.len(),
                nodes.len(),
                ms(since.elapsed())
            ),
        };
        let outcome = Outcome::of(all_came && slowest <= allowed, said).with("votes_ms", ms(slowest));
        let mut outcome = outcome.never(!all_came);
        for (node, time) in came {
            outcome = outcome.with(&format!("votes_ms.{}", self.network.name_of(node)), ms(time));
        }
        outcome
    }

    pub(super) async fn catches_up(
        &self,
        who: Who,
        limit: &Limit,
        eta_percent: u64,
        others_lose_percent: u64,
    ) -> Outcome {
        let (nodes, since) = (self.nodes_of(who).await, self.since);
        let mut outcome = self.at_the_tip(who, limit).await;
        let Some(node) = nodes.first().copied().filter(|_| outcome.held) else {
            return outcome;
        };
        // The pace of the others is only known after a while; a node that has caught up stays with them.
        sleep(PACE_OVER.saturating_sub(since.elapsed())).await;
        let others: Vec<_> = (0..self.scenario.nodes).collect();
        let (tip, way, before, during) = self.record.with(|record| {
            let now = Instant::now();
            let earlier = since.checked_sub(now.saturating_duration_since(since)).unwrap_or(since);
            let pace = |from, to| record.height_by(&others, to).0 - record.height_by(&others, from).0;
            let ticks: Vec<_> = record.tracks[node].ticks.iter().filter(|tick| tick.at >= since).copied().collect();
            let tip = record.height_by(&others, since);
            (tip.0, estimate(&ticks, tip).unwrap_or_default(), pace(earlier, since), pace(since, now))
        });
        let (took, eta_off) = way;
        let lost = 100_u64.saturating_sub(during * 100 / before.max(1));
        outcome.held &= eta_off.is_none_or(|off| off <= eta_percent) && lost <= others_lose_percent;
        let eta = eta_off.map_or("too fast to estimate".into(), |off| format!("the estimate was {off} % off"));
        let rate = tip * 1_000 / ms(took).max(1);
        outcome.said.push_str(&format!(
            "; {tip} blocks in {} ms, {rate} a second; {eta}; the others made {during} blocks where they had made {before}",
            ms(took)
        ));
        let outcome = outcome.with("blocks_per_s", rate).with("others_lost_percent", lost);
        match eta_off {
            Some(off) => outcome.with("eta_off_percent", off),
            None => outcome,
        }
    }
}

/// The pace of the others is counted over at least so long.
const PACE_OVER: Duration = Duration::from_secs(5);

/// The time of the way to `tip` from the first block on, and the error, in percent of that, of an estimate made at half
/// of the blocks: that the rest takes as long as the first half. No estimate from fewer than three looks.
fn estimate(ticks: &[Tick], tip: Height) -> Option<(Duration, Option<u64>)> {
    let (first, last) = (ticks.first()?, ticks.iter().find(|tick| tick.height >= tip)?);
    let took = last.at.saturating_duration_since(first.at);
    let half = first.height.0 + tip.0.saturating_sub(first.height.0) / 2;
    let middle = ticks.iter().find(|tick| tick.height.0 >= half);
    let off = middle.filter(|middle| middle.at > first.at && middle.at < last.at).map(|middle| {
        let done = (middle.height.0 - first.height.0) as f64 / (tip.0 - first.height.0).max(1) as f64;
        let estimated = middle.at.saturating_duration_since(first.at).as_secs_f64() / done;
        ((estimated - took.as_secs_f64()).abs() / took.as_secs_f64() * 100.0).round() as u64
    });
    Some((took, off))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_as_wrong_as_the_second_half_is_slower_than_the_first() {
        let begun = Instant::now();
        let tick = |height, ms| Tick { at: begun + Duration::from_millis(ms), height: Height(height) };
        let (took, off) = estimate(&[tick(0, 0), tick(50, 100), tick(100, 200)], Height(100)).unwrap();
        assert_eq!((ms(took), off), (200, Some(0)));
        let (_, off) = estimate(&[tick(0, 0), tick(50, 100), tick(100, 400)], Height(100)).unwrap();
        assert_eq!(off, Some(50));
        assert_eq!(estimate(&[tick(0, 0), tick(100, 20)], Height(100)).unwrap().1, None, "too fast");
        assert!(estimate(&[tick(0, 0)], Height(5)).is_none(), "not there yet");
    }
}
