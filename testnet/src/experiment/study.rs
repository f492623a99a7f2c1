//! The studies: for each, its points, and the runs that every point is the mean of.
//!
//! Always true: a run that did not end well is counted and shown, and no part of any mean.

use super::stats::{Estimate, chance};
use crate::args::{Output, Setting, UpArgs};
use crate::command::up;
use crate::links::shape::{Delay, Wan};
use crate::processes::homes::NodeStake;
use crate::report::Report;
use crate::screen::Screen;
use anyhow::Result;
use blockchat_proto::coins::Coins;
use clap::ValueEnum;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// No account runs out of money.
const FUND: Coins = Coins::from_bcc(100_000);
/// Stake of each node in the course.
const STAKE: Coins = Coins::from_bcc(10);
/// Stake of the one large node of the fairness study.
const LARGE_STAKE: Coins = Coins::from_bcc(100);
/// Capacities of the course.
const CAPACITIES: [u32; 3] = [5, 10, 20];

/// The studies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Study {
    /// Five nodes, capacity 5, 10 and 20
    Throughput,
    /// The same with more nodes
    Scalability,
    /// One node has ten times the stake of the others: how many blocks does it lead?
    Fairness,
    /// Links that delay 0, 25, 50 and 100 ms one way
    Delay,
    /// Seven nodes, of which none, one and two never run
    Dead,
}

/// How studies are made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The node program.
    pub node_bin: PathBuf,
    /// Runs of each point.
    pub repeat: u32,
    /// Numbers of nodes in the study of scalability.
    pub nodes: Vec<u32>,
    /// The files that are played; our own, if none.
    pub workload: Option<PathBuf>,
}

/// How far all runs of all studies are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs that have ended.
    pub done: usize,
    /// Runs in all.
    pub all: usize,
}

/// One point: a setting, and what its runs came to.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Which line of the plot it belongs to.
    pub series: String,
    /// The position on the axis.
    pub label: String,
    /// Runs that ended well.
    pub runs: Vec<RunResult>,
    /// Runs that did not.
    pub failed: u32,
    /// Final lines a second.
    pub tx_per_s: Estimate,
    /// Mean time between two blocks, in ms.
    pub block_ms: Estimate,
    /// From submit to final, in ms: of each run the median.
    pub to_final_ms: Estimate,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunResult {
    /// Final lines a second.
    pub tx_per_s: f64,
    /// Mean time between two blocks, in ms.
    pub block_ms: f64,
    /// From submit to final, in ms: half of the lines were faster.
    pub to_final_ms: f64,
    /// Blocks.
    pub blocks: u64,
    /// Blocks that each node led, by name.
    pub led: Vec<(String, u64)>,
}

/// The share of blocks of one node, over all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Share {
    /// The node.
    pub node: String,
    /// Its part of the stake, from 0 to 1.
    pub fair: f64,
    /// Its part of the blocks, from 0 to 1.
    pub seen: f64,
    /// So far from fair chance alone puts one in twenty.
    pub chance: f64,
    /// Blocks it led.
    pub led: u64,
    /// Blocks of all.
    pub blocks: u64,
}

/// The results of a study.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// Which.
    pub study: Study,
    /// Its points, in order.
    pub points: Vec<Point>,
    /// For fairness: each node's share.
    pub shares: Vec<Share>,
}

impl Study {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 5] = [Self::Throughput, Self::Scalability, Self::Fairness, Self::Delay, Self::Dead];

    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Throughput => "Throughput and block time",
            Self::Scalability => "Scalability",
            Self::Fairness => "Fairness",
            Self::Delay => "Links with a delay",
            Self::Dead => "Dead validators",
        }
    }

    /// The method and its reason.
    pub fn method(self) -> &'static str {
        match self {
            Self::Throughput => {
                "Five nodes with a stake of 10 BCC each. Every node sends its own file of messages at once, to the others. A \
                 block is made when capacity transactions are pooled, or after the block interval."
            }
            Self::Scalability => {
                "The same with more nodes, each with a file of its own: more lines, and more votes a block."
            }
            Self::Fairness => {
                "Five nodes, capacity 5; the first has a stake of 100 BCC, the others 10. Its fair share of the blocks is \
                 100/140. All blocks of all runs are counted."
            }
            Self::Delay => {
                "Five nodes, capacity 20. Every connection between two nodes runs through a relay that delays each byte. A \
                 decision needs a proposal and two rounds of votes, and a transaction has to reach the leader first."
            }
            Self::Dead => {
                "Seven nodes with equal stakes, capacity 20, of which none, one or two never run. Whenever a dead one is \
                 drawn as the leader, the others wait for it once. With three dead there is no block."
            }
        }
    }

    /// The caption of the plot.
    pub fn axis(self) -> &'static str {
        match self {
            Self::Throughput | Self::Scalability => "capacity (transactions a block)",
            Self::Fairness => "node",
            Self::Delay => "delay of every link, one way (ms)",
            Self::Dead => "validators that never run",
        }
    }

    /// The settings of its points: series, label, and what `up` is told.
    fn settings(self, plan: &Plan) -> Vec<(String, String, UpArgs)> {
        let up = |nodes, capacity| args(plan, nodes, capacity);
        let by_capacity = |nodes: u32| {
            CAPACITIES.map(|capacity| (format!("{nodes} nodes"), capacity.to_string(), up(nodes, capacity))).to_vec()
        };
        match self {
            Self::Throughput => by_capacity(5),
            Self::Scalability => plan.nodes.iter().flat_map(|nodes| by_capacity(*nodes)).collect(),
            Self::Fairness => {
                let stake_of = vec![NodeStake { node: "id0".into(), stake: LARGE_STAKE }];
                vec![("5 nodes".into(), "5".into(), UpArgs { stake_of, ..up(5, 5) })]
            }
            Self::Delay => [0, 25, 50, 100]
                .map(|ms| {
                    // Also without a delay: the same relays, so that only the delay differs.
                    let wan = Wan { delay_ms: Some(Delay { ms, jitter_ms: 0 }), bandwidth: None };
                    ("5 nodes".into(), ms.to_string(), UpArgs { wan, ..up(5, 20) })
                })
                .to_vec(),
            Self::Dead => [0, 1, 2]
                .map(|absent| ("7 validators".into(), absent.to_string(), UpArgs { absent, ..up(7, 20) }))
                .to_vec(),
        }
    }

    /// How many runs it makes.
    pub fn runs(self, plan: &Plan) -> usize {
        self.settings(plan).len().saturating_mul(usize::try_from(plan.repeat).unwrap_or(usize::MAX))
    }

    /// Makes all runs, and counts them. `None` if a person interrupted them.
    pub fn make(self, plan: &Plan, screen: &Screen, progress: &mut Progress) -> Result<Option<Findings>> {
        let mut points = vec![];
        for (series, label, args) in self.settings(plan) {
            let mut point = Point::new(series, label);
            for run in 0..plan.repeat {
                let Some(report) = up::played(&args, screen)? else {
                    return Ok(None);
                };
                point.add(&report);
                progress.done += 1;
                let (series, label, of) = (&point.series, &point.label, plan.repeat);
                let per_s = report.tx_per_s;
                screen.note(&format!(
                    "{} of {}: {}: {series}, {label}: run {} of {of}, {per_s:.0} a second",
                    progress.done,
                    progress.all,
                    self.title(),
                    run + 1
                ));
                report.problems.iter().for_each(|problem| screen.note(problem));
                remove(report.dir.as_deref());
            }
            points.push(point.concluded());
        }
        let shares = if self == Self::Fairness { shares(&points) } else { vec![] };
        Ok(Some(Findings { study: self, points, shares }))
    }
}

/// The folder of a run that went wrong has told what it could.
fn remove(dir: Option<&Path>) {
    if let Some(dir) = dir {
        let _ = std::fs::remove_dir_all(dir);
    }
}

fn args(plan: &Plan, nodes: u32, capacity: u32) -> UpArgs {
    UpArgs {
        nodes,
        capacity,
        stake: STAKE,
        stake_of: vec![],
        absent: 0,
        fund: FUND,
        workload: plan.workload.clone(),
        wan: Wan::default(),
        dir: None,
        kill_leader_at: Setting(None),
        kill_all_at: Setting(None),
        keep_running: false,
        dashboard: false,
        watch: false,
        load: false,
        node_bin: Some(plan.node_bin.clone()),
        output: Output::Json,
    }
}

impl Point {
    fn new(series: String, label: String) -> Self {
        let nothing = Estimate::default();
        Self { series, label, runs: vec![], failed: 0, tx_per_s: nothing, block_ms: nothing, to_final_ms: nothing }
    }

    fn add(&mut self, report: &Report) {
        if !report.ok {
            self.failed += 1;
            return;
        }
        let led = report.leaders.iter().map(|leader| (leader.name.clone(), leader.blocks)).collect();
        self.runs.push(RunResult {
            tx_per_s: report.tx_per_s,
            block_ms: report.block_time_ms_mean,
            to_final_ms: report.submit_to_final_ms.map_or(0.0, |latency| latency.p50),
            blocks: report.blocks,
            led,
        });
    }

    fn concluded(mut self) -> Self {
        let of = |value: fn(&RunResult) -> f64| Estimate::of(&self.runs.iter().map(value).collect::<Vec<_>>());
        let all = (of(|run| run.tx_per_s), of(|run| run.block_ms), of(|run| run.to_final_ms));
        (self.tx_per_s, self.block_ms, self.to_final_ms) = all;
        self
    }
}

fn shares(points: &[Point]) -> Vec<Share> {
    let runs: Vec<_> = points.iter().flat_map(|point| &point.runs).collect();
    let blocks: u64 = runs.iter().flat_map(|run| &run.led).map(|(_, led)| led).sum();
    let names: Vec<_> =
        runs.first().map(|run| run.led.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
    let stake = |name: &str| {
        let coins = if name == "id0" { LARGE_STAKE } else { STAKE };
        coins.micros() as f64
    };
    let total: f64 = names.iter().map(|name: &String| stake(name)).sum();
    let share = |name: &String| {
        let led =
            runs.iter().flat_map(|run| &run.led).filter(|(other, _)| other == name).map(|(_, led)| led).sum::<u64>();
        let fair = stake(name) / total.max(1.0);
        Share {
            node: name.clone(),
            fair,
            seen: led as f64 / blocks.max(1) as f64,
            chance: chance(fair, blocks),
            led,
            blocks,
        }
    };
    names.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan { node_bin: "node".into(), repeat: 1, nodes: vec![5, 10], workload: None }
    }

    #[test]
    fn the_courses_settings_are_all_there() {
        let capacities: Vec<_> =
            Study::Throughput.settings(&plan()).iter().map(|(_, _, up)| (up.nodes, up.capacity)).collect();
        assert_eq!(capacities, [(5, 5), (5, 10), (5, 20)]);
        assert_eq!(Study::Scalability.settings(&plan()).len(), 6);
        assert_eq!(Study::Scalability.runs(&Plan { repeat: 5, ..plan() }), 30);
        let (_, _, fairness) = Study::Fairness.settings(&plan()).remove(0);
        assert_eq!((fairness.capacity, fairness.stake, fairness.stake_of[0].stake), (5, STAKE, LARGE_STAKE));
        assert!(Study::Dead.settings(&plan()).iter().all(|(_, _, up)| up.nodes == 7 && up.absent <= 2));
    }

    #[test]
    fn a_share_is_of_all_blocks_of_all_runs_beside_what_chance_allows() {
        let run = |id0, id1| RunResult {
            tx_per_s: 1.0,
            block_ms: 1.0,
            to_final_ms: 1.0,
            blocks: id0 + id1,
            led: vec![("id0".into(), id0), ("id1".into(), id1)],
        };
        let point = Point { runs: vec![run(60, 10), run(80, 0)], ..Point::new(String::new(), String::new()) };
        let shares = shares(&[point]);
        assert_eq!((shares[0].led, shares[0].blocks), (140, 150));
        assert!((shares[0].fair - 100.0 / 110.0).abs() < 1e-9 && (shares[0].seen - 140.0 / 150.0).abs() < 1e-9);
        assert!((shares[0].seen - shares[0].fair).abs() < shares[0].chance);
    }

    #[test]
    fn a_run_that_did_not_end_well_is_in_no_mean() {
        let point = Point { failed: 1, ..Point::new(String::new(), String::new()) }.concluded();
        assert_eq!((point.tx_per_s.count, point.failed), (0, 1));
    }
}
