//! Saturation and latency of a network under a load of transfers.
//!
//! The phases: the yardstick, before any node runs; the ramp, which widens the load's window until no more becomes final;
//! the steady run at the best window; a tenth of that rate, for latency; single transactions on an idle network; and the
//! verdict. All transactions of a phase are signed before it begins.
//! Start reading at [`run`].

use super::cluster::{Cluster, Plan};
use super::feed::{Fed, Feed};
use super::finality::Finality;
use super::latency::{self, Sent};
use super::report::{LoadReport, NodeCost, rounded};
use super::supply::Accounts;
use super::verdict::{self, Chain};
use super::{process_stat, signatures};
use crate::load::latency::Latency;
use crate::screen::Screen;
use anyhow::{Context, Result, anyhow, bail};
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long signatures are counted.
const YARDSTICK: Duration = Duration::from_secs(3);
/// One step of the ramp.
const STEP: Duration = Duration::from_secs(3);
/// Steps of the ramp: windows of a half, one, two, and four times the capacity.
const WINDOWS_IN_HALF_CAPACITIES: [usize; 4] = [1, 2, 4, 8];
/// A wider window must bring this much more to be worth it.
const WORTH_IT: f64 = 1.03;
/// So many wider windows in a row that were not end the ramp: one alone may be bad luck on a busy machine.
const IN_VAIN_MAX: u32 = 2;
/// The steady run is not measured before the pools are full.
const WARM_UP: Duration = Duration::from_secs(2);
/// Signed for the steady run beyond what the ramp promises.
const RESERVE: f64 = 1.5;
/// How long the latency at a tenth of saturation is measured.
const TENTH_FOR: Duration = Duration::from_secs(5);
/// Single transactions on the idle network, a node.
const ALONE_PER_NODE: usize = 5;
/// The steady run goes on until so many blocks have become final in it.
const BLOCKS_MIN: u64 = 3;
/// Nothing new becomes final for so long: the run is given up.
const STUCK_AFTER: Duration = Duration::from_secs(180);
/// How often progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The load to apply.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The network.
    pub plan: Plan,
    /// Load accounts.
    pub accounts: usize,
    /// Transactions in one submit.
    pub batch: usize,
    /// Length of the steady run.
    pub steady: Duration,
}

/// Runs all phases on a network below `dir`.
pub async fn run(asked: &Asked, dir: &Path, screen: &Screen) -> Result<LoadReport> {
    screen.note("counting signatures of all threads, before any node runs");
    let signatures_per_s = signatures::per_second(YARDSTICK);
    screen.note(&format!("{signatures_per_s:.0} a second"));
    let mut accounts = Accounts::new(asked.accounts, asked.plan.nodes);
    let cluster = Cluster::start(&asked.plan, dir, &accounts).await?;
    let finality = Finality::listen(&cluster.clients());
    screen.note(&format!("{} nodes take part", cluster.len()));
    let mut bench = Bench { asked, screen, cluster, finality, accounts: &mut accounts, accepted: vec![] };
    let report = bench.measure(signatures_per_s).await;
    let Bench { cluster, .. } = bench;
    cluster.stop().await;
    report
}

/// A measurement under way.
struct Bench<'a> {
    asked: &'a Asked,
    screen: &'a Screen,
    cluster: Cluster,
    finality: Finality,
    accounts: &'a mut Accounts,
    accepted: Vec<TransactionId>,
}

/// A look at clocks and counters.
struct Look {
    at: Instant,
    /// Of each node and of ourselves.
    cpu: Vec<Option<Duration>>,
    sync_points: Vec<u64>,
}

/// The steady run, measured.
struct Steady {
    first: Look,
    last: Look,
    problems: Vec<String>,
    used_up: bool,
}

impl Bench<'_> {
    async fn measure(&mut self, signatures_per_s: f64) -> Result<LoadReport> {
        let bound = signatures_per_s / self.cluster.len() as f64;
        let (window, promised) = self.ramp(bound).await?;
        let steady = self.steady(window, promised).await?;
        let peaks: Vec<_> = self.pids().map(|pid| process_stat::memory_peak_bytes(pid?)).collect();
        let chain = Chain::read(&self.cluster.client(0)).await.context("the chain cannot be read")?;
        let rate = self.rate(&chain, &steady);
        let tenth = self.tenth(rate.per_s / 10.0).await?;
        let alone = self.alone().await?;
        self.screen.note("reading the whole chain, all accounts and all tips");
        let chain =
            Chain::read_all(&self.cluster.client(0), &self.accepted).await.context("the chain cannot be read")?;
        let mut verdict = verdict::pass(&self.cluster, &chain, &self.accepted, &self.finality).await;
        verdict.problems.extend(steady.problems.iter().cloned());
        let nodes = (0..self.cluster.len()).map(|node| self.cost(node, &steady, peaks[node])).collect();
        let elapsed = steady.last.at.duration_since(steady.first.at).as_secs_f64();
        let of_own = steady.first.cpu.last().zip(steady.last.cpu.last());
        let load_cpu_s = of_own.and_then(|(first, last)| Some((*last)?.checked_sub((*first)?)?.as_secs_f64()));
        let measured = Measured { signatures_per_s, rate: rate.clone(), elapsed, load_cpu_s, used_up: steady.used_up };
        Ok(LoadReport::new(self.asked, &measured, nodes, verdict)
            .with_latency(Latency::of(&tenth, &chain.heights, &self.finality), rate.per_s / 10.0)
            .with_idle(Latency::of(&alone, &chain.heights, &self.finality)))
    }

    /// Widens the window until no more becomes final; the best window and its rate.
    async fn ramp(&mut self, bound: f64) -> Result<(usize, f64)> {
        let steps = WINDOWS_IN_HALF_CAPACITIES.len();
        let most = bound * STEP.as_secs_f64() * steps as f64;
        let mut feed = self.feed(most, self.windows()[0])?;
        let (mut best, mut in_vain) = ((self.windows()[0], 0.0), 0);
        for window in self.windows() {
            feed.set_window(window);
            let (begun, before) = (Instant::now(), self.about_final(&feed).await?);
            self.watch(STEP.min(self.asked.steady)).await?;
            let about_final = self.about_final(&feed).await?.saturating_sub(before);
            let rate = about_final as f64 / begun.elapsed().as_secs_f64();
            self.screen.note(&format!("ramp: {rate:.0} a second become final with {window} in the pools"));
            let worth_it = rate > best.1 * WORTH_IT;
            in_vain = if worth_it { 0 } else { in_vain + 1 };
            if worth_it {
                best = (window, rate);
            }
            if in_vain == IN_VAIN_MAX || feed.is_used_up() {
                break;
            }
        }
        self.drained(feed).await?;
        Ok(best)
    }

    /// Half, one, two, four capacities; never less than a batch.
    fn windows(&self) -> Vec<usize> {
        let half = usize::try_from(self.asked.plan.capacity).unwrap_or(usize::MAX) / 2;
        WINDOWS_IN_HALF_CAPACITIES.iter().map(|times| (half * times).max(self.asked.batch)).collect()
    }

    /// The measured run: full load, for as long as was asked.
    async fn steady(&mut self, window: usize, promised: f64) -> Result<Steady> {
        let seconds = (self.asked.steady + WARM_UP).as_secs_f64();
        let least = BLOCKS_MIN * u64::from(self.asked.plan.capacity);
        let mut feed = self.feed((promised * RESERVE * seconds).max(least as f64), window)?;
        self.watch(WARM_UP).await?;
        let first = self.look();
        self.screen.note(&format!("steady: {} s with {window} in the pools", self.asked.steady.as_secs()));
        let begin = self.finality.everywhere();
        self.watch(self.asked.steady).await?;
        while self.finality.everywhere().0 < begin.0 + BLOCKS_MIN && !feed.is_used_up() {
            self.watch(LOOK_EVERY).await?;
        }
        let last = self.look();
        let used_up = feed.is_used_up();
        let problems = self.drained(feed).await?;
        Ok(Steady { first, last, problems, used_up })
    }

    /// A tenth of saturation.
    async fn tenth(&mut self, per_s: f64) -> Result<Vec<Sent>> {
        let ticks = TENTH_FOR.min(self.asked.steady).as_millis() / latency::TICK.as_millis();
        let a_tick = per_s * latency::TICK.as_secs_f64() / self.cluster.len() as f64;
        let size = (a_tick.round() as usize).max(1);
        self.screen.note(&format!("a tenth of that, {per_s:.0} a second: {size} to each node every 20 ms"));
        let lanes = self.accounts.sign(self.cluster.genesis.hash(), usize::try_from(ticks)?, size);
        let sent = latency::send_steadily(&self.cluster.clients(), lanes).await.map_err(|reason| anyhow!(reason))?;
        self.remember(&sent);
        self.until_pools_are_empty().await?;
        Ok(sent)
    }

    /// One at a time, on a network that does nothing else; the next comes after the block interval has passed.
    async fn alone(&mut self) -> Result<Vec<Sent>> {
        self.screen.note("single transactions on the idle network");
        let lanes = self.accounts.sign(self.cluster.genesis.hash(), ALONE_PER_NODE, 1);
        let interval = self.cluster.genesis.genesis().parameters.block_interval_ms;
        let pause = Duration::from_millis(interval + 50);
        sleep(pause).await;
        let sent = latency::send_alone(&self.cluster.clients(), lanes, pause, &mut self.finality).await;
        let sent = sent.map_err(|reason| anyhow!(reason))?;
        self.remember(&sent);
        self.until_pools_are_empty().await?;
        Ok(sent)
    }

    fn remember(&mut self, sent: &[Sent]) {
        self.accepted.extend(sent.iter().flat_map(|submit| submit.ids.iter().copied()));
    }

    /// Signs so many transactions and begins to feed them.
    fn feed(&mut self, transactions: f64, window: usize) -> Result<Feed> {
        let a_round = (self.asked.batch * self.cluster.len()) as f64;
        let batches = (transactions / a_round).ceil() as usize + 1;
        let count = batches * self.asked.batch * self.cluster.len();
        self.screen.note(&format!("signing {count} transfers"));
        let lanes = self.accounts.sign(self.cluster.genesis.hash(), batches, self.asked.batch);
        Ok(Feed::start(&self.cluster.clients(), lanes, window))
    }

    /// Waits, and notices when something died.
    async fn watch(&mut self, duration: Duration) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < duration {
            self.alive()?;
            sleep(LOOK_EVERY.min(duration.saturating_sub(begun.elapsed()))).await;
        }
        Ok(())
    }

    fn alive(&mut self) -> Result<()> {
        self.cluster.death().map_or(Ok(()), |death| Err(anyhow!(death)))
    }

    /// Number of transactions that were accepted and have left the first node's pool: about the number of final ones.
    /// Good enough to find the window.
    async fn about_final(&self, feed: &Feed) -> Result<u64> {
        let pooled = self.cluster.client(0).status().await?.pool_transactions;
        Ok(feed.accepted().saturating_sub(u64::from(pooled)))
    }

    /// Ends a feed and waits until all of it is final; what went wrong with it.
    async fn drained(&mut self, feed: Feed) -> Result<Vec<String>> {
        let Fed { ids, again, problems, unsent } = feed.end().await;
        self.accounts.take_back(unsent);
        if again > 0 {
            self.screen.note(&format!("{again} batches were sent again, because a node had no room"));
        }
        self.accepted.extend(ids);
        self.until_pools_are_empty().await?;
        Ok(problems)
    }

    async fn until_pools_are_empty(&mut self) -> Result<()> {
        let (mut since, mut tip) = (Instant::now(), self.finality.everywhere());
        loop {
            self.alive()?;
            let mut pooled = 0;
            for client in self.cluster.clients() {
                pooled += client.status().await?.pool_transactions;
            }
            if pooled == 0 {
                return verdict::one_tip(&self.cluster.clients()).await.map_err(|reason| anyhow!(reason));
            }
            let now = self.finality.everywhere();
            if now > tip {
                (since, tip) = (Instant::now(), now);
            }
            if since.elapsed() > STUCK_AFTER {
                bail!("{pooled} transactions wait in the pools, and nothing becomes final; last height {tip}");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn pids(&self) -> impl Iterator<Item = Option<u32>> {
        (0..self.cluster.len()).map(|node| self.cluster.pid(node))
    }

    fn look(&self) -> Look {
        let pids = self.pids().chain([Some(std::process::id())]);
        Look {
            at: Instant::now(),
            cpu: pids.map(|pid| process_stat::cpu_time(pid?)).collect(),
            sync_points: (0..self.cluster.len()).map(|node| self.cluster.sync_points(node)).collect(),
        }
    }

    fn cost(&self, node: usize, steady: &Steady, memory_peak_bytes: Option<u64>) -> NodeCost {
        let cpu = steady.first.cpu[node].zip(steady.last.cpu[node]);
        NodeCost {
            name: self.cluster.name(node).to_owned(),
            cpu_s: cpu.and_then(|(first, last)| last.checked_sub(first)).map(|used| rounded(used.as_secs_f64(), 2)),
            memory_peak_bytes,
            sync_points: steady.last.sync_points[node].saturating_sub(steady.first.sync_points[node]),
        }
    }

    /// From the first to the last block that became final everywhere within the steady run: whole blocks and the time
    /// between them, so that it does not matter where in a block the run begins and ends.
    fn rate(&self, chain: &Chain, steady: &Steady) -> Rate {
        let within = |height: &Height| {
            let at = self.finality.at_all(*height).filter(|at| (steady.first.at..=steady.last.at).contains(at))?;
            Some((*height, at))
        };
        let blocks: Vec<_> = chain.blocks.keys().filter_map(within).collect();
        let [(_, begin), later @ .., (_, end)] = blocks.as_slice() else {
            return Rate::default();
        };
        let last = blocks.last().map(|(height, _)| *height);
        let counted = later.iter().map(|(height, _)| *height).chain(last);
        let transactions = counted.map(|height| chain.count_at(height)).sum::<usize>();
        let seconds = end.duration_since(*begin).as_secs_f64();
        let per_s = if seconds > 0.0 { transactions as f64 / seconds } else { 0.0 };
        Rate { per_s, seconds, transactions, blocks: blocks.len() - 1 }
    }
}

/// The results of the phases, for the report.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The yardstick.
    pub signatures_per_s: f64,
    /// The steady run.
    pub rate: Rate,
    /// The time in which the costs of nodes were counted, in seconds.
    pub elapsed: f64,
    /// Processor seconds of this program in that time.
    pub load_cpu_s: Option<f64>,
    /// The signed load did not last for the whole run.
    pub used_up: bool,
}

/// The transactions that became final in the steady run; none if it saw fewer than two blocks.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    /// Transactions a second.
    pub per_s: f64,
    /// Between the first and the last block.
    pub seconds: f64,
    /// In the blocks after the first.
    pub transactions: usize,
    /// After the first.
    pub blocks: usize,
}
