//! The figures of [`super::load`], as JSON and as a page. Keys never change their meaning.

use super::load::{Asked, Measured};
use super::verdict::Verdict;
use crate::links::shape::Wan;
use crate::load::latency::Latency;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;

/// The output of `bench --output json`.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// Validators.
    pub nodes: usize,
    /// Hardware threads of this machine; nodes and load generator share them.
    pub threads: usize,
    /// Transactions a block, at most.
    pub capacity: u32,
    /// Load accounts.
    pub accounts: usize,
    /// Transactions in one submit.
    pub batch: usize,
    /// Signatures a second of all threads together, before the nodes started.
    pub signatures_per_s: f64,
    /// That, divided by the nodes: each of them checks every signature.
    pub bound_tx_per_s: f64,
    /// Transfers that became final on all nodes, a second of the steady run.
    pub finalised_tx_per_s: f64,
    /// Of the bound, from 0 to 1.
    pub ratio: f64,
    /// Length of the steady run, from its first to its last block.
    pub seconds: f64,
    /// Final in it.
    pub transactions: usize,
    /// Blocks in it.
    pub blocks: usize,
    /// Mean.
    pub tx_per_block: f64,
    /// Mean distance.
    pub block_ms: f64,
    /// At a tenth of saturation.
    pub submit_to_final_ms: Option<Latency>,
    /// That tenth.
    pub latency_at_tx_per_s: f64,
    /// Of single transactions on the idle network.
    pub idle_submit_to_final_ms: Option<Latency>,
    /// Of every link, if connections ran through links of ours.
    pub wan: Wan,
    /// Five one-way delays and the block interval, in ms: what a transaction needs that goes to the leader, comes back in a
    /// proposal, and is decided by two rounds of votes, and no less than that.
    pub five_delays_and_interval_ms: Option<u64>,
    /// Sync points (journal, then guard) a node and second of the steady run.
    pub sync_points_per_node_s: f64,
    /// Processor seconds a node in the steady run; nothing on systems without /proc.
    pub cpu_s_per_node: Option<f64>,
    /// The same for one transaction, in microseconds a node.
    pub cpu_us_per_node_and_tx: Option<f64>,
    /// Processor seconds of this program meanwhile: submitting, listening.
    pub load_cpu_s: Option<f64>,
    /// The signed load did not last for the whole steady run: then more was possible than was measured.
    pub load_used_up: bool,
    /// Each node's part.
    pub node_costs: Vec<NodeCost>,
    /// All nodes have one tip and one state root.
    pub same_tip: bool,
    /// As many coins as at the genesis.
    pub coins_conserved: bool,
    /// Everything the nodes accepted is final, once.
    pub all_final: bool,
    /// Nothing that was reported as final is missing or changed.
    pub finals_kept: bool,
    /// The faults, in words; empty if `ok`.
    pub problems: Vec<String>,
    /// All of the above holds.
    pub ok: bool,
}

/// Resources that one node used.
#[derive(Clone, Debug, Serialize)]
pub struct NodeCost {
    /// `idN`.
    pub name: String,
    /// Processor seconds in the steady run.
    pub cpu_s: Option<f64>,
    /// The most memory it held until then.
    pub memory_peak_bytes: Option<u64>,
    /// In the steady run.
    pub sync_points: u64,
}

impl LoadReport {
    /// Without the latencies.
    pub fn new(asked: &Asked, measured: &Measured, node_costs: Vec<NodeCost>, verdict: Verdict) -> Self {
        let Measured { signatures_per_s, rate, elapsed, .. } = measured;
        let nodes = asked.plan.nodes;
        let bound = *signatures_per_s / nodes as f64;
        let a_block = |value: f64| value / rate.blocks.max(1) as f64;
        let cpu: Option<Vec<f64>> = node_costs.iter().map(|node| node.cpu_s).collect();
        let cpu_s_per_node = cpu.map(|all| all.iter().sum::<f64>() / nodes as f64);
        let sync_points = node_costs.iter().map(|node| node.sync_points).sum::<u64>();
        Self {
            nodes,
            threads: crate::sim::suite::all_threads(),
            capacity: asked.plan.capacity,
            accounts: asked.accounts,
            batch: asked.batch,
            signatures_per_s: rounded(*signatures_per_s, 0),
            bound_tx_per_s: rounded(bound, 0),
            finalised_tx_per_s: rounded(rate.per_s, 0),
            ratio: rounded(rate.per_s / bound, 3),
            seconds: rounded(rate.seconds, 2),
            transactions: rate.transactions,
            blocks: rate.blocks,
            tx_per_block: rounded(a_block(rate.transactions as f64), 0),
            block_ms: rounded(a_block(rate.seconds * 1_000.0), 0),
            submit_to_final_ms: None,
            latency_at_tx_per_s: 0.0,
            idle_submit_to_final_ms: None,
            wan: asked.plan.wan,
            five_delays_and_interval_ms: asked.plan.five_delays_and_interval_ms(),
            sync_points_per_node_s: rounded(sync_points as f64 / nodes as f64 / elapsed, 1),
            cpu_s_per_node: cpu_s_per_node.map(|seconds| rounded(seconds, 2)),
            cpu_us_per_node_and_tx: cpu_s_per_node.map(|s| rounded(s * 1e6 / (rate.per_s * elapsed).max(1.0), 1)),
            load_cpu_s: measured.load_cpu_s.map(|seconds| rounded(seconds, 2)),
            load_used_up: measured.used_up,
            node_costs,
            same_tip: verdict.same_tip,
            coins_conserved: verdict.coins_conserved,
            all_final: verdict.all_final,
            finals_kept: verdict.finals_kept,
            ok: verdict.problems.is_empty(),
            problems: verdict.problems,
        }
    }

    /// With the latency at this rate.
    #[must_use]
    pub fn with_latency(mut self, latency: Option<Latency>, at_tx_per_s: f64) -> Self {
        self.latency_at_tx_per_s = rounded(at_tx_per_s, 0);
        self.submit_to_final_ms = latency;
        self
    }

    /// With the latency of single transactions.
    #[must_use]
    pub fn with_idle(mut self, latency: Option<Latency>) -> Self {
        self.idle_submit_to_final_ms = latency;
        self
    }
}

/// With so many decimals.
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

/// The page. Ends with the verdict.
pub fn render(report: &LoadReport) -> String {
    let mut page = vec![String::new()];
    let of_bound = format!("{:.1} % of the bound {:.0}", report.ratio * 100.0, report.bound_tx_per_s);
    page.push(format!(
        "  {:.0} transfers a second final on {} nodes ({of_bound})",
        report.finalised_tx_per_s, report.nodes
    ));
    page.push(format!(
        "  the bound: {:.0} signatures a second of all {} threads / {} nodes, each of which checks every one",
        report.signatures_per_s, report.threads, report.nodes
    ));
    page.push(format!(
        "  {} transfers in {} blocks, {:.2} s: {:.0} a block, a block every {:.0} ms, {:.1} sync points a node and second",
        report.transactions,
        report.blocks,
        report.seconds,
        report.tx_per_block,
        report.block_ms,
        report.sync_points_per_node_s
    ));
    let rate = format!("at {:.0} a second", report.latency_at_tx_per_s);
    page.extend(latency_line(&rate, report.submit_to_final_ms));
    page.extend(latency_line("idle network, one at a time", report.idle_submit_to_final_ms));
    if let (Some(words), Some(ms)) = (report.wan.words(), report.five_delays_and_interval_ms) {
        page.push(format!("  every link: {words}; five one-way delays and the block interval are {ms} ms"));
    }
    if let (Some(us), Some(load)) = (report.cpu_us_per_node_and_tx, report.load_cpu_s) {
        page.push(format!(
            "  {us:.1} us of processor time a node and transfer; this program used {load:.1} s of it as well"
        ));
    }
    if report.load_used_up {
        page.push("  the signed load was used up before the end: more is possible than was measured here".into());
    }
    page.push(format!("\n{}\n", nodes(report)));
    page.extend(verdict(report));
    page.join("\n")
}

fn latency_line(when: &str, latency: Option<Latency>) -> Option<String> {
    let Latency { p50, p99, max, .. } = latency?;
    Some(format!("  submit to final, {when}: median {p50:.0} ms, 99 % within {p99:.0} ms, all within {max:.0} ms"))
}

fn nodes(report: &LoadReport) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_header(["node", "CPU s", "memory peak", "sync points"]);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    for node in &report.node_costs {
        table.add_row(vec![
            Cell::new(&node.name),
            right(node.cpu_s.map_or("-".into(), |seconds| format!("{seconds:.2}"))),
            right(node.memory_peak_bytes.map_or("-".into(), |bytes| format!("{:.0} MiB", bytes as f64 / 1_048_576.0))),
            right(node.sync_points.to_string()),
        ]);
    }
    table.to_string().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn verdict(report: &LoadReport) -> Vec<String> {
    let line = |good: bool, text: &str| format!("  {} {text}", if good { "✓" } else { "✗" });
    let mut lines = vec![
        line(report.all_final, "everything the nodes accepted is final, once"),
        line(report.same_tip, "one tip and one state root on all nodes"),
        line(report.coins_conserved, "coins conserved to the micro-BCC"),
        line(report.finals_kept, "nothing that was final is missing or changed"),
    ];
    lines.extend(report.problems.iter().map(|problem| format!("  ✗ {problem}")));
    lines
}
