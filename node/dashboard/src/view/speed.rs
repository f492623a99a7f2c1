//! Curves: how fast it is, what waits, what it costs.

use super::head::transactions_per_second;
use super::paint::{Pen, Role};
use super::sheet::Sheet;
use crate::model::Model;
use crate::model::node::Node;
use crate::words::{bytes, clipped, left, millis, thousands, width as columns_of};
use blockchat_proto::units::UnixMillis;
use ratatui::text::{Line, Span};

/// Columns for the words behind a curve.
const WORDS: usize = 36;
/// Seconds behind the curves.
const SECONDS: usize = 120;
/// Blocks behind the curves that have a value a block.
const BLOCKS: usize = 120;

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let mut sheet = Sheet::new("speed").with_right("last 2 minutes");
    let columns = width.saturating_sub(12 + WORDS).clamp(10, 60);
    let rows = [transactions(pen), interval(pen), to_final(pen), pool(pen), traffic(pen)];
    for (name, values, words) in rows.into_iter().take(height) {
        let text = clipped(&format!("  {words}"), width.saturating_sub(12 + columns));
        sheet.push(Line::from(vec![
            Span::raw(format!(" {}", left(name, 10))),
            Span::styled(pen.curve(&values, columns), pen.style(Role::Accent)),
            Span::raw(text),
        ]));
    }
    for line in machine(pen, width).into_iter().take(height.saturating_sub(sheet.lines.len())) {
        sheet.push(line);
    }
    sheet
}

type Row = (&'static str, Vec<Option<u64>>, String);

/// A value for each of the last seconds, from blocks that came.
fn seconds(model: &Model, value: impl Fn(&crate::model::chain::Seen) -> u64) -> Vec<Option<u64>> {
    let mut all = vec![None; SECONDS];
    let now = model.now.0 / 1_000;
    let open = usize::try_from(now.saturating_sub(model.opened.0 / 1_000)).unwrap_or(SECONDS).min(SECONDS - 1);
    all[SECONDS - 1 - open..].fill(Some(0));
    for (_, seen) in model.chain.newest() {
        let Some(UnixMillis(came)) = seen.came else { continue };
        let ago = usize::try_from(now.saturating_sub(came / 1_000)).unwrap_or(SECONDS);
        if ago >= SECONDS {
            break;
        }
        *all[SECONDS - 1 - ago].get_or_insert(0) += value(seen);
    }
    all
}

fn transactions(pen: &Pen<'_>) -> Row {
    let values = seconds(pen.model, |seen| seen.block.map_or(0, |block| u64::from(block.transactions)));
    let best = values.iter().flatten().max().copied().unwrap_or(0);
    ("tx/s", values, format!("now {}   best {}", thousands(transactions_per_second(pen.model)), thousands(best)))
}

/// A value a block, oldest first.
fn blocks(model: &Model, value: impl Fn(u64) -> Option<u64>) -> Vec<Option<u64>> {
    let mut all: Vec<_> = model.chain.newest().take(BLOCKS).map(|(height, _)| value(height)).collect();
    all.reverse();
    all
}

fn interval(pen: &Pen<'_>) -> Row {
    let model = pen.model;
    let values = blocks(model, |height| model.chain.interval(height));
    let now = values.iter().flatten().last().map(|ms| millis(*ms)).unwrap_or_else(|| "-".into());
    let usual = model.chain.usual_interval().map(|ms| format!("   usual {}", millis(ms))).unwrap_or_default();
    ("interval", values, format!("last {now}{usual}"))
}

fn to_final(pen: &Pen<'_>) -> Row {
    let model = pen.model;
    let values = blocks(model, |height| model.chain.at(height)?.seen_to_final_ms);
    let sorted = model.chain.times_to_final(BLOCKS);
    let part = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied();
    let words = match (part(50), part(99)) {
        (Some(half), Some(most)) => format!("p50 {}   p99 {}", millis(half), millis(most)),
        _ => "no transaction yet".into(),
    };
    ("to final", values, words)
}

fn pool(pen: &Pen<'_>) -> Row {
    let model = pen.model;
    let values: Vec<_> = model.series.last(SECONDS).map(|sample| sample.pool).collect();
    let largest = model.nodes.iter().filter_map(Node::live).max_by_key(|status| status.pool_transactions);
    let words = largest.map_or_else(
        || "-".into(),
        |status| format!("{} tx   {}", thousands(u64::from(status.pool_transactions)), bytes(status.pool_bytes)),
    );
    ("pool", values, words)
}

fn traffic(pen: &Pen<'_>) -> Row {
    let samples: Vec<_> = pen.model.series.last(SECONDS).copied().collect();
    let values =
        samples.iter().map(|sample| sample.pool.map(|_| sample.received.saturating_add(sample.sent))).collect();
    let last = samples.last().copied().unwrap_or_default();
    ("traffic", values, format!("in {}/s   out {}/s", bytes(last.received), bytes(last.sent)))
}

/// Memory, processor and disk, as much as fits: the chosen node first.
fn machine(pen: &Pen<'_>, width: usize) -> Vec<Line<'static>> {
    let model = pen.model;
    let chosen = model.nodes.get(model.look.node).into_iter();
    let others = model.nodes.iter().enumerate().filter(|(index, _)| *index != model.look.node).map(|(_, node)| node);
    let words = |node: &Node| {
        let process = &node.process.as_ref().filter(|_| node.is_up())?.value;
        let memory = process.memory_bytes.map(bytes).unwrap_or_else(|| "-".into());
        let disk = process.disk_bytes.map(bytes).unwrap_or_else(|| "-".into());
        let cpu = node.cpu_permille.map(|it| format!(" cpu {}.{} %", it / 10, it % 10)).unwrap_or_default();
        Some(format!("{} {memory} disk {disk}{cpu}", node.name))
    };
    let mut lines: Vec<String> = vec![];
    for text in chosen.chain(others).filter_map(words) {
        let lead = if lines.is_empty() { " memory     " } else { "            " };
        match lines.last_mut() {
            Some(line) if columns_of(line) + columns_of(&text) + 4 <= width => {
                line.push_str("   ");
                line.push_str(&text);
            }
            _ => lines.push(format!("{lead}{text}")),
        }
    }
    lines.into_iter().map(|line| Line::raw(clipped(&line, width))).collect()
}
