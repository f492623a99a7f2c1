//! The report of a run: the numbers that scripts rely on, and a page for people.
//!
//! Owns: the arithmetic and the JSON keys, which keep their meaning for ever. Start reading at [`Report`].

mod table;

pub use table::render;

use crate::checks::Tips;
use crate::faults::FaultReport;
use crate::load::board::{BlockFact, Board, Counts};
use crate::load::latency::Latency;
use crate::network::Network;
use blockchat_client::shapes::{Code, StatusView};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::refusal::TxCode;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The only accepted reason for a refused line of a workload.
const POOR: TxCode = TxCode::InsufficientFunds;

/// The result of `up`, as `--output json` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Lines of the workload.
    pub lines: u64,
    /// Accepted by their node; all of them final if `ok`.
    pub accepted: u64,
    /// Refused by their node, by reason.
    pub refused: BTreeMap<Code, u64>,
    /// Final.
    pub finalised: u64,
    /// Final lines per second, from the first submit to the last final line, pauses of killed leaders included.
    pub tx_per_s: f64,
    /// Duration of that period.
    pub seconds: f64,
    /// Mean interval between header times of the run's blocks.
    pub block_time_ms_mean: f64,
    /// The longest of these intervals.
    pub block_time_ms_max: u64,
    /// From the first submit of a line until its block is seen, in ms; pauses and repetitions are part of it.
    pub submit_to_final_ms: Option<Latency>,
    /// Blocks of the run: from the first to the last with a line.
    pub blocks: u64,
    /// Number of blocks per leader.
    pub leaders: Vec<LeaderReport>,
    /// The nodes at the end.
    pub nodes: Vec<NodeReport>,
    /// The killed nodes.
    pub killed: Vec<FaultReport>,
    /// Do all nodes have one tip and one state root?
    pub same_tip: bool,
    /// Does the number of coins equal that of the genesis, to the micro-BCC?
    pub coins_conserved: bool,
    /// Number of coins.
    pub supply: Option<Coins>,
    /// Every node still has every block it ever reported as final, unchanged.
    pub finals_kept: bool,
    /// The failures, for people; empty if `ok`.
    pub problems: Vec<String>,
    /// The folder of the network, if it was kept.
    #[serde(serialize_with = "blockchat_host::path_json::shown_option")]
    pub dir: Option<PathBuf>,
    /// Every line was final or refused for want of funds, nothing was lost, all nodes agree, coins are conserved.
    pub ok: bool,
}

/// One leader.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeaderReport {
    /// `idN`.
    pub name: String,
    /// Its share of the stake, from 0 to 1: its fair share of the blocks.
    pub stake_share: f64,
    /// Number of blocks that it led.
    pub blocks: u64,
}

/// One node at the end.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReport {
    /// `idN`.
    pub name: String,
    /// Its last final height; `None` if it does not answer.
    pub height: Option<Height>,
    /// The hash of that block.
    pub tip: Option<Hash32>,
    /// State root after it.
    pub state_root: Option<Hash32>,
    /// Was it restarted after a kill or a crash?
    pub restarted: bool,
}

/// The input of the report.
#[derive(Debug)]
pub struct Findings {
    /// The last report of every node.
    pub tips: Tips,
    /// All coins, or the error.
    pub supply: Result<Coins, String>,
    /// The killed nodes, and their recovery.
    pub faults: Vec<FaultReport>,
    /// Planned faults that did not happen.
    pub faults_missing: usize,
    /// Final blocks that nodes took back.
    pub taken_back: Vec<String>,
    /// Other failures.
    pub problems: Vec<String>,
}

impl Report {
    /// Draws the conclusions.
    pub fn new(network: &Network, board: &Board, findings: Findings) -> Self {
        let counts = board.counts();
        let blocks = run_of(board.blocks());
        let pace = Pace::of(blocks);
        let seconds = board.duration().as_secs_f64();
        let leaders = leaders(network, blocks, &findings.tips);
        let problems = problems(counts, &findings);
        Self {
            lines: counts.lines,
            accepted: counts.accepted,
            refused: counts.refused.clone(),
            finalised: counts.finalised,
            tx_per_s: rounded(per_second(counts.finalised, board.duration()), 1),
            seconds: rounded(seconds, 3),
            block_time_ms_mean: rounded(pace.mean_ms, 1),
            block_time_ms_max: pace.max_ms,
            submit_to_final_ms: Latency::of_waits(board.waits().to_vec()),
            blocks: u64::try_from(blocks.len()).expect("blocks are in memory"),
            leaders,
            nodes: nodes(network, &findings.tips),
            same_tip: findings.tips.same,
            coins_conserved: findings.supply.is_ok(),
            supply: findings.supply.ok(),
            finals_kept: findings.taken_back.is_empty() && findings.faults.iter().all(|fault| fault.lost.is_empty()),
            killed: findings.faults,
            dir: None,
            ok: problems.is_empty(),
            problems,
        }
    }
}

/// From the first to the last block that holds a line of the workload.
fn run_of(blocks: &[BlockFact]) -> &[BlockFact] {
    let first = blocks.iter().position(|block| block.lines > 0);
    let last = blocks.iter().rposition(|block| block.lines > 0);
    first.zip(last).map_or(&[], |(first, last)| &blocks[first..=last])
}

/// Intervals between blocks.
#[derive(Debug, PartialEq)]
struct Pace {
    mean_ms: f64,
    max_ms: u64,
}

impl Pace {
    fn of(blocks: &[BlockFact]) -> Self {
        let gaps: Vec<_> = blocks.windows(2).map(|pair| pair[1].time.since(pair[0].time)).collect();
        let mean_ms = gaps.iter().sum::<u64>() as f64 / gaps.len().max(1) as f64;
        Self { mean_ms, max_ms: gaps.into_iter().max().unwrap_or(0) }
    }
}

fn per_second(count: u64, duration: Duration) -> f64 {
    if duration.is_zero() { 0.0 } else { count as f64 / duration.as_secs_f64() }
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

fn leaders(network: &Network, blocks: &[BlockFact], tips: &Tips) -> Vec<LeaderReport> {
    let validators = tips.last.iter().flatten().map(|status| &status.validators).next();
    let stakes: BTreeMap<Address, u64> =
        validators.into_iter().flatten().map(|member| (member.address, member.stake.micros())).collect();
    let total = stakes.values().sum::<u64>().max(1) as f64;
    let mut led: BTreeMap<Address, u64> = network.addresses().iter().map(|address| (*address, 0)).collect();
    blocks.iter().for_each(|block| *led.entry(block.leader).or_default() += 1);
    let share = |address: &Address| rounded(stakes.get(address).copied().unwrap_or(0) as f64 / total, 4);
    let mut leaders: Vec<_> = led
        .iter()
        .map(|(address, blocks)| (network.index_of(address), address, blocks))
        .map(|(index, address, blocks)| {
            (index, LeaderReport { name: network.name(address), stake_share: share(address), blocks: *blocks })
        })
        .collect();
    leaders.sort_by_key(|(index, _)| index.unwrap_or(usize::MAX));
    leaders.into_iter().map(|(_, leader)| leader).collect()
}

fn nodes(network: &Network, tips: &Tips) -> Vec<NodeReport> {
    let report = |(node, status): (usize, &Option<StatusView>)| NodeReport {
        name: network.name_of(node),
        height: status.as_ref().map(|s| s.height),
        tip: status.as_ref().map(|s| s.tip),
        state_root: status.as_ref().map(|s| s.state_root),
        restarted: network.was_restarted(node),
    };
    tips.last.iter().enumerate().map(report).collect()
}

/// Everything that keeps a run from being `ok`, in words.
fn problems(counts: &Counts, findings: &Findings) -> Vec<String> {
    let mut problems = findings.problems.clone();
    let settled = counts.settled();
    if settled != counts.lines {
        let missing = counts.lines - settled;
        problems.push(format!("{missing} of {} lines are neither final nor refused", counts.lines));
    }
    for (code, count) in counts.refused.iter().filter(|(code, _)| **code != POOR) {
        problems.push(format!("{count} lines were refused with `{code}`, which no line of a workload should be"));
    }
    if !findings.tips.same {
        problems.push("the nodes do not have one tip and one state root".into());
    }
    problems.extend(findings.supply.as_ref().err().map(|reason| format!("coins are not conserved: {reason}")));
    if findings.faults_missing > 0 {
        problems.push("a kill that was asked for did not happen, or its victims are not back at the tip".into());
    }
    problems.extend(findings.faults.iter().flat_map(|fault| fault.lost.iter().cloned()));
    problems.extend(findings.taken_back.iter().cloned());
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::units::UnixMillis;

    fn block(height: u64, time: u64, lines: u64) -> BlockFact {
        let (hash, leader) = (Hash32::ZERO, Address([0; 32]));
        BlockFact { height: Height(height), hash, time: UnixMillis(time), leader, lines }
    }

    fn findings() -> Findings {
        Findings {
            tips: Tips { last: vec![], same: true },
            supply: Ok(Coins::from_bcc(1)),
            faults: vec![],
            faults_missing: 0,
            taken_back: vec![],
            problems: vec![],
        }
    }

    #[test]
    fn the_run_is_from_the_first_to_the_last_block_with_a_line() {
        let blocks = [block(1, 0, 0), block(2, 1_000, 5), block(3, 1_040, 0), block(4, 1_050, 5), block(5, 9_000, 0)];
        assert_eq!(run_of(&blocks), &blocks[1..4]);
        assert_eq!(Pace::of(run_of(&blocks)), Pace { mean_ms: 25.0, max_ms: 40 });
        assert!(run_of(&blocks[..1]).is_empty());
        assert_eq!(Pace::of(&[]), Pace { mean_ms: 0.0, max_ms: 0 });
    }

    #[test]
    fn numbers_are_rounded_and_nothing_is_divided_by_zero() {
        assert_eq!(rounded(per_second(500, Duration::from_millis(1_500)), 1), 333.3);
        assert_eq!(per_second(500, Duration::ZERO), 0.0);
    }

    #[test]
    fn a_poor_sender_is_no_problem_any_other_refusal_is() {
        let mut counts = Counts { lines: 3, finalised: 1, accepted: 1, ..Counts::default() };
        counts.refused.insert(POOR.into(), 2);
        assert!(problems(&counts, &findings()).is_empty());
        counts.refused.insert(TxCode::StaleNonce.into(), 1);
        counts.lines = 4;
        assert!(problems(&counts, &findings())[0].contains("stale_nonce"));
    }

    #[test]
    fn every_kind_of_failure_is_a_problem() {
        let counts = Counts::default();
        #[track_caller]
        fn check(counts: &Counts, change: impl FnOnce(&mut Findings)) {
            let mut findings = findings();
            change(&mut findings);
            assert_eq!(problems(counts, &findings).len(), 1);
        }
        check(&Counts { lines: 1, ..Counts::default() }, |_| {});
        check(&counts, |findings| findings.tips.same = false);
        check(&counts, |findings| findings.supply = Err("one is missing".into()));
        check(&counts, |findings| findings.faults_missing = 1);
        check(&counts, |findings| findings.taken_back.push("id0 lost height 3".into()));
    }
}
