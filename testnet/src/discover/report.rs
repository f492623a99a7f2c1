//! The output of `discover`.

use super::idle::Idle;
use super::look::{Connections, Spread};
use blockchat_client::shapes::PeerSource;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One story. Steps that were not reached are `None`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Run {
    /// Number of nodes.
    pub nodes: usize,
    /// From the last node's first answer until all knew all.
    pub all_know_all_s: Option<f64>,
    /// Connections per node, after the silence.
    pub connections: Connections,
    /// How the dialling sides had found the others: connections by source.
    pub sources: BTreeMap<PeerSource, usize>,
    /// Round trips of all connections.
    pub latency_ms: Spread,
    /// Mean bytes sent by a node until it knew all others and the network had calmed down.
    pub sent_until_calm: Option<f64>,
    /// Idle traffic after that.
    pub idle: Option<Idle>,
    /// Time until all knew all, after the first node was killed for good and a new one started with another's address.
    pub new_node_s: Option<f64>,
    /// Time until all knew all, after all were killed and started with their books alone.
    pub from_books_s: Option<f64>,
    /// Did all claims hold?
    pub ok: bool,
    /// The claims that failed.
    pub problem: Option<String>,
}

/// All stories.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One per number of nodes.
    pub runs: Vec<Run>,
    /// Did all claims of all stories hold?
    pub ok: bool,
    /// The homes and logs, if they were kept.
    #[serde(serialize_with = "blockchat_host::path_json::shown_option")]
    pub dir: Option<PathBuf>,
}

/// The page. Its last line says whether all claims held.
pub fn render(report: &Report) -> String {
    let mut page = vec![String::new(), times(report), String::new(), costs(report), String::new()];
    page.extend(report.runs.iter().filter_map(|run| Some(format!("  {} nodes: {}", run.nodes, sources(run)?))));
    page.push(String::new());
    let problem = |run: &Run| Some(format!("  x {} nodes: {}", run.nodes, run.problem.as_ref()?));
    page.extend(report.runs.iter().filter_map(problem));
    if report.ok {
        page.push("  ok: all found all from one address, without the first node, and from their books alone".into());
    }
    if let Some(dir) = &report.dir {
        page.push(format!("  The homes and logs are in {}", dir.display()));
    }
    page.join("\n")
}

fn times(report: &Report) -> String {
    let header =
        ["nodes", "all know all from one address", "first gone, a new one known", "all killed, from their books"];
    let seconds = |value: Option<f64>| value.map_or("never".into(), |seconds| format!("{seconds:.1} s"));
    let row = |run: &Run| {
        vec![run.nodes.to_string(), seconds(run.all_know_all_s), seconds(run.new_node_s), seconds(run.from_books_s)]
    };
    table(&header, report.runs.iter().map(row))
}

fn costs(report: &Report) -> String {
    let header = [
        "nodes",
        "connections\nmin / mean / max",
        "out",
        "in",
        "sent until\nall is calm",
        "idle, received B/s\nmin / mean / max",
        "idle, sent B/s\nmin / mean / max",
        "between\nblocks B/s",
        "an empty\nblock B",
    ];
    let row = |run: &Run| {
        let idle = |show: fn(&Idle) -> String| run.idle.as_ref().map_or("-".into(), show);
        vec![
            run.nodes.to_string(),
            run.connections.all.to_string(),
            run.connections.outbound.to_string(),
            run.connections.inbound.to_string(),
            run.sent_until_calm.map_or("-".into(), |bytes| format!("{:.0} KB", bytes / 1_000.0)),
            idle(|idle| whole(idle.received_per_s)),
            idle(|idle| whole(idle.sent_per_s)),
            idle(|idle| format!("{:.0}", idle.sent_per_s_between_blocks)),
            idle(|idle| idle.sent_per_block.map_or("-".into(), |bytes| format!("{bytes:.0}"))),
        ]
    };
    table(&header, report.runs.iter().map(row))
}

fn whole(spread: Spread) -> String {
    let Spread { min, mean, max } = spread;
    format!("{min:.0} / {mean:.0} / {max:.0}")
}

fn sources(run: &Run) -> Option<String> {
    let sources: Vec<_> = run.sources.iter().map(|(source, count)| format!("{count} by {source}")).collect();
    (!sources.is_empty()).then(|| format!("connections made {}; round trips {} ms", sources.join(", "), latency(run)))
}

fn latency(run: &Run) -> String {
    let Spread { min, mean, max } = run.latency_ms;
    format!("{min:.2} / {mean:.1} / {max:.1}")
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_header(header);
    for row in rows {
        table.add_row(row.into_iter().map(|text| Cell::new(text).set_alignment(CellAlignment::Right)));
    }
    table.to_string().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_that_broke_off_says_where_and_why() {
        let broken = Run {
            nodes: 5,
            all_know_all_s: Some(1.2),
            problem: Some("id3 does not know id1".into()),
            ..Run::default()
        };
        let page = render(&Report { runs: vec![broken], ok: false, dir: Some("/net".into()) });
        assert!(page.contains("1.2 s") && page.contains("never"), "{page}");
        assert!(page.contains("x 5 nodes: id3 does not know id1") && page.contains("/net"), "{page}");
        assert!(!page.contains("ok:"), "{page}");
    }
}
