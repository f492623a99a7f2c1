//! The workload of the course on a handful of nodes, at the capacities of the course.

use super::report::rounded;
use crate::args::{Output, Setting, UpArgs};
use crate::command::up;
use crate::links::shape::Wan;
use crate::screen::Screen;
use anyhow::Result;
use blockchat_proto::coins::Coins;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;
use std::path::Path;

/// Capacity, and what the fastest predecessor made of the same files with five nodes: transactions a second, as measured
/// on a quiet machine of two hardware threads; nothing of it was durable or final.
const PREDECESSOR: [(u32, f64); 3] = [(5, 194.0), (10, 300.0), (20, 516.0)];
/// No account runs out of money.
const FUND: Coins = Coins::from_bcc(100_000);

/// All capacities.
#[derive(Clone, Debug, Serialize)]
pub struct CourseReport {
    /// How many.
    pub nodes: u32,
    /// One a capacity.
    pub runs: Vec<CourseRun>,
    /// Each run was well.
    pub ok: bool,
}

/// One capacity.
#[derive(Clone, Debug, Serialize)]
pub struct CourseRun {
    /// Transactions a block.
    pub capacity: u32,
    /// Of the workload, all of them final if `ok`.
    pub lines: u64,
    /// Final lines a second, from the first submit to the last final line.
    pub tx_per_s: f64,
    /// Blocks a second in that time.
    pub heights_per_s: f64,
    /// The fastest predecessor's transactions a second; measured with five nodes.
    pub predecessor_tx_per_s: f64,
    /// Times as fast as the predecessor.
    pub times: f64,
    /// See `up`.
    pub ok: bool,
}

/// Plays the workload at each capacity. `None` if a person interrupted it.
pub fn run(nodes: u32, workload: Option<&Path>, wan: Wan, node_bin: Option<&Path>) -> Result<Option<CourseReport>> {
    let screen = Screen::new();
    let mut runs = vec![];
    for (capacity, predecessor) in PREDECESSOR {
        let args = UpArgs {
            nodes,
            capacity,
            stake: Coins::from_bcc(10),
            stake_of: vec![],
            absent: 0,
            fund: FUND,
            workload: workload.map(Path::to_owned),
            wan,
            dir: None,
            kill_leader_at: Setting(None),
            kill_all_at: Setting(None),
            keep_running: false,
            dashboard: false,
            watch: false,
            load: false,
            node_bin: node_bin.map(Path::to_owned),
            output: Output::Json,
        };
        let Some(report) = up::played(&args, &screen)? else {
            return Ok(None);
        };
        report.problems.iter().for_each(|problem| screen.note(problem));
        screen.note(&format!("capacity {capacity}: {:.0} lines a second", report.tx_per_s));
        runs.push(CourseRun {
            capacity,
            lines: report.lines,
            tx_per_s: report.tx_per_s,
            heights_per_s: rounded(report.blocks as f64 / report.seconds.max(0.001), 1),
            predecessor_tx_per_s: predecessor,
            times: rounded(report.tx_per_s / predecessor, 2),
            ok: report.ok,
        });
    }
    let ok = runs.iter().all(|run| run.ok);
    Ok(Some(CourseReport { nodes, runs, ok }))
}

/// The page.
pub fn render(report: &CourseReport) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_header(["capacity", "lines", "final a second", "heights a second", "predecessor", "times", ""]);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    for run in &report.runs {
        table.add_row(vec![
            right(run.capacity.to_string()),
            right(run.lines.to_string()),
            right(format!("{:.0}", run.tx_per_s)),
            right(format!("{:.1}", run.heights_per_s)),
            right(format!("{:.0}", run.predecessor_tx_per_s)),
            right(format!("{:.2}", run.times)),
            Cell::new(if run.ok { "✓" } else { "✗" }),
        ]);
    }
    format!(
        "\n{table}\n{} nodes. The predecessor's figures are of five nodes on a quiet machine with two hardware threads, in \
         memory: nothing was durable or final.",
        report.nodes
    )
}
