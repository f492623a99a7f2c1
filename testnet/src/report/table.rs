//! The report as one page for people.

use super::Report;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};

/// The page. Its last line says whether the run is ok.
pub fn render(report: &Report) -> String {
    let mut page = vec![String::new(), nodes(report), String::new()];
    page.push(figures(report));
    page.extend(report.killed.iter().map(|fault| {
        format!(
            "  {} killed with -9 at height {}, back at the tip after {:.1} s",
            fault.names.join(", "),
            fault.height,
            fault.back_after_s
        )
    }));
    page.push(String::new());
    page.extend(verdicts(report));
    if let Some(dir) = &report.dir {
        page.push(format!("\n  The network is in {}", dir.display()));
    }
    page.join("\n")
}

fn nodes(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_header(["node", "height", "tip", "state root", "stake", "blocks led", ""]);
    for (node, leader) in report.nodes.iter().zip(&report.leaders) {
        table.add_row(vec![
            Cell::new(&node.name),
            right(node.height.map_or("-".into(), |height| height.to_string())),
            Cell::new(node.tip.map_or("does not answer".into(), |tip| tip.short())),
            Cell::new(node.state_root.map_or(String::new(), |root| root.short())),
            right(format!("{:.1} %", leader.stake_share * 100.0)),
            right(leader.blocks.to_string()),
            Cell::new(if node.restarted { "killed, back" } else { "" }),
        ]);
    }
    table.to_string().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn figures(report: &Report) -> String {
    format!(
        "  {} lines in {} blocks, {:.2} s: {:.0} final a second, a block every {:.0} ms (longest pause {} ms)",
        report.finalised,
        report.blocks,
        report.seconds,
        report.tx_per_s,
        report.block_time_ms_mean,
        report.block_time_ms_max
    )
}

fn verdicts(report: &Report) -> Vec<String> {
    let mark = |good: bool| if good { "✓" } else { "✗" };
    let refused = match report.refused.values().sum::<u64>() {
        0 => String::new(),
        _ => {
            let reasons: Vec<_> = report.refused.iter().map(|(code, count)| format!("{count} {code}")).collect();
            format!(", refused: {}", reasons.join(", "))
        }
    };
    let settled = report.finalised + report.refused.values().sum::<u64>() == report.lines;
    let supply = report.supply.map_or(String::new(), |coins| format!(": {coins} BCC"));
    let mut lines = vec![
        format!(
            "  {} {} lines sent, {} accepted, {} final{refused}",
            mark(settled),
            report.lines,
            report.accepted,
            report.finalised
        ),
        format!("  {} one tip and one state root on all {} nodes", mark(report.same_tip), report.nodes.len()),
        format!("  {} coins conserved to the micro-BCC{supply}", mark(report.coins_conserved)),
        format!("  {} nothing that was final is missing or changed", mark(report.finals_kept)),
    ];
    lines.extend(report.problems.iter().map(|problem| format!("  ✗ {problem}")));
    lines
}
