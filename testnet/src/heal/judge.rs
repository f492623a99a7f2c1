//! Judging claims: waits for what is claimed, measures how long it took, and says whether that was in time.
//!
//! Always true: a claim about a time is judged by what was measured, and what comes too late is still waited for (until
//! patience ends), so that the report says how late it was.

use super::record::{Record, Seen, Tick};
use super::scenario::{Claim, Limit, Who, timeouts};
use super::stage::{LOOK_EVERY, Stage};
use crate::processes::logs;
use blockchat_client::shapes::{BlockView, Standing};
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What became of a claim.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) held: bool,
    /// In words.
    pub(super) said: String,
    /// Times in ms, and counts, by name.
    pub(super) measured: BTreeMap<String, u64>,
    /// It never came: what follows in the story would only be waited for in vain.
    pub(super) gave_up: bool,
}

impl Outcome {
    pub(super) fn of(held: bool, said: String) -> Self {
        Self { held, said, measured: BTreeMap::new(), gave_up: false }
    }

    fn never(self, gave_up: bool) -> Self {
        Self { gave_up, ..self }
    }

    fn with(mut self, name: &str, value: u64) -> Self {
        self.measured.insert(name.to_owned(), value);
        self
    }
}

/// Messages that are on their way when a network breaks have arrived, and been dealt with, after this.
const SETTLES: Limit = timeouts(1);
/// And on the slowest machine after this.
const SETTLED: Duration = Duration::from_secs(5);

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Stage<'_> {
    /// Waits for what is claimed; whether it came, and in time.
    pub(super) async fn judge(&mut self, claim: &Claim) -> Outcome {
        match claim {
            Claim::PauseAtMost { of, limit, blocks } => self.pause_at_most(*of, limit, *blocks).await,
            Claim::NoBlock { during } => self.no_block(*during).await,
            Claim::BlockWithin { of, limit } => self.block_within(*of, limit).await,
            Claim::AtTheTip { who, limit } => self.at_the_tip(*who, limit).await,
            Claim::VotesAgain { who, limit } => self.votes_again(*who, limit).await,
            Claim::ForgotNothing { who } => self.forgot_nothing(*who).await,
            Claim::AllConnected { limit } => self.all_connected(limit).await,
            Claim::SaysWhySilent { who, words, limit } => self.says_why_silent(*who, words, limit).await,
            Claim::SignsNothing { who, during } => self.signs_nothing(*who, *during).await,
            Claim::NoFailedRound { blocks, after } => self.no_failed_round(*blocks, *after).await,
            Claim::Validators { count, limit } => self.validators(*count, limit).await,
            Claim::CatchesUp { who, limit, eta_percent, others_lose_percent } => {
                self.catches_up(*who, limit, *eta_percent, *others_lose_percent).await
            }
            Claim::Barred { who, limit } => self.barred(*who, limit).await,
            Claim::SomebodyLogs { words, limit } => self.somebody_logs(words, limit).await,
            Claim::Logs { who, words, limit } => self.logs(*who, words, limit).await,
        }
    }

    /// The time that is allowed, on this machine.
    fn allowed(&self, limit: &Limit) -> Duration {
        limit.on(&self.genesis.genesis().parameters) * self.plan.slack
    }

    /// How long something is waited for that should come within `limit`.
    fn patience_for(&self, limit: Duration) -> Duration {
        limit + self.plan.patience
    }

    async fn pause_at_most(&self, of: Who, limit: &Limit, blocks: u64) -> Outcome {
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

    async fn no_block(&self, during: Duration) -> Outcome {
        // What was on its way may still decide a block that most had voted for; on some side only, and never two.
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

    /// Waits for something of each node; how long each took, from the latest break or heal on.
    async fn each(
        &self,
        nodes: &[usize],
        limit: &Limit,
        name: &str,
        mut see: impl FnMut(&Record, usize) -> Option<Instant>,
    ) -> Outcome {
        let (since, allowed) = (self.since, self.allowed(limit));
        let mut came: BTreeMap<usize, Duration> = BTreeMap::new();
        let all = self.until(self.patience_for(allowed), |record| {
            for node in nodes {
                if !came.contains_key(node)
                    && let Some(at) = see(record, *node)
                {
                    came.insert(*node, at.saturating_duration_since(since));
                }
            }
            (came.len() == nodes.len()).then_some(())
        });
        let all = all.await.is_some();
        let slowest = came.values().max().copied().unwrap_or(Duration::ZERO);
        let late: Vec<_> =
            nodes.iter().filter(|node| !came.contains_key(node)).map(|node| self.network.name_of(*node)).collect();
        let said = match late.is_empty() {
            true => format!("after {} ms", ms(slowest)),
            false => format!("not {} after {} ms", late.join(", "), ms(since.elapsed())),
        };
        let mut outcome = Outcome::of(all && slowest <= allowed, said).with(name, ms(slowest)).never(!all);
        for (node, time) in came {
            outcome = outcome.with(&format!("{name}.{}", self.network.name_of(node)), ms(time));
        }
        outcome
    }

    async fn block_within(&self, of: Who, limit: &Limit) -> Outcome {
        let (nodes, since) = (self.nodes_of(of).await, self.since);
        let all: Vec<_> = self.all().collect();
        let next = self.record.with(|record| record.height_by(&all, since)).next();
        self.each(&nodes, limit, "block_ms", |record, node| record.reached(node, next, since)).await
    }

    async fn at_the_tip(&self, who: Who, limit: &Limit) -> Outcome {
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

    async fn all_connected(&self, limit: &Limit) -> Outcome {
        let nodes: Vec<_> = self.all().filter(|node| self.network.client(*node).is_some()).collect();
        let wanted = nodes.len() - 1;
        self.each(&nodes, limit, "connected_ms", |record, node| {
            (usize::try_from(record.tracks[node].peers).unwrap_or(0) >= wanted).then(Instant::now)
        })
        .await
    }

    async fn says_why_silent(&self, who: Who, words: &str, limit: &Limit) -> Outcome {
        let nodes = self.nodes_of(who).await;
        let mut said = None;
        let mut outcome = self
            .each(&nodes, limit, "says_why_ms", |record, node| match record.now(node) {
                Some(Seen::Silent(reason)) if reason.contains(words) => {
                    said = Some(reason.clone());
                    Some(Instant::now())
                }
                _ => None,
            })
            .await;
        outcome.said.extend(said.map(|said| format!(": \"{said}\"")));
        outcome
    }

    async fn forgot_nothing(&self, who: Who) -> Outcome {
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

    /// A final block, from whichever node has it.
    async fn block(&self, height: Height) -> Option<BlockView> {
        for node in self.all() {
            if let Some(client) = self.network.client(node)
                && let Ok(Some(block)) = client.block_at(height).await
            {
                return Some(block);
            }
        }
        None
    }

    fn height_of_all(&self) -> Height {
        let all: Vec<_> = self.all().collect();
        self.record.with(|record| record.height(&all))
    }

    async fn votes_again(&self, who: Who, limit: &Limit) -> Outcome {
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

    async fn signs_nothing(&self, who: Who, during: Duration) -> Outcome {
        let nodes = self.nodes_of(who).await;
        let from = self.height_of_all().next();
        sleep(during).await;
        // Without blocks nobody could have signed any.
        let some = |record: &Record| {
            record.tracks.iter().any(|track| track.ticks.last().is_some_and(|last| last.height.0 >= from.0 + 2))
        };
        let came = self.until(self.plan.patience, |record| some(record).then_some(())).await;
        let to = self.height_of_all();
        let (mut seen, mut signed) = (0_u64, 0_u64);
        for height in from.0..=to.0 {
            let Some(block) = self.block(Height(height)).await else {
                continue;
            };
            seen += 1;
            signed += u64::from(nodes.iter().any(|node| block.signers.contains(&self.network.addresses()[*node])));
        }
        let said = format!("of {seen} blocks they signed {signed}");
        Outcome::of(came.is_some() && seen > 0 && signed == 0, said).with("blocks", seen).with("signed", signed)
    }

    async fn no_failed_round(&self, blocks: u64, after: u64) -> Outcome {
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

    async fn validators(&self, count: usize, limit: &Limit) -> Outcome {
        let nodes: Vec<_> = self.all().filter(|node| self.network.client(*node).is_some()).collect();
        self.each(&nodes, limit, "validators_ms", |record, node| {
            (record.tracks[node].validators == count).then(Instant::now)
        })
        .await
    }

    async fn barred(&self, who: Who, limit: &Limit) -> Outcome {
        let (nodes, begun, allowed) = (self.nodes_of(who).await, Instant::now(), self.allowed(limit));
        let mut waiting = nodes.clone();
        while !waiting.is_empty() && begun.elapsed() < self.patience_for(allowed) {
            for node in std::mem::take(&mut waiting) {
                let account = match self.network.any_client() {
                    Some((_, client)) => client.account(&self.network.addresses()[node]).await.ok(),
                    None => None,
                };
                if account.is_none_or(|account| account.standing != Standing::Barred) {
                    waiting.push(node);
                }
            }
            sleep(LOOK_EVERY * 4).await;
        }
        let took = begun.elapsed();
        let said = match waiting.len() {
            0 => format!("after {} ms", ms(took)),
            left => format!("{left} of {} are not after {} ms", nodes.len(), ms(took)),
        };
        Outcome::of(waiting.is_empty() && took <= allowed, said).with("barred_ms", ms(took))
    }

    async fn somebody_logs(&self, words: &[&str], limit: &Limit) -> Outcome {
        let (begun, allowed) = (Instant::now(), self.allowed(limit));
        loop {
            for node in &self.file.nodes {
                let log = std::fs::read_to_string(logs::path(&node.home)).unwrap_or_default();
                if let Some(line) = log.lines().find(|line| words.iter().any(|words| line.contains(words))) {
                    return Outcome::of(true, format!("{}: \"{}\"", node.name, line.trim()));
                }
            }
            if begun.elapsed() > allowed {
                return Outcome::of(false, format!("nobody says so after {} ms", ms(begun.elapsed())));
            }
            sleep(LOOK_EVERY * 40).await;
        }
    }

    async fn logs(&self, who: Who, words: &str, limit: &Limit) -> Outcome {
        let nodes = self.nodes_of(who).await;
        let mut line = None;
        let mut outcome = self
            .each(&nodes, limit, "says_ms", |_, node| {
                let log = std::fs::read_to_string(logs::path(&self.file.nodes[node].home)).unwrap_or_default();
                line = log.lines().rev().find(|line| line.contains(words)).map(str::to_owned);
                line.is_some().then(Instant::now)
            })
            .await;
        outcome.said.extend(line.map(|line| format!(": \"{}\"", line.trim())));
        outcome
    }

    async fn catches_up(&self, who: Who, limit: &Limit, eta_percent: u64, others_lose_percent: u64) -> Outcome {
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

/// How long the way to `tip` took from the first block on, and how far off, in percent of that, somebody was who had
/// said at half of the blocks that the rest takes as long as the first half. No estimate from fewer than three looks.
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
