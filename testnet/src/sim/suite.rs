//! Many seeds: run on all processors, reported in their order.
//!
//! Always true: what is reported does not depend on how many threads ran it, nor on their order.
//! Start reading at [`run_seeds`].

use super::counts::{Counts, SEEDS_FOR_ALL};
use super::sabotage::Sabotage;
use super::scenario::Scenario;
use super::time::Micros;
use super::world::{self, Outcome};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The runs to make.
#[derive(Clone, Debug)]
pub struct Suite {
    /// These seeds; the end is exclusive.
    pub seeds: Range<u64>,
    /// Heights to decide while things go wrong.
    pub heights: u64,
    /// Broken on purpose.
    pub sabotage: Sabotage,
    /// On so many threads.
    pub threads: usize,
}

/// The results.
#[derive(Clone, Debug, Default)]
pub struct SuiteReport {
    /// So many seeds were run.
    pub seeds: u64,
    /// Those that went wrong, in order.
    pub failures: Vec<Outcome>,
    /// Everything that was met.
    pub counts: Counts,
    /// Virtual time of all runs together.
    pub lasted: Micros,
    /// The longest time it took anywhere until everything was well again after the faults, with the seed.
    pub slowest: (Micros, u64),
}

impl SuiteReport {
    /// Counts that so many seeds should have met and did not; none below [`SEEDS_FOR_ALL`] seeds.
    pub fn missing(&self) -> Vec<&'static str> {
        if self.seeds < SEEDS_FOR_ALL { vec![] } else { self.counts.missing() }
    }

    /// No violation, and enough was met?
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.missing().is_empty()
    }

    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.counts += &outcome.counts;
        self.lasted = self.lasted.plus(outcome.lasted);
        self.slowest = self.slowest.max((outcome.recovered_in, outcome.seed));
        if outcome.violation.is_some() {
            self.failures.push(outcome);
        }
    }
}

/// Runs one seed.
pub fn run_seed(seed: u64, heights: u64, sabotage: Sabotage, keep_trace: bool) -> Outcome {
    world::run(Scenario::of(seed, heights, sabotage), keep_trace)
}

/// Runs all seeds; `done` hears of each as it ends, in any order and from any thread.
pub fn run_seeds(suite: &Suite, done: impl Fn(&Outcome) + Sync) -> SuiteReport {
    let next = AtomicU64::new(suite.seeds.start);
    let ended: Mutex<Vec<Outcome>> = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..suite.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= suite.seeds.end {
                        return;
                    }
                    let outcome = run_seed(seed, suite.heights, suite.sabotage, false);
                    done(&outcome);
                    ended.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    ended.sort_by_key(|outcome| outcome.seed);
    ended.into_iter().fold(SuiteReport::default(), |mut report, outcome| {
        report.add(outcome);
        report
    })
}

/// As many threads as the machine has.
pub fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
